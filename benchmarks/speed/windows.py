"""Memory and time of reading a large TIFF window by window.

    python -m benchmarks.speed.windows --side 20000 --json windows.json

Writes a tiled TIFF, then reads all of its windows in a process of its own. The peak is that of the
process, its packages included.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.common import (
    figures_of_process,
    given_options,
    parse_arguments,
    peak_megabytes,
    setting,
    table,
    write_json,
)
from sapnet.data.image_files.address import ImageAddress
from sapnet.data.image_files.header import whole_size
from sapnet.data.images import load_image, load_reduced
from sapnet.data.tiles.grid import Tiling

_TILE = 256


def write_image(path: Path, side: int) -> None:
    """Write noise, of which a part is flat, so that the file is of usual size."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (_TILE, _TILE, 3), np.uint8)
    flat = np.full_like(noise, 90)

    def tiles() -> Iterator[np.ndarray]:
        for number in range((-(-side // _TILE)) ** 2):
            yield noise if number % 4 == 0 else flat

    tifffile.imwrite(
        path, tiles(), shape=(side, side, 3), dtype=np.uint8, photometric="rgb",
        tile=(_TILE, _TILE), compression="zlib", bigtiff=True,
    )  # fmt: skip


def read_all(path: Path, tile: int) -> dict[str, float]:
    """Read all windows of a file, and all of it at 2,000 px; return figures of this process."""
    begun = time.perf_counter()
    windows = Tiling(tile, tile // 4).windows(*whole_size(path))
    for window in windows:
        load_image(str(ImageAddress(str(path), window)))
    seconds = time.perf_counter() - begun
    peak = peak_megabytes()
    load_reduced(path, (2000, 2000))
    smaller = peak_megabytes()
    return {
        "windows": len(windows),
        "ms_a_window": 1000 * seconds / len(windows),
        "peak_mb": peak,
        "peak_mb_reduced": smaller,
    }


def main() -> None:
    """Write images of two sizes, read them, and print the figures."""
    args = parse_arguments(
        __doc__,
        side={"type": int, "default": 20_000, "help": "side of the larger image, px"},
        small={"type": int, "default": 2_500, "help": "side of the smaller image, px"},
        tile={"type": int, "default": 1024, "help": "side of a window, px"},
    )
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for side in (args.small, args.side):
            path = Path(folder) / f"{side}.tif"
            write_image(path, side)
            found[side] = figures_of_process("benchmarks.speed.windows", "child", path, args.tile)
            path.unlink()
    names = ("windows", "ms_a_window", "peak_mb", "peak_mb_reduced")
    rows = [[f"{side} px", *(figures[name] for name in names)] for side, figures in found.items()]
    print(table(["side", *names], rows))
    summary = {f"{name}_{side}": f[name] for side, f in found.items() for name in names}
    write_json(args.json, summary, setting(**given_options(args)), found)


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        print(json.dumps(read_all(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()

"""Reading of a clicks file: our reader beside msgspec, in time and memory.

pip install msgspec
python -m benchmarks.speed.validation --objects 100000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

IMAGE_SIDE = 640
PER_IMAGE = 10
READERS = ("json", "sapnet", "msgspec")


def write_clicks(path: Path, num_objects: int) -> None:
    """Write a clicks file with a point and a box for each object."""
    num_images = -(-num_objects // PER_IMAGE)
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": IMAGE_SIDE, "height": IMAGE_SIDE}
        for i in range(1, num_images + 1)
    ]
    annotations = [
        {"id": n + 1, "image_id": n // PER_IMAGE + 1, "category_id": n % 80 + 1,
         "point": [n % 600 + 0.5, n % 500 + 0.5], "bbox": [n % 600, n % 500, 30, 40]}
        for n in range(num_objects)
    ]  # fmt: skip
    categories = [{"id": n, "name": f"category {n}"} for n in range(1, 81)]
    content = {"images": images, "categories": categories, "annotations": annotations}
    path.write_text(json.dumps(content))


def read_with_msgspec(path: Path) -> int:
    """Read a clicks file into structs whose types and ranges msgspec checks."""
    import msgspec

    identity = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    name = Annotated[str, msgspec.Meta(min_length=1)]
    side = Annotated[int, msgspec.Meta(ge=1)]
    fields: dict[str, list[tuple[str, Any]]] = {
        "Image": [("id", identity), ("file_name", name), ("width", side), ("height", side)],
        "Category": [("id", identity), ("name", name)],
        "Object": [
            ("id", identity),
            ("image_id", identity),
            ("category_id", identity),
            ("point", tuple[float, float]),
            ("bbox", tuple[float, float, float, float]),
        ],
    }
    image, category, each = (msgspec.defstruct(title, kept) for title, kept in fields.items())
    whole = msgspec.defstruct(
        "Clicks",
        [("images", list[image]), ("categories", list[category]), ("annotations", list[each])],  # type: ignore[valid-type]
    )
    return len(msgspec.json.decode(path.read_bytes(), type=whole).annotations)


def read(reader: str, path: Path) -> int:
    """Return the number of objects that a reader finds."""
    match reader:
        case "json":
            return len(json.loads(path.read_bytes())["annotations"])
        case "msgspec":
            return read_with_msgspec(path)
        case _:
            from sapnet.data.clicks import load_clicks

            return len(load_clicks(path).clicks)


def peak_kib() -> int:
    """Return this process's peak memory so far; that of `getrusage` includes its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Measure each reader once, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.reader is not None:
        small = args.file.with_name("small.json")
        read(args.reader, small)  # imports
        before = peak_kib()
        start = time.process_time()
        count = read(args.reader, args.file)
        seconds = time.process_time() - start
        grown = peak_kib() - before
        print(f"{args.reader}: {count} objects, {seconds:.2f} CPU s, {grown / 1024:.0f} MiB more")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clicks.json"
        write_clicks(path, args.objects)
        write_clicks(path.with_name("small.json"), PER_IMAGE)
        print(f"{path.stat().st_size / 1e6:.0f} MB", flush=True)
        for reader in READERS:
            words = ["-m", "benchmarks.speed.validation", "--reader", reader, "--file", str(path)]
            subprocess.run([sys.executable, *words], check=True)


if __name__ == "__main__":
    main()

"""Candidates of clicks on a large image: of the whole image, of windows, and of both.

    python -m benchmarks.quality.page_windows --images nuclei/images/train \
        --truth nuclei/instances_train.json --side 6000 --work /tmp/mosaic --json page_windows.json

Images are scaled up into cells of one size until they fill a square TIFF. Objects are clicked in
their middle, one by one, and the preview of `sapnet annotate` answers with the embedded segmenter,
as on the page: from the whole image, from both views (what the page does until the clicks advise
windows), and from the windows that all clicks advise. Each way runs in a process of its own, whose
peak of memory is told.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from benchmarks.common import (
    given_options,
    parse_arguments,
    peak_megabytes,
    setting,
    table,
    write_json,
)
from benchmarks.quality.mosaic import cells
from sapnet.annotate.different import few_and_different
from sapnet.annotate.preview.stage import PreviewStage, PreviewTask
from sapnet.annotate.preview.views import Windows
from sapnet.data.coco import load_instances
from sapnet.data.tiles.advice import advise_tiles
from sapnet.data.tiles.grid import Tiling
from sapnet.geometry.middles import middle_pixels
from sapnet.geometry.rle import encode_masks, rle_iou
from sapnet.geometry.rle_windows import place_rle
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.config import StagedConfig
from sapnet.structures.clicks import RLE, Click, ImageRecord

_FIGURES = ("first", "offered", "best", "seconds_of_first", "seconds", "peak_mb")


def write_mosaic(args: argparse.Namespace) -> tuple[Path, list[RLE]]:
    """Write the mosaic as a TIFF; return it and the masks of all of its objects."""
    args.work.mkdir(parents=True, exist_ok=True)
    per_row, cell = args.side // args.cell, args.cell
    side = per_row * cell
    pixels, masks = np.zeros((side, side, 3), np.uint8), list[RLE]()
    truth = load_instances(args.truth)
    for number, one in enumerate(islice(cells(truth, args.images, cell), per_row**2)):
        row, column = divmod(number, per_row)
        x, y = column * cell, row * cell
        pixels[y : y + cell, x : x + cell] = one.pixels
        masks += [place_rle(rle, (x, y), (side, side)) for rle in encode_masks(one.masks)]
    path = args.work / "mosaic.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(256, 256), compression="zlib")
    return path, masks


def judge(path: Path, windows: Windows, clicks: list[Click], masks: list[RLE]) -> dict[str, float]:
    """Ask for the candidates of clicks one by one; return the mean IoUs, seconds and memory."""
    stage = PreviewStage(build_staged_proposer(StagedConfig("click")))
    rows, seconds = [], []
    for click, mask in zip(clicks, masks, strict=True):
        start = time.perf_counter()
        found = stage(PreviewTask(path, (click,), 0, windows))
        seconds.append(time.perf_counter() - start)
        if found is not None:
            overlaps = rle_iou(found.rles, [mask])[:, 0]
            offered = overlaps[few_and_different(found)]
            rows.append((offered[0], offered.max(), overlaps.max()))
    first, offered, best = np.mean(rows, axis=0).tolist()
    peak = peak_megabytes()
    values = (first, offered, best, seconds[0], float(np.median(seconds[1:])), peak)
    return dict(zip(_FIGURES, values, strict=True))


def main() -> None:
    """Write the mosaic, click on it in three ways, and print the figures."""
    args = parse_arguments(
        __doc__,
        images={"type": Path, "required": True, "help": "folder of the images"},
        truth={"type": Path, "required": True, "help": "their true instances"},
        work={"type": Path, "required": True, "help": "folder for the mosaic"},
        side={"type": int, "default": 6000, "help": "side of the mosaic, px"},
        cell={"type": int, "default": 600, "help": "side of a cell, px"},
        count={"type": int, "default": 100, "help": "clicks"},
        seed={"type": int, "default": 0, "help": "of their choice"},
    )
    path, masks = write_mosaic(args)
    points = middle_pixels(masks) + 0.5
    clicks = [Click(n + 1, 1, 1, ((float(x), float(y)),)) for n, (x, y) in enumerate(points)]
    height, width = masks[0]["size"]
    advice = advise_tiles([ImageRecord(1, path.name, width, height)], clicks)
    ways = {"whole image": Windows(), "whole image and window": Windows(is_open=True)}
    if advice is not None:
        ways[f"windows of {advice.size} px"] = Windows(Tiling.of(advice.size))
    chosen = np.random.default_rng(args.seed).permutation(len(masks))[: args.count]
    asked = [clicks[n] for n in chosen], [masks[n] for n in chosen]
    figures: dict[str, dict[str, Any]] = {}
    for name, windows in ways.items():
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            figures[name] = pool.submit(judge, path, windows, *asked).result()
    head = ["", "IoU of the first", "best of those offered", "best of all", "first, s", "s a click"]
    rows = [[name, *found.values()] for name, found in figures.items()]
    print(table([*head, "peak MB"], rows))
    facts = {"objects": len(masks), "clicks": len(chosen)}
    write_json(args.json, facts, setting(**given_options(args)), figures)


if __name__ == "__main__":
    main()

"""A mosaic of many images: the same objects as image by image, and no duplicates.

    sapnet train --config small_images_cpu --supervision masks --images nuclei/images/train \
        --masks nuclei/instances_train.json --out run
    python -m benchmarks.quality.mosaic --run run --images nuclei/images/val \
        --truth nuclei/instances_val.json --side 12000 --work /tmp/mosaic --json mosaic.json

Images are scaled up into cells of one size, each mirrored and turned in eight ways, until they fill
a square TIFF of the given side. The network sees the cells one by one, as files, and the TIFF in
windows of the cells' size that overlap: windows and cells do not coincide. Both are scored cell by
cell against one truth (COCO counts at most 100 objects of an image). Memory is the peak of a
process of `sapnet predict`; a second TIFF of more pixels without objects shows whether it grows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from benchmarks.common import (
    given_options,
    module_environment,
    parse_arguments,
    peak_megabytes,
    setting,
    table,
    write_json,
)
from sapnet.data.coco import Instance, InstanceSet, load_instances
from sapnet.data.images import load_image
from sapnet.evaluation.predictions import evaluate_predictions
from sapnet.geometry.rle import (
    decode_masks,
    encode_masks,
    rle_areas,
    rle_boxes,
    rle_iou,
    rle_to_json,
    to_rle,
)
from sapnet.geometry.rle_windows import cut_rle
from sapnet.structures.clicks import ImageRecord
from sapnet.system.files import read_json

GAP = 12
"""Pixels between an image and the border of its cell, of the image's middle colour."""

SHOWN = 0.3
"""Least score of masks that are looked at for duplicates."""

DUPLICATE_IOU = 0.5


@dataclass(frozen=True)
class Cell:
    """One image in its cell.

    Attributes:
        pixels: (S, S, 3) uint8.
        masks: (N, S, S) bool, its objects.
        labels: N category ids.
    """

    pixels: np.ndarray
    masks: np.ndarray
    labels: tuple[int, ...]


def cells(truth: InstanceSet, folder: Path, side: int) -> Iterator[Cell]:
    """Yield the images in cells, again and again, mirrored and turned in eight ways."""
    grouped = truth.instances_by_image()
    for turn in range(8):
        for image in truth.images:
            objects = [i for i in grouped[image.image_id] if not i.is_crowd]
            pixels = load_image(folder / image.file_name)
            masks = decode_masks([i.rle() for i in objects]) if objects else np.zeros((0, 1, 1))
            scale = (side - 2 * GAP) / max(pixels.shape[:2])
            height, width = (round(length * scale) for length in pixels.shape[:2])
            color = np.median(pixels.reshape(-1, 3), axis=0).astype(np.uint8)
            cell = np.broadcast_to(color, (side, side, 3)).copy()
            rows, columns = slice(GAP, GAP + height), slice(GAP, GAP + width)
            scaled = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
            cell[rows, columns] = np.asarray(scaled)
            placed = np.zeros((len(objects), side, side), bool)
            for place, mask in zip(placed, masks, strict=True):
                small = Image.fromarray(mask * np.uint8(255)).resize((width, height))
                place[rows, columns] = np.asarray(small) > 127
            kept = placed.any((1, 2))
            turned = [_turned(m, turn) for m in placed[kept]]
            yield Cell(
                _turned(cell, turn),
                np.array(turned).reshape(-1, side, side),
                tuple(i.category_id for i, k in zip(objects, kept, strict=True) if k),
            )


def _turned(pixels: np.ndarray, turn: int) -> np.ndarray:
    turned: np.ndarray = np.rot90(pixels, turn % 4)
    return np.ascontiguousarray(turned[:, ::-1] if turn >= 4 else turned)


def write_inputs(args: argparse.Namespace) -> InstanceSet:
    """Write the cells as files and as one mosaic; return the truth of the cells."""
    truth = load_instances(args.truth)
    per_row = args.side // args.cell
    work: Path = args.work
    for name in ("cells", "mosaic", "larger"):
        (work / name).mkdir(parents=True, exist_ok=True)
    mosaic = np.memmap(
        work / "pixels.bin", np.uint8, "w+", shape=(per_row * args.cell, per_row * args.cell, 3)
    )
    images: list[ImageRecord] = []
    instances: list[Instance] = []
    supply = _endless(truth, args.images, args.cell)
    for number in range(per_row**2):
        cell = next(supply)
        row, column = divmod(number, per_row)
        y, x = row * args.cell, column * args.cell
        mosaic[y : y + args.cell, x : x + args.cell] = cell.pixels
        image = ImageRecord(number, f"{number:05d}.png", args.cell, args.cell)
        Image.fromarray(cell.pixels).save(work / "cells" / image.file_name)
        images.append(image)
        for rle, label in zip(encode_masks(cell.masks), cell.labels, strict=True):
            where = len(instances) + 1
            instances.append(Instance(where, image, label, False, rle_to_json(rle), Path("mosaic")))
    options: dict[str, Any] = {"photometric": "rgb", "tile": (256, 256), "compression": "zlib"}
    tifffile.imwrite(work / "mosaic" / "mosaic.tif", mosaic, **options)
    larger = (args.larger, args.larger, 3)
    blank = np.memmap(work / "blank.bin", np.uint8, "w+", shape=larger)
    tifffile.imwrite(work / "larger" / "larger.tif", blank, **options)
    for name in ("pixels.bin", "blank.bin"):
        (work / name).unlink()
    return InstanceSet(tuple(images), truth.categories, tuple(instances))


def _endless(truth: InstanceSet, folder: Path, side: int) -> Iterator[Cell]:
    while True:
        yield from cells(truth, folder, side)


def predict(args: argparse.Namespace, name: str, *words: object) -> tuple[Path, float]:
    """Run `sapnet predict` on a folder; return its results and the peak of its memory in MB."""
    out = args.work / f"out_{name}"
    command = [
        sys.executable, "-m", "benchmarks.quality.mosaic", "child", "predict", "--run", args.run,
        "--images", args.work / name, "--out", out, "--no-pictures", "--overwrite", "--device",
        "cpu", *words,
    ]  # fmt: skip
    child = subprocess.run(
        [str(word) for word in command],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=module_environment(),
    )
    return out / "results.json", float(child.stdout.splitlines()[-1])


def by_cell(results: Path, side: int, cell: int) -> list[dict[str, Any]]:
    """Return the predictions on the mosaic as predictions on the cells that hold their middle."""
    per_row, found = side // cell, []
    whole = per_row * cell
    for record in read_json(results):
        x, y, width, height = record["bbox"]
        column = min(int((x + width / 2) // cell), per_row - 1)
        row = min(int((y + height / 2) // cell), per_row - 1)
        corner = (column * cell, row * cell)
        rle = cut_rle(to_rle(record["segmentation"], whole, whole), corner, (cell, cell))
        if rle_areas([rle])[0]:
            found.append(
                {
                    "image_id": row * per_row + column,
                    "category_id": record["category_id"],
                    "segmentation": rle_to_json(rle),
                    "score": record["score"],
                }
            )
    return found


def of_cells(results: Path) -> list[dict[str, Any]]:
    """Return the predictions on the cells' files with the cells' ids."""
    keys = ("category_id", "segmentation", "score")
    return [
        {"image_id": int(Path(r["file_name"]).stem), **{key: r[key] for key in keys}}
        for r in read_json(results)
    ]


def count_duplicates(results: Path) -> int:
    """Count pairs of shown masks of one image that are one object by their IoU."""
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in read_json(results):
        if record["score"] >= SHOWN:
            grouped[record["file_name"]].append(record)
    return sum(_duplicates(records) for records in grouped.values())


def _duplicates(records: Sequence[dict[str, Any]]) -> int:
    size = records[0]["segmentation"]["size"]
    rles = [to_rle(record["segmentation"], *size) for record in records]
    boxes = rle_boxes(rles).astype(int)
    order = np.argsort(boxes[:, 0])
    count = 0
    for place, first in enumerate(order):
        x1, y1, x2, y2 = boxes[first].tolist()
        for second in order[place + 1 :]:
            left, top, right, bottom = boxes[second].tolist()
            if left >= x2:
                break
            if top < y2 and bottom > y1:
                corner = (min(x1, left), min(y1, top))
                frame = (max(y2, bottom) - corner[1], max(x2, right) - corner[0])
                pair = [cut_rle(rles[i], corner, frame) for i in (first, second)]
                count += bool(rle_iou(pair[:1], pair[1:])[0, 0] >= DUPLICATE_IOU)
    return count


def child() -> None:
    """Run the command line of sapnet and print the peak of the memory, MB."""
    from sapnet.cli import main as run

    status = run(sys.argv[2:])
    print(peak_megabytes())
    sys.exit(status)


def main() -> None:
    """Write the mosaic, predict, and print the figures."""
    args = parse_arguments(
        __doc__,
        run={"type": Path, "required": True, "help": "trained run"},
        images={"type": Path, "required": True, "help": "folder of the images"},
        truth={"type": Path, "required": True, "help": "their true instances"},
        work={"type": Path, "required": True, "help": "folder for the mosaic and the results"},
        side={"type": int, "default": 12_000, "help": "side of the mosaic, px"},
        cell={"type": int, "default": 600, "help": "side of a cell and of a window, px"},
        overlap={"type": int, "default": 150, "help": "pixels that windows share"},
        larger={"type": int, "default": 20_000, "help": "side of the TIFF without objects, px"},
    )
    truth = write_inputs(args)
    windows = ("--tile", args.cell, "--overlap", args.overlap)
    apart, memory_apart = predict(args, "cells", "--tile", 0)
    joined, memory = predict(args, "mosaic", *windows)
    _, memory_larger = predict(args, "larger", *windows)
    scored = {
        "image by image": evaluate_predictions(of_cells(apart), truth),
        "mosaic": evaluate_predictions(by_cell(joined, args.side, args.cell), truth),
    }
    duplicates = {"image by image": count_duplicates(apart), "mosaic": count_duplicates(joined)}
    peaks = {"image by image": memory_apart, "mosaic": memory}
    names = ("mask_ap", "mask_ap50", "mask_ap75")
    rows = [
        [name, *(figures[key] for key in names), duplicates[name], round(peaks[name])]
        for name, figures in scored.items()
    ]
    print(table(["", "AP", "AP50", "AP75", "pairs of one object", "peak MB"], rows))
    print(f"peak at {args.larger} x {args.larger} px: {memory_larger:.0f} MB")
    summary = {
        "ap_image_by_image": scored["image by image"]["mask_ap"],
        "ap_mosaic": scored["mosaic"]["mask_ap"],
        "duplicates_image_by_image": duplicates["image by image"],
        "duplicates_mosaic": duplicates["mosaic"],
        "peak_mb_image_by_image": memory_apart,
        "peak_mb_mosaic": memory,
        "peak_mb_larger": memory_larger,
        "objects": len(truth.instances),
    }
    write_json(args.json, summary, setting(**given_options(args)), scored)
    print(json.dumps(summary))


if __name__ == "__main__":
    child() if sys.argv[1:2] == ["child"] else main()

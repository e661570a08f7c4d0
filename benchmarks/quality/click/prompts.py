"""Gain of further clicks: the favourite and the best of eight after 1, 2, 3 and 5 clicks.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.click.prompts --weights click.safetensors \
        --images coco/val2017 --truth coco/annotations/instances_val2017.json \
        --clicks coco/points_val2017.json --json prompts.json

Each further click is placed by rule: in the middle of the largest error of the favourite, on the
object where it was left out, off it where too much was taken in. A last column has the first click
and the object's box.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.common import parse_arguments, setting, table, write_json
from sapnet.data.clicks import load_clicks
from sapnet.data.coco import load_instances
from sapnet.data.images import load_image
from sapnet.geometry.rle import decode_masks, rle_boxes, rle_iou
from sapnet.proposals.click.choice import choose_proposals
from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.segmenter import ClickSegmenter, PreparedImage
from sapnet.proposals.click.weights import load_weights
from sapnet.structures.clicks import RLE, Click
from sapnet.structures.proposals import Proposals
from sapnet.teaching.further import error_clicks

CLICKS = (1, 2, 3, 5)


def main() -> None:
    """Measure, print and, where asked, write the figures."""
    args = parse_arguments(
        __doc__,
        weights={"type": Path, "required": True, "help": "file of trained weights"},
        images={"type": Path, "required": True, "help": "folder of images"},
        truth={"type": Path, "required": True, "help": "their COCO instance json"},
        clicks={"type": Path, "required": True, "help": "a click per object, COCO-style json"},
        min_area={"type": float, "default": 1024, "help": "least area of a scored object, px"},
        limit={"type": int, "default": 100, "help": "number of objects, drawn with seed 0"},
    )
    torch.set_num_threads(1)
    segmenter = ClickSegmenter(load_weights(args.weights), ClickConfig())
    rows = np.array(list(measure(segmenter, args)), np.float64)
    names = [*(f"{count} clicks" for count in CLICKS), "1 click and box"]
    figures = dict(zip(names, rows.mean(0).tolist(), strict=True))
    lines = [[name, *values] for name, values in figures.items()]
    print(table(["prompt", "favourite", "best of 8"], lines))
    summary = {
        f"{name} {kind}": value
        for name, values in figures.items()
        for kind, value in zip(("favourite", "best_of_8"), values, strict=True)
    }
    own = {key: str(value) for key, value in vars(args).items() if value is not None}
    write_json(args.json, {"objects": len(rows), **summary}, setting(**own), {})


def measure(
    segmenter: ClickSegmenter, args: argparse.Namespace
) -> Iterator[list[tuple[float, float]]]:
    """IoU of the favourite and of the best of eight, for each object by prompt."""
    clicks = load_clicks(args.clicks)
    of_id = {entry.annotation_id: entry for entry in load_instances(args.truth).instances}
    names = {image.image_id: image.file_name for image in clicks.images}
    asked = [c for c in clicks.clicks if of_id[c.annotation_id].area >= args.min_area]
    places = np.random.default_rng(0).permutation(len(asked))[: args.limit]
    for place in sorted(places):
        click = asked[place]
        prepared = segmenter.prepare(load_image(args.images / names[click.image_id]))
        yield prompt_ious(segmenter, prepared, click, of_id[click.annotation_id].rle())


def prompt_ious(
    segmenter: ClickSegmenter, prepared: PreparedImage, click: Click, truth: RLE
) -> list[tuple[float, float]]:
    """(favourite, best of eight) of an object, with more and more clicks, then with its box."""
    size, target = prepared.pyramid.size, decode_masks([truth])[0].astype(np.float32)
    x1, y1, x2, y2 = rle_boxes([truth])[0].tolist()
    boxed = replace(click, box=(x1, y1, x2, y2))
    found = {}
    for count in range(1, max(CLICKS) + 1):
        proposals = choose(segmenter, prepared, click)
        ious = rle_iou(proposals.rles, [truth])[:, 0]
        found[count] = (float(ious[0]), float(ious.max()))
        for point, sign in error_clicks(decode_masks(proposals.rles[:1])[0] != 0, target):
            x, y = (point * size[::-1]).tolist()
            if sign > 0:
                click = replace(click, points=(*click.points, (x, y)))
            else:
                click = replace(click, negative_points=(*click.negative_points, (x, y)))
    proposals = choose(segmenter, prepared, boxed)
    ious = rle_iou(proposals.rles, [truth])[:, 0]
    return [*(found[count] for count in CLICKS), (float(ious[0]), float(ious.max()))]


def choose(segmenter: ClickSegmenter, prepared: PreparedImage, click: Click) -> Proposals:
    """The eight masks of a click."""
    candidates = segmenter.candidates(prepared, click)
    return choose_proposals(candidates, click, prepared.pyramid.size, segmenter.cfg)


if __name__ == "__main__":
    main()

"""IoU of the boxes of `sapnet enhance` with the true boxes, beside the best fixed box.

    python -m benchmarks.quality.enhancer --enhanced enhanced.json --truth instances.json \
        --stores point=store box=store_with_boxes

compares each estimated box with the tight box of its object's true mask. The baseline is one box
for all objects, centred on the click, with one size (a share of the image's short side) and one
shape. Size and shape are the best of a grid *on the same truth*, so the baseline has information
that the enhancer lacks. `--fit-enhanced` and `--fit-truth` choose it on another set instead. With
stores, the script also prints the IoU of the best mask of each bag (oracle) and of the proposer's
own choice, for each kind of prompts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.common import parse_arguments, setting, table, write_json
from sapnet.data.clicks import load_clicks
from sapnet.data.coco import load_instances
from sapnet.enhancement.bags import anchor_boxes
from sapnet.enhancement.config import AnchorsConfig
from sapnet.evaluation.proposals import evaluate_proposals
from sapnet.geometry.boxes import broadcast_iou
from sapnet.geometry.rle import rle_boxes

FIXED_SIDES = tuple(np.geomspace(0.03, 1.3, 48).tolist())
FIXED_RATIOS = tuple(np.geomspace(0.5, 2.0, 9).tolist())
"""Grid of the fixed box: root of its area as a share of the short side, and width over height."""


@dataclass(frozen=True)
class Judged:
    """Clicks with an estimated and a true box.

    Attributes:
        points: (N, 2) x, y of the clicks.
        sizes: (N, 2) height and width of their images.
        estimated: (N, 4) xyxy estimated boxes.
        scores: (N,) scores of the estimated boxes.
        true: (N, 4) xyxy tight boxes of the true masks.
        areas: (N,) areas of the true masks, px.
    """

    points: Tensor
    sizes: Tensor
    estimated: Tensor
    scores: Tensor
    true: Tensor
    areas: Tensor


def read(enhanced: Path, truth: Path, min_area: float) -> Judged:
    """Read the clicks with an estimated box whose true mask has at least `min_area` pixels."""
    instances = load_instances(truth).instances
    objects = {e.annotation_id: e for e in instances if not e.is_crowd and e.area >= min_area}
    clicks = load_clicks(enhanced)
    size_of = {image.image_id: (image.height, image.width) for image in clicks.images}
    chosen = [c for c in clicks.clicks if c.box_score is not None and c.annotation_id in objects]
    rles = [objects[click.annotation_id].rle() for click in chosen]
    return Judged(
        points=torch.tensor([click.point for click in chosen]),
        sizes=torch.tensor([size_of[click.image_id] for click in chosen]),
        estimated=torch.tensor([click.box for click in chosen]),
        scores=torch.tensor([click.box_score for click in chosen]),
        true=torch.from_numpy(rle_boxes(rles)).float(),
        areas=torch.tensor([objects[click.annotation_id].area for click in chosen]),
    )


def best_fixed_box(judged: Judged) -> AnchorsConfig:
    """Return the side and the ratio of the grid whose box has the best mean IoU."""
    grid = AnchorsConfig(FIXED_SIDES, FIXED_RATIOS)
    boxes = anchor_boxes(judged.points, judged.sizes, grid)
    best = int(broadcast_iou(boxes, judged.true[:, None]).mean(0).argmax())
    side, ratio = divmod(best, len(FIXED_RATIOS))
    return AnchorsConfig((FIXED_SIDES[side],), (FIXED_RATIOS[ratio],))


def describe(boxes: Tensor, judged: Judged) -> dict[str, float]:
    """Return mean IoU (also by object size), share above 0.5, and ratio to the true size."""
    ious = broadcast_iou(boxes, judged.true)
    sides, true_sides = (
        (b[:, 2:] - b[:, :2]).clamp(min=0).prod(1).sqrt() for b in (boxes, judged.true)
    )
    small, large = judged.areas < 32**2, judged.areas >= 96**2  # COCO's size groups
    groups = {"": judged.areas >= 0, "_small": small, "_medium": ~(small | large), "_large": large}
    means = {f"box_miou{name}": float(ious[which].mean()) for name, which in groups.items()}
    ratio = (sides / true_sides).log()
    return means | {
        "share_above_half": float((ious > 0.5).float().mean()),
        "side_ratio": float(ratio.mean().exp()),
        "side_spread": float(ratio.std().exp()),
    }


def main() -> None:
    """Measure, print and write the figures."""
    args = parse_arguments(
        __doc__,
        enhanced={"type": Path, "required": True, "help": "written by sapnet enhance"},
        truth={"type": Path, "required": True, "help": "COCO instance json of the same objects"},
        fit_enhanced={"type": Path, "help": "clicks of another set that choose the fixed box"},
        fit_truth={"type": Path, "help": "their COCO instance json"},
        min_area={"type": float, "default": 0.0, "help": "smallest area of an object, px"},
        stores={"nargs": "*", "default": [], "help": "NAME=STORE of proposals to compare"},
    )
    judged = read(args.enhanced, args.truth, args.min_area)
    fitted = judged
    if args.fit_enhanced is not None:
        fitted = read(args.fit_enhanced, args.fit_truth, args.min_area)
    fixed = best_fixed_box(fitted)
    anchors = anchor_boxes(judged.points, judged.sizes, AnchorsConfig())
    nearest = broadcast_iou(anchors, judged.true[:, None]).argmax(1)
    sure = judged.scores >= judged.scores.median()
    rows = {
        "enhancer": describe(judged.estimated, judged),
        "best fixed box": describe(anchor_boxes(judged.points, judged.sizes, fixed)[:, 0], judged),
        "best anchor (bound)": describe(anchors[torch.arange(len(anchors)), nearest], judged),
    }
    used = setting(min_area=args.min_area, fixed_side=fixed.sides[0], fixed_ratio=fixed.ratios[0])
    print("  ".join(f"{name} {value}" for name, value in used.items()))
    print(f"{len(judged.true)} objects")
    head = list(rows["enhancer"])
    print(table(["boxes", *head], [[name, *row.values()] for name, row in rows.items()]))
    ious = broadcast_iou(judged.estimated, judged.true)
    print(f"box_miou by score: upper half {ious[sure].mean():.3f}, lower {ious[~sure].mean():.3f}")
    summary = {f"{name} {key}": value for name, row in rows.items() for key, value in row.items()}
    found = []
    for entry in args.stores:
        name, _, store = entry.partition("=")
        figures = evaluate_proposals(store, args.truth, args.min_area)
        found.append([name, figures["oracle_miou"], figures["top1_miou"]])
        summary |= {f"{name} {key}": value for key, value in figures.items()}
    if found:
        print(table(["prompts", "oracle_miou", "top1_miou"], found))
    write_json(args.json, summary, used, {"iou": ious.tolist(), "score": judged.scores.tolist()})


if __name__ == "__main__":
    main()

"""Masks of the click segmenter against ground truth: best of all, of eight, favourite.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.click.segmenter --weights click.safetensors \
        --coco coco --sets sets --json click.json

Reads val of a folder laid out as COCO with its `points_val2017.json` (objects of more than 1,024
px), and val of each folder of `--sets`, whose clicks `sapnet points` would draw. Nothing of it may
have been learned from.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.common import parse_arguments, setting, table, write_json
from sapnet.data.clicks import load_clicks
from sapnet.data.coco import load_instances
from sapnet.data.images import load_image
from sapnet.data.sampling import sample_clicks
from sapnet.geometry.rle import decode_masks
from sapnet.proposals.click.candidates import (
    Candidates,
    candidate_areas,
    candidate_overlaps,
    paste,
)
from sapnet.proposals.click.choice import cover, votes
from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.keeping import prompt_fit
from sapnet.proposals.click.rivals import with_rivals
from sapnet.proposals.click.segmenter import ClickSegmenter
from sapnet.proposals.click.weights import load_weights
from sapnet.structures.clicks import Click, ClickSet

MEDIUM, LARGE = 32**2, 96**2
SIZES = (("", 0, np.inf), ("_medium", MEDIUM, LARGE), ("_large", LARGE, np.inf))
AREA_POWERS = (0.0, 0.1, 0.2)
SAME = 0.85
"""IoU from which on two masks are the same to the plain suppression that is compared with."""


@dataclass(frozen=True)
class JudgedClick:
    """The candidates of a click beside the truth.

    Attributes:
        area: of the object, square pixels.
        ious: (M,) with the object.
        own: (M,) own scores, less where a mask does not keep to the clicks.
        overlaps: (M, M) IoU between the candidates.
        shares: (M,) of the image's area.
        windows: (M,) the window of each.
        seconds: the answer took, the image's preparation and this judging apart.
    """

    area: float
    ious: np.ndarray
    own: np.ndarray
    overlaps: np.ndarray
    shares: np.ndarray
    windows: np.ndarray
    seconds: float


def main() -> None:
    """Measure each set, print and, where asked, write the figures."""
    args = parse_arguments(
        __doc__,
        weights={"type": Path, "required": True, "help": "file of trained weights"},
        coco={"type": Path, "help": "folder of COCO with val2017"},
        sets={"type": Path, "help": "folder of sets with images/val"},
        limit={"type": int, "help": "most objects of a set, drawn with seed 0"},
        window_side={"type": int, "default": ClickConfig.window_side, "help": "pixels"},
        max_rivals={
            "type": int,
            "default": ClickConfig.max_rivals,
            "help": "most other clicks of the category that count as negative; 0 asks alone",
        },
        mirror={"action": "store_true", "help": "average with mirrored windows"},
        keep={"type": Path, "help": "folder for the candidates' figures, for fitting"},
    )
    torch.set_num_threads(1)
    cfg = ClickConfig(window_side=args.window_side, mirror=args.mirror, max_rivals=args.max_rivals)
    segmenter = ClickSegmenter(load_weights(args.weights), cfg)
    summary: dict[str, float] = {}
    for name, folder, clicks, truth, min_area in find_sets(args):
        judged = list(judge(segmenter, folder, (clicks, truth), min_area, args.limit))
        if args.keep:
            keep(args.keep / f"{name}.npz", judged)
        figures = set_figures(judged, cfg)
        print(table([name, "mIoU"], figures.items()), flush=True)
        summary |= {f"{name} {key}": value for key, value in figures.items()}
    own = {key: str(value) for key, value in vars(args).items() if value is not None}
    write_json(args.json, summary, setting(**own), {})


def find_sets(
    args: argparse.Namespace,
) -> Iterator[tuple[str, Path, ClickSet, Path, float]]:
    """Name, images, clicks, ground truth and smallest area of each set."""
    if args.coco:
        truth = args.coco / "annotations" / "instances_val2017.json"
        clicks = load_clicks(args.coco / "points_val2017.json")
        yield "coco", args.coco / "val2017", clicks, truth, MEDIUM
    for folder in sorted(args.sets.iterdir()) if args.sets else []:
        truth = folder / "instances_val.json"
        if truth.is_file():
            clicks = sample_clicks(load_instances(truth))
            yield folder.name, folder / "images" / "val", clicks, truth, 0


def judge(
    segmenter: ClickSegmenter,
    images: Path,
    clicked: tuple[ClickSet, Path],
    min_area: float,
    limit: int | None,
) -> Iterator[JudgedClick]:
    """Answer the clicks of a set, image by image."""
    clicks, truth = clicked
    of_id = {entry.annotation_id: entry for entry in load_instances(truth).instances}
    asked = [c for c in clicks.clicks if of_id[c.annotation_id].area >= min_area]
    if limit is not None and limit < len(asked):
        places = np.random.default_rng(0).choice(len(asked), limit, replace=False)
        asked = [asked[place] for place in sorted(places)]
    records = {image.image_id: image for image in clicks.images}
    for image_id in dict.fromkeys(click.image_id for click in asked):
        prepared = segmenter.prepare(load_image(images / records[image_id].file_name))
        together = [entry for entry in clicks.clicks if entry.image_id == image_id]
        for click in (entry for entry in asked if entry.image_id == image_id):
            click = with_rivals(together, together.index(click), segmenter.cfg.max_rivals)
            began = time.process_time()
            candidates = segmenter.candidates(prepared, click)
            seconds = time.process_time() - began
            mask = decode_masks([of_id[click.annotation_id].rle()])[0] != 0
            yield judged_click((candidates, click), mask, of_id[click.annotation_id].area, seconds)


def judged_click(
    answered: tuple[Candidates, Click], mask: np.ndarray, area: float, seconds: float
) -> JudgedClick:
    """Candidates of a click beside the mask (H, W) of the object."""
    candidates, click = answered
    height, width = mask.shape
    pasted = (paste(candidates, index, (height, width)) for index in range(len(candidates)))
    ious = [(own & mask).sum() / max((own | mask).sum(), 1) for own in pasted]
    return JudgedClick(
        area=area,
        ious=np.array(ious),
        own=(candidates.scores.flatten().double() * prompt_fit(candidates, click)).numpy(),
        overlaps=candidate_overlaps(candidates).numpy(),
        shares=candidate_areas(candidates).numpy() / mask.size,
        windows=candidates.window_index,
        seconds=seconds,
    )


def set_figures(judged: list[JudgedClick], cfg: ClickConfig) -> dict[str, float]:
    """Mean IoUs of a set by rule, and of medium and large objects."""
    rows = [click_figures(entry, cfg) for entry in judged]
    areas = np.array([entry.area for entry in judged])
    figures = {"objects": float(len(judged))}
    for rule in rows[0] if rows else []:
        values = np.array([row[rule] for row in rows])
        for size, least, most in SIZES:
            chosen = values[(areas >= least) & (areas < most)]
            if len(chosen):
                figures[f"{rule}{size}"] = float(chosen.mean())
    if judged:
        figures["seconds_per_click"] = float(np.median([entry.seconds for entry in judged]))
    return figures


def click_figures(entry: JudgedClick, cfg: ClickConfig) -> dict[str, float]:
    """IoU of the best of all, the best of K and the favourites of a click."""
    own, overlaps = torch.from_numpy(entry.own), torch.from_numpy(entry.overlaps)
    voted, ious = votes(overlaps, own), entry.ious
    area = torch.from_numpy(entry.shares).clamp(min=1e-9)
    kept = cover(overlaps, own, int(voted.argmax()), cfg.num_proposals)
    summed = overlaps @ own.square()  # agreement as it was first measured
    figures = {
        "best_of_all": ious.max(),
        "best_of_k": ious[kept].max(),
        "best_of_k_suppressed": ious[suppress(overlaps, own)[: cfg.num_proposals]].max(),
        "favourite": ious[voted.argmax()],
        "own_score": ious[own.argmax()],
    }
    for power in AREA_POWERS:
        figures[f"agreement_area_{power}"] = ious[(summed * area**power).argmax()]
    return {name: float(value) for name, value in figures.items()}


def suppress(overlaps: torch.Tensor, scores: torch.Tensor) -> list[int]:
    """Places of masks (M,) from the best score down, without those that are the same."""
    kept: list[int] = []
    for place in scores.argsort(descending=True, stable=True).tolist():
        if all(float(overlaps[place, other]) <= SAME for other in kept):
            kept.append(place)
    return kept


def keep(path: Path, judged: list[JudgedClick]) -> None:
    """Write the candidates' figures, so that rules can be compared without the network."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ("area", "ious", "own", "overlaps", "shares", "windows", "seconds")
    same = [entry for entry in judged if len(entry.own) == len(judged[0].own)]
    np.savez(path, **{name: np.stack([getattr(entry, name) for entry in same]) for name in names})


if __name__ == "__main__":
    main()

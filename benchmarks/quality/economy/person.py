"""An ideal person's strategies: what is bought with some seconds, given the candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.robot.person import GOOD
from sapnet.data.coco import Instance
from sapnet.structures.clicks import RLE

FIX_SHARE = 0.5
"""Part of the time that the strategies with corrections spend on them."""


@dataclass(frozen=True)
class Costs:
    """Seconds of a person.

    Attributes:
        click: a labelled click (Bearman et al., ECCV 2016: 2.4 s for the first point of a class in
            an image, 0.9 s for each further one).
        further_click: another click on the same object; taken to be as long.
        other_candidate: a glance and a key; an assumption.
        brush: a mask corrected with brush or eraser; an assumption.
        box: by extreme points (Papadopoulos et al., ICCV 2017: 7 s).
        polygon: COCO's outlines (Lin et al., ECCV 2014: 22 worker hours for 1,000 objects).
        judgement: a look at a mask; an assumption.
    """

    click: float = 2.0
    further_click: float = 2.0
    other_candidate: float = 1.5
    brush: float = 8.0
    box: float = 7.0
    polygon: float = 79.0
    judgement: float = 1.0


@dataclass(frozen=True)
class Masks:
    """Candidates of one object, for one kind of prompt.

    Attributes:
        ious: (K,) with the truth.
        scores: (K,) of the proposer.
        rles: K masks.
    """

    ious: np.ndarray
    scores: np.ndarray
    rles: tuple[RLE, ...]

    @property
    def favourite(self) -> int:
        """Index of the one that the proposer scores best."""
        return int(self.scores.argmax())


@dataclass(frozen=True)
class Target:
    """An object of the train images and what can be had for it.

    Attributes:
        instance: the truth.
        clicked: candidates of a click; None where there are none.
        boxed: candidates of a click and a box; likewise.
    """

    instance: Instance
    clicked: Masks | None
    boxed: Masks | None


@dataclass(frozen=True)
class Label:
    """A bought mask: its IoU with the truth, the mask, and if it is the truth."""

    iou: float
    rle: RLE
    is_drawn: bool = False


Bought = dict[int, Label]
Strategy = Callable[[Sequence[Target], float, Costs], Bought]


def clicks_only(targets: Sequence[Target], seconds: float, costs: Costs) -> Bought:
    """Click object after object; the proposer's favourite is the label."""
    affordable = targets[: int(seconds / costs.click)]
    return {t.instance.annotation_id: favourite(t.clicked) for t in affordable}


def clicks_and_fixes(targets: Sequence[Target], seconds: float, costs: Costs) -> Bought:
    """Click for half of the time, then fix the most doubtful labels."""
    clicks = min(int(seconds * (1 - FIX_SHARE) / costs.click), len(targets))
    bought = clicks_only(targets[:clicks], seconds, costs)
    left = seconds - clicks * costs.click
    doubt = [-1.0 if t.clicked is None else float(-t.clicked.scores.max()) for t in targets]
    for place in sorted(range(clicks), key=lambda place: -doubt[place]):
        fixed, took = fix(targets[place], costs)
        left -= took
        if left < 0:
            break
        bought[targets[place].instance.annotation_id] = fixed
    return bought


def boxes(targets: Sequence[Target], seconds: float, costs: Costs) -> Bought:
    """Draw boxes; the proposer's favourite for box and click is the label."""
    affordable = targets[: int(seconds / costs.box)]
    return {t.instance.annotation_id: favourite(t.boxed) for t in affordable}


def polygons(targets: Sequence[Target], seconds: float, costs: Costs) -> Bought:
    """Draw outlines, which are the truth."""
    affordable = targets[: int(seconds / costs.polygon)]
    return {t.instance.annotation_id: _drawn(t) for t in affordable}


STRATEGIES: dict[str, Strategy] = {
    "clicks": clicks_only,
    "clicks and fixes": clicks_and_fixes,
    "boxes": boxes,
    "polygons": polygons,
}


def fix(target: Target, costs: Costs) -> tuple[Label, float]:
    """Look at a label, and make it right: another candidate if one is, else the brush.

    Returns:
        The label and the seconds it took.
    """
    masks = target.clicked
    if masks is None:
        return _drawn(target), costs.judgement + costs.brush
    if masks.ious[masks.favourite] >= GOOD:
        return favourite(masks), costs.judgement
    best = int(masks.ious.argmax())
    if masks.ious[best] >= GOOD:
        label = Label(float(masks.ious[best]), masks.rles[best])
        return label, costs.judgement + costs.other_candidate
    return _drawn(target), costs.judgement + costs.brush


def favourite(masks: Masks | None) -> Label:
    """Return the mask that the proposer scores best; an empty one without candidates."""
    if masks is None:
        return Label(0.0, {"size": [1, 1], "counts": b"1"})
    return Label(float(masks.ious[masks.favourite]), masks.rles[masks.favourite])


def _drawn(target: Target) -> Label:
    return Label(1.0, target.instance.rle(), is_drawn=True)


def figures_of(bought: Bought, targets: Sequence[Target]) -> dict[str, float]:
    """Count labels, their mean IoU, and that of all objects, 0 without a label."""
    ious = [label.iou for label in bought.values()]
    return {
        "labels": len(ious),
        "label_miou": float(np.mean(ious)) if ious else 0.0,
        "set_miou": float(np.sum(ious)) / max(len(targets), 1),
    }

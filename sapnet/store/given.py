"""Counts of objects that came with more than a click: with a mask or a box."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sapnet.structures.clicks import Click


@dataclass(frozen=True)
class GivenCounts:
    """Objects that came with more than a click.

    Attributes:
        masks: objects whose mask is known; it stays their label.
        boxes: objects with a known box and no mask; it is a prompt, and bounds the selection.
        estimates: objects with an estimated box and no mask; it is a prompt.
    """

    masks: int = 0
    boxes: int = 0
    estimates: int = 0

    def __bool__(self) -> bool:
        return self.masks + self.boxes + self.estimates > 0

    def __str__(self) -> str:
        parts = []
        if self.masks:
            parts.append(f"{_objects(self.masks)} came with a mask, which stays its label")
        if self.boxes:
            parts.append(f"{_objects(self.boxes)} came with a box, which bounds its selection")
        if self.estimates:
            parts.append(f"{_objects(self.estimates)} came with an estimated box, a prompt only")
        return "; ".join(parts) or "all objects came with clicks alone"


def count_given(clicks: Iterable[Click]) -> GivenCounts:
    """Count the clicks with a mask, and those without by their box."""
    masks = boxes = estimates = 0
    for click in clicks:
        masks += click.mask is not None
        boxes += click.mask is None and click.known_box is not None
        estimates += click.mask is None and click.box_score is not None
    return GivenCounts(masks, boxes, estimates)


def _objects(count: int) -> str:
    return f"{count} object{'s' if count != 1 else ''}"

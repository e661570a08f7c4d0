"""Corrections of labels: the decisions of a review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    from sapnet.structures.clicks import RLE, Category, Click, Coverage, ImageRecord

CORRECTIONS_NAME = "corrections.json"
"""Name of the corrections file beside the labels, unless another one is named."""

Action: TypeAlias = Literal["accepted", "picked", "clicked", "drawn"]
"""How a mask was decided: the label was right; another candidate was; a new click gave it; it was
drawn by hand."""


@dataclass(frozen=True)
class Correction:
    """One object whose mask a person decided.

    Attributes:
        click: its click with the mask, original frame.
        action: the way in which the mask was decided.
    """

    click: Click
    action: Action

    def __post_init__(self) -> None:
        if self.click.mask is None:
            raise ValueError(f"object {self.click.annotation_id}: expected a mask, found none")


@dataclass(frozen=True)
class ReviewedClick:
    """The click of a decided object when it was reviewed: ids alone may be given anew.

    Attributes:
        image_id: its image.
        point: its (x, y), original frame.
    """

    image_id: int
    point: tuple[float, float]


@dataclass(frozen=True)
class Corrections:
    """All decisions of a review.

    A decision is about the mask: the class of an object is that of its click.

    Attributes:
        images: of the reviewed data set.
        categories: of the reviewed data set.
        fixed: objects whose mask is decided, by annotation id.
        deleted: annotation ids of clicks that are no objects.
        source: the file, for messages.
        coverage: marks of the images, by image id.
        reviewed: clicks of the decided objects as they were reviewed, by annotation id; older files
            have none.
        bands: numbers of the bands of the reviewed images, from 1 on; empty for the files' own.
        whole: masks of whole images, by annotation id, where those of `fixed` are cut at windows.
    """

    images: tuple[ImageRecord, ...]
    categories: tuple[Category, ...]
    fixed: Mapping[int, Correction] = field(default_factory=dict)
    deleted: frozenset[int] = frozenset()
    source: Path | None = None
    coverage: Mapping[int, Coverage] = field(default_factory=dict)
    reviewed: Mapping[int, ReviewedClick] = field(default_factory=dict)
    bands: tuple[int, ...] = ()
    whole: Mapping[int, RLE] = field(default_factory=dict)

    def __post_init__(self) -> None:
        both = sorted(self.fixed.keys() & self.deleted)
        if both:
            raise ValueError(
                f"{self.source or 'corrections'}: object {both[0]} is both deleted and in "
                "'annotations'. Drop one of the two."
            )

    def __len__(self) -> int:
        return len(self.fixed) + len(self.deleted)

    def __str__(self) -> str:
        return (
            f"{_count(len(self), 'correction')}: {_count(len(self.fixed), 'mask')} fixed, "
            f"{_count(len(self.deleted), 'object')} left out"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

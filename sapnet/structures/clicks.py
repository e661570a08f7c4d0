"""Clicks and the images and categories that they belong to.

Coordinates are pixels of the upright image file (the *original* frame); boxes are xyxy pixel edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

DONE = "done"
"""Key of an image in a file: true if all its objects are clicked, false if some may not be."""

NOT_EXHAUSTIVE = "not_exhaustive_category_ids"
"""Key of an image in a file, as in LVIS: categories of which some objects may not be annotated."""


class RLE(TypedDict):
    """A mask as COCO compressed run lengths."""

    size: list[int]  # [height, width]
    counts: bytes


@dataclass(frozen=True)
class Category:
    """A category of the data set: its id in the files and its name."""

    category_id: int
    name: str


@dataclass(frozen=True)
class ImageRecord:
    """An image of the data set; width and height are those of the upright image."""

    image_id: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True)
class Click:
    """The annotator's input for one object, in the original frame.

    Attributes:
        annotation_id: the object's id; unique in the data set.
        image_id: the image it lies on.
        category_id: the id of its category in the file.
        points: at least one (x, y) on the object; the first one is the object's point.
        negative_points: (x, y) that do not belong to the object.
        box: xyxy box of the object where one is known (a second prompt), else None.
        mask: the object's mask where one is known, of its image's size, else None. It is kept as
            the object's label.
        box_score: in [0, 1], how sure an estimated box is; None where the box is known. An
            estimate is a prompt and nothing else.
    """

    annotation_id: int
    image_id: int
    category_id: int
    points: tuple[tuple[float, float], ...]
    negative_points: tuple[tuple[float, float], ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: RLE | None = None
    box_score: float | None = None

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError(f"object {self.annotation_id}: expected at least one point, found 0")
        if self.box_score is not None and (self.box is None or not 0 <= self.box_score <= 1):
            raise ValueError(
                f"object {self.annotation_id}: expected a box score in [0, 1] beside a box, found "
                f"{self.box_score} beside {self.box}"
            )

    @property
    def point(self) -> tuple[float, float]:
        """The object's point: its first click."""
        return self.points[0]

    @property
    def known_box(self) -> tuple[float, float, float, float] | None:
        """The box that bounds the object; None for an estimate."""
        return self.box if self.box_score is None else None


@dataclass(frozen=True)
class IgnoredRegion:
    """A region in which objects of a category are neither learned nor counted.

    Attributes:
        category_id: the category, by its id in the file.
        mask: the region, of its image's size.
    """

    category_id: int
    mask: RLE


@dataclass(frozen=True)
class Coverage:
    """Marks of one image: complete or partial, and regions to ignore.

    Attributes:
        partial: ids of the categories of which some objects may not be clicked, ascending; empty
            for a complete image, None if nothing was said.
        ignored: regions to ignore.
    """

    partial: tuple[int, ...] | None = None
    ignored: tuple[IgnoredRegion, ...] = ()

    def __bool__(self) -> bool:
        return self.partial is not None or bool(self.ignored)

    def record(self, category_ids: Sequence[int]) -> dict[str, Any]:
        """Return the keys of an image in a file that say what was annotated; none if unmarked.

        Args:
            category_ids: ids of all categories of the file.
        """
        if self.partial is None:
            return {}
        open_ids = sorted(set(self.partial) & set(category_ids))
        if not open_ids:
            return {DONE: True}
        if len(open_ids) == len(set(category_ids)):
            return {DONE: False}
        return {DONE: True, NOT_EXHAUSTIVE: open_ids}


@dataclass(frozen=True)
class ClickSet:
    """A data set of clicks: images, categories and one click per object.

    Attributes:
        images: the images.
        categories: the categories.
        clicks: one per object.
        coverage: what of an image was annotated, by image id; images of which nothing was said
            have no entry.
        bands: numbers of the bands in which the images were looked at, from 1 on, as red, green
            and blue or as gray; empty for the files' own.
    """

    images: tuple[ImageRecord, ...]
    categories: tuple[Category, ...]
    clicks: tuple[Click, ...]
    coverage: Mapping[int, Coverage] = field(default_factory=dict)
    bands: tuple[int, ...] = ()

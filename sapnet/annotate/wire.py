"""Messages between page and server about objects, and their conversion to clicks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from sapnet.annotate.documents import Document
from sapnet.geometry.enlarging import enlarge_rle
from sapnet.geometry.rle import foreground_runs, rle_to_json, to_rle
from sapnet.structures.clicks import RLE, Click, ImageRecord
from sapnet.structures.proposals import Proposals
from sapnet.system.outside import LARGEST_ID

MAX_POINTS = 1000
"""Largest number of points of an object, far beyond what anybody clicks; a request may hold ten
times as many objects."""

MAX_ALL_POINTS = 50_000
"""Largest number of points of all objects of a request."""

MASKS_KEPT = 512
"""Number of cached full-size masks: enlarging those of a 48-megapixel image is slow."""


class MaskBody(BaseModel):
    """A mask as COCO run lengths; its size may be a reduced frame of the image."""

    size: tuple[int, int]  # (height, width)
    counts: str = Field(max_length=10_000_000)


class ObjectBody(BaseModel):
    """One object of the page; coordinates are pixels of the upright image."""

    id: int = Field(default=0, ge=0, le=LARGEST_ID)  # 0: not in the file yet
    category_id: int
    points: list[tuple[float, float]] = Field(min_length=1, max_length=MAX_POINTS)
    negative_points: list[tuple[float, float]] = Field(default=[], max_length=MAX_POINTS)
    box: tuple[float, float, float, float] | None = None
    box_score: float | None = Field(default=None, ge=0, le=1)
    mask: MaskBody | None = None


Body = TypeVar("Body", bound=ObjectBody)


def few_points(objects: list[Body]) -> list[Body]:
    """Return the objects of a request, unless they have too many points."""
    count = sum(len(entry.points) + len(entry.negative_points) for entry in objects)
    if count > MAX_ALL_POINTS:
        raise ValueError(f"expected at most {MAX_ALL_POINTS} points, found {count}")
    return objects


Objects = Annotated[list[ObjectBody], Field(max_length=10 * MAX_POINTS), AfterValidator(few_points)]
"""The objects of an image."""


class DocumentBody(BaseModel):
    """A changed document and the version it is based on; None replaces any version.

    The numbers are those of the image's suggestions that were dismissed, or taken back again, since
    the last change that was saved.
    """

    version: str | None
    objects: Objects
    done: bool = False
    dismissed: list[int] = Field(default=[], max_length=10 * MAX_POINTS)
    restored: list[int] = Field(default=[], max_length=10 * MAX_POINTS)


class PreviewBody(BaseModel):
    """A request for the candidates of one object among all objects of its image."""

    client: str = Field(max_length=64)  # id of the tab: its newer requests replace older ones
    objects: Objects = Field(min_length=1)
    selected: int = Field(ge=0)
    every: bool = False  # also the candidates that differ little


def to_click(body: ObjectBody, image: ImageRecord, categories: frozenset[int]) -> Click:
    """Convert an object of the page to a click, checked against its image.

    Args:
        body: the object.
        image: the image of the object.
        categories: the existing category ids.

    Returns:
        The click; its annotation id is 0 if the object is new.

    Raises:
        ValueError: a point lies outside the image, the category is unknown, or the mask is invalid.
    """
    for x, y in (*body.points, *body.negative_points):
        if not (0 <= x < image.width and 0 <= y < image.height):
            raise ValueError(
                f"{image.file_name}: expected points inside {image.width} x {image.height} px, "
                f"found ({x}, {y})"
            )
    if body.box is not None:
        _check_box(body.box, image)
    if body.category_id not in categories:
        raise ValueError(
            f"{image.file_name}: expected a category id of {sorted(categories)}, found "
            f"{body.category_id}"
        )
    return Click(
        annotation_id=body.id,
        image_id=image.image_id,
        category_id=body.category_id,
        points=tuple(body.points),
        negative_points=tuple(body.negative_points),
        box=body.box,
        box_score=body.box_score,
        mask=None if body.mask is None else _to_mask(body.mask, image),
    )


def _check_box(box: tuple[float, float, float, float], image: ImageRecord) -> None:
    x1, y1, x2, y2 = box
    if not (0 <= x1 < x2 <= image.width and 0 <= y1 < y2 <= image.height):
        raise ValueError(
            f"{image.file_name}: expected a box x1 < x2, y1 < y2 inside {image.width} x "
            f"{image.height} px, found {box}"
        )


def from_document(document: Document) -> dict[str, Any]:
    """Convert a document to the form that the page reads."""
    return {
        "version": document.version,
        "done": document.is_done,
        "objects": [from_object(click) for click in document.objects],
    }


def from_object(click: Click) -> dict[str, Any]:
    """Convert an object to the form that the page reads."""
    return {
        "id": click.annotation_id,
        "category_id": click.category_id,
        "points": click.points,
        "negative_points": click.negative_points,
        "box": click.box,
        "box_score": click.box_score,
        "mask": None if click.mask is None else rle_to_json(click.mask),
    }


def from_proposals(proposals: Proposals, order: Sequence[int]) -> list[dict[str, Any]]:
    """Convert candidates to the form that the page draws.

    Args:
        proposals: the candidates.
        order: places of those to show, in the order in which they are shown.
    """
    return [
        {
            "mask": rle_to_json(proposals.rles[k]),
            "score": round(float(proposals.scores[k]), 4),
            "prompt": proposals.prompts[k],
        }
        for k in order
    ]


def _to_mask(body: MaskBody, image: ImageRecord) -> RLE | None:
    """Return the mask at the size of its image; None for a mask without pixels."""
    height, width = body.size
    if not (0 < height <= image.height and 0 < width <= image.width):
        raise ValueError(
            f"{image.file_name}: expected a mask of at most {image.height} x {image.width} px "
            f"(height x width), found {height} x {width}"
        )
    return full_size(body.counts, (height, width), (image.height, image.width))


@lru_cache(MASKS_KEPT)
def full_size(counts: str, size: tuple[int, int], full: tuple[int, int]) -> RLE | None:
    """Return the run lengths at full (height, width); None for a mask without pixels.

    Cached, because every change sends all masks of the image again.
    """
    rle = to_rle({"size": list(size), "counts": counts}, *size)
    # Not decoded as a whole: a stroke on 48 megapixels is saved at once.
    return enlarge_rle(rle, full) if len(foreground_runs([rle]).start) else None

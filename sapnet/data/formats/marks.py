"""Marks: the common form of annotations from foreign files, and a list of what was lost."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from sapnet.data.formats.points import Box, Point
from sapnet.structures.clicks import RLE, Category

IGNORED_CATEGORIES = ("__ignore__", "DontCare")
"""Names, LabelMe's and KITTI's, of regions that count for no category."""

_NUM_PLACES_NAMED = 3  # places that a summary names for each kind


@dataclass(frozen=True)
class SourceImage:
    """An image as a foreign file lists it.

    Attributes:
        reference: the path or URL in the file, unchanged; unique in a source.
        size: the listed (height, width), None if the file lists none.
        place: the place in the file, for messages.
        image_id: the id in the file, None if it has none.
        partial: categories of which some objects may not be annotated, True for all of them;
            empty for a complete image; None if the file does not say.
    """

    reference: str
    size: tuple[int, int] | None
    place: str
    image_id: int | None = None
    partial: tuple[str, ...] | Literal[True] | None = None


@dataclass(frozen=True)
class Mark:
    """One annotation of a foreign file, in pixels; the marks of an object share a group.

    Attributes:
        place: the place in the file, for messages.
        reference: the `SourceImage.reference` of its image.
        category: name of its category.
        points: clicks on the object.
        negative_points: clicks beside the object.
        box: xyxy, pixel edges.
        polygons: outlines, joined to one mask when the image's size is known.
        mask: a mask of the image's size.
        group: a value that the marks of one object of an image share; None for a single mark.
        annotation_id: the object's id in the file, None if it has none.
        ignored: True for a region to ignore, which is no object.
    """

    place: str
    reference: str
    category: str
    points: tuple[Point, ...] = ()
    negative_points: tuple[Point, ...] = ()
    box: Box | None = None
    polygons: tuple[tuple[Point, ...], ...] = ()
    mask: RLE | None = None
    group: Hashable | None = None
    annotation_id: int | None = None
    ignored: bool = False

    @property
    def is_region(self) -> bool:
        """True for a region to ignore, by its mark or its category."""
        return self.ignored or self.category in IGNORED_CATEGORIES


@dataclass(frozen=True)
class Source:
    """The images, categories and marks that a reader found.

    Attributes:
        images: the images in file order, including those without marks.
        categories: the categories that the file declares; names that only marks use are added
            later.
        marks: the marks in file order.
        bands: numbers of the bands of the images that the file notes, from 1 on.
    """

    images: tuple[SourceImage, ...]
    categories: tuple[Category, ...]
    marks: tuple[Mark, ...]
    bands: tuple[int, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One piece of the source that was lost or changed.

    Attributes:
        kind: "skipped" if it was lost, "noted" if it was kept in another form.
        what: description of its kind, the same words for all of a kind.
        place: file and object.
    """

    kind: Literal["skipped", "noted"]
    what: str
    place: str


@dataclass
class Findings:
    """Collection of what a conversion lost or changed; readers add to it."""

    entries: list[Finding] = field(default_factory=list)

    def skip(self, what: str, place: str) -> None:
        """Record something that was lost."""
        self.entries.append(Finding("skipped", what, place))

    def note(self, what: str, place: str) -> None:
        """Record something that was kept in another form."""
        self.entries.append(Finding("noted", what, place))

    @property
    def num_skipped(self) -> int:
        """The number of lost pieces."""
        return sum(entry.kind == "skipped" for entry in self.entries)

    def lines(self) -> list[str]:
        """Return one line per kind, lost ones first: count, description, and the first places."""
        places: dict[tuple[str, str], list[str]] = {}
        for entry in sorted(self.entries, key=lambda entry: entry.kind == "noted"):
            places.setdefault((entry.kind, entry.what), []).append(entry.place)
        return [
            _printable(f"{kind}: {len(found)} x {what} ({_named(found)})")
            for (kind, what), found in places.items()
        ]


def _printable(text: str) -> str:
    """Escape halves of surrogate pairs, which a file may hold and no output can show."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _named(places: list[str]) -> str:
    more = len(places) - _NUM_PLACES_NAMED
    return "; ".join(places[:_NUM_PLACES_NAMED]) + (f"; and {more} more" if more > 0 else "")

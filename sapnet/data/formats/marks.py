"""What the readers of foreign files hand over, and what they could not take along."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from sapnet.structures.clicks import Category
from sapnet.structures.masks import RLE

Point = tuple[float, float]
Box = tuple[float, float, float, float]

_NUM_PLACES_NAMED = 3  # of each kind, in a summary


@dataclass(frozen=True)
class SourceImage:
    """An image as a foreign file names it.

    Attributes:
        reference: the path or URL in the file, unchanged; unique in a source.
        size: (height, width) that the file lists, None where it lists none.
        place: where it is listed, for messages.
        image_id: its id in the file, None where it has none.
    """

    reference: str
    size: tuple[int, int] | None
    place: str
    image_id: int | None = None


@dataclass(frozen=True)
class Mark:
    """One annotated thing of a foreign file, in pixels; the parts of an object share a group.

    Attributes:
        place: where it stands, for messages.
        reference: the `SourceImage.reference` of its image.
        category: name of its category.
        points: clicks on the object.
        negative_points: clicks beside the object.
        box: xyxy, pixel edges.
        polygons: outlines, joined to one mask when the image's size is known.
        mask: of the image's size.
        group: what the marks of one object of an image have in common; None for a mark alone.
        annotation_id: the object's id in the file, None where it has none.
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


@dataclass(frozen=True)
class Source:
    """All that a reader found.

    Attributes:
        images: in file order, those without marks included.
        categories: those that the file declares; names that only marks use are added later.
        marks: in file order.
    """

    images: tuple[SourceImage, ...]
    categories: tuple[Category, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Finding:
    """Something that did not come along as it was.

    Attributes:
        kind: "skipped" is lost; "noted" came along in another form.
        what: the sort of thing, the same words for all of its kind.
        place: file and object.
    """

    kind: Literal["skipped", "noted"]
    what: str
    place: str


@dataclass
class Findings:
    """Collects what a conversion could not take along as it was; readers add to it."""

    entries: list[Finding] = field(default_factory=list)

    def skip(self, what: str, place: str) -> None:
        """Records something that is lost."""
        self.entries.append(Finding("skipped", what, place))

    def note(self, what: str, place: str) -> None:
        """Records something that came along in another form."""
        self.entries.append(Finding("noted", what, place))

    @property
    def num_skipped(self) -> int:
        """How many things are lost."""
        return sum(entry.kind == "skipped" for entry in self.entries)

    def lines(self) -> list[str]:
        """One line per sort of thing, the lost ones first: how many, what, and the first places."""
        places: dict[tuple[str, str], list[str]] = {}
        for entry in sorted(self.entries, key=lambda entry: entry.kind == "noted"):
            places.setdefault((entry.kind, entry.what), []).append(entry.place)
        return [
            f"{kind}: {len(found)} x {what} ({_named(found)})"
            for (kind, what), found in places.items()
        ]


def _named(places: list[str]) -> str:
    more = len(places) - _NUM_PLACES_NAMED
    return "; ".join(places[:_NUM_PLACES_NAMED]) + (f"; and {more} more" if more > 0 else "")

"""Meaning of the columns of a table: clicks, boxes, and the sizes of images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sapnet.data.formats.fields import parse_number

SizeColumns = Literal["ask", "image", "box"]
"""Meaning of the columns `width` and `height`: asked for where it is unclear, the image's, or the
box's."""

BoxKind = Literal["corners", "sides", "centre"]
"""Meaning of four numbers: two corners, the top left corner and sides, or center and sides."""

_SINGLE: dict[str, tuple[str, ...]] = {
    "image": (
        "image", "file", "filename", "file_name", "path", "image_path", "image_name", "image_file",
        "imagefilename", "img", "file_path", "filepath", "img_path", "img_name", "imagename",
    ),
    "category": (
        "category", "class", "label", "class_name", "category_name", "label_name", "labelname",
        "name",
    ),
    "object": ("object", "object_id", "group", "group_id", "instance"),
    "negative": ("negative", "is_negative"),
}  # fmt: skip
"""Columns that stand alone, and their names in any case."""

_PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "click": (("point_x", "point_y"), ("click_x", "click_y"), ("x_coord", "y_coord")),
    "place": (("x", "y"),),
    "middle": (
        ("cx", "cy"), ("x_center", "y_center"), ("x_centre", "y_centre"), ("center_x", "center_y"),
        ("xc", "yc"), ("xcenter", "ycenter"),
    ),
    "low": (
        ("xmin", "ymin"), ("x0", "y0"), ("x1", "y1"), ("left", "top"), ("x_min", "y_min"),
        ("bbox_x", "bbox_y"), ("box_x", "box_y"),
    ),
    "high": (
        ("xmax", "ymax"), ("x2", "y2"), ("right", "bottom"), ("x_max", "y_max"), ("x1", "y1"),
    ),
    "sides": (
        ("w", "h"), ("bbox_width", "bbox_height"), ("box_width", "box_height"),
        ("bbox_w", "bbox_h"),
    ),
    "size": (("image_width", "image_height"), ("img_width", "img_height"), ("image_w", "image_h")),
    "either": (("width", "height"),),
}  # fmt: skip
"""Columns that come in pairs (x, y), and their names in any case."""

_MAKE_SENSE_BOXES = ("label_name", "bbox_x", "bbox_y", "bbox_width", "bbox_height", "image_name",
                     "image_width", "image_height")  # fmt: skip
_MAKE_SENSE_POINTS = ("label_name", "point_x", "point_y", "image_name", "image_width",
                      "image_height")  # fmt: skip
_IMAGE_NAME = re.compile(r".*\.[A-Za-z][A-Za-z0-9]{1,4}$")

Pair = tuple[int, int]


class SizeQuestionError(ValueError):
    """Error: `width` and `height` may be those of the image or of a box."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table by their meaning, as positions in a row.

    Attributes:
        names: the header.
        image: name of the image.
        category: name of the category, if there is such a column.
        object: what joins rows to one object.
        negative: 1 for a click beside the object.
        click: x and y of a click.
        box: four numbers of a box.
        box_kind: their meaning.
        size: width and height of the image.
    """

    names: tuple[str, ...]
    image: int
    category: int | None = None
    object: int | None = None
    negative: int | None = None
    click: Pair | None = None
    box: tuple[int, int, int, int] | None = None
    box_kind: BoxKind = "corners"
    size: Pair | None = None

    @property
    def known(self) -> frozenset[int]:
        """The positions that have a meaning."""
        single = {self.image, self.category, self.object, self.negative}
        pairs = {*(self.click or ()), *(self.box or ()), *(self.size or ())}
        return frozenset(place for place in single | pairs if place is not None)


def guess_header(cells: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the header that a row without one has in MakeSense's exports, else None.

    MakeSense writes `label, x, y, width, height, image, image width, image height` for boxes and
    `label, x, y, image, image width, image height` for points, without a header.
    """
    for names in (_MAKE_SENSE_BOXES, _MAKE_SENSE_POINTS):
        if len(cells) == len(names):
            pairs = list(zip(names, cells, strict=True))
            numbers = [cell for name, cell in pairs if name not in ("label_name", "image_name")]
            (image,) = (cell for name, cell in pairs if name == "image_name")
            if all(map(_is_number, numbers)) and _IMAGE_NAME.match(image):
                return names
    return None


def find_columns(header: tuple[str, ...], sizes: SizeColumns = "ask") -> Columns | None:
    """Find the meaning of the columns of a header.

    Args:
        header: the cells of the first row.
        sizes: meaning of `width` and `height`, where the header itself does not tell.

    Returns:
        The columns; None if there is no image, or neither a click nor a box.

    Raises:
        SizeQuestionError: `width` and `height` may be the image's or a box's.
    """
    words = {_word(name): place for place, name in reversed(list(enumerate(header)))}
    single = {
        key: next((words[s] for s in spellings if s in words), None)
        for key, spellings in _SINGLE.items()
    }
    pairs = {
        key: next(((words[x], words[y]) for x, y in spellings if x in words and y in words), None)
        for key, spellings in _PAIRS.items()
    }
    if single["image"] is None:
        return None
    if pairs["high"] == pairs["low"]:  # x1 and y1 are the second corner beside x0 and y0 alone
        pairs["high"] = None
    # The table of docs/formats.md has columns of its own; other tools list the size with the image.
    is_plain = single["object"] is not None or single["negative"] is not None
    after_image = (single["image"] + 1, single["image"] + 2)
    is_images = is_plain or pairs["either"] == after_image
    pairs = _settle_sizes(pairs, header, is_images, sizes)
    click, box, kind = _geometry(pairs)
    if click is None and box is None:
        return None
    return Columns(
        names=header,
        image=single["image"],
        category=single["category"],
        object=single["object"],
        negative=single["negative"],
        click=click,
        box=box,
        box_kind=kind,
        size=pairs["size"],
    )


def repeated_columns(header: tuple[str, ...]) -> list[str]:
    """Return the names that occur more than once in a header."""
    words = [_word(name) for name in header if name]
    return [word for word in dict.fromkeys(words) if words.count(word) > 1]


def _settle_sizes(
    pairs: dict[str, Pair | None], header: tuple[str, ...], is_images: bool, sizes: SizeColumns
) -> dict[str, Pair | None]:
    """Give `width` and `height` to the image or to the box."""
    either = pairs["either"]
    if either is None:
        return pairs
    corner = pairs["place"] or pairs["middle"]
    follows = corner is not None and [*corner, *either] == list(range(corner[0], corner[0] + 4))
    is_box: bool | None
    if sizes != "ask":
        is_box = sizes == "box"
    elif pairs["high"] or pairs["sides"]:
        is_box = False
    elif pairs["low"] or pairs["size"] or follows:
        is_box = True
    elif corner is None or is_images:
        is_box = False
    else:
        raise SizeQuestionError(
            f"the columns {', '.join(header)[:200]} do not tell if 'width' and 'height' are those "
            "of the image (x and y are a click) or of a box. Say --size-columns image or "
            "--size-columns box, or name them image_width and image_height, or w and h"
        )
    return {**pairs, "sides": either} if is_box else {**pairs, "size": pairs["size"] or either}


def _geometry(
    pairs: Mapping[str, Pair | None],
) -> tuple[Pair | None, tuple[int, int, int, int] | None, BoxKind]:
    """Return the columns of the click, those of the box, and the box's kind."""
    low, high, sides = pairs["low"], pairs["high"], pairs["sides"]
    place, middle, click = pairs["place"], pairs["middle"], pairs["click"]
    if low and high:
        return click or place or middle, (*low, *high), "corners"
    if sides and low:
        return click or place or middle, (*low, *sides), "sides"
    if sides and place:
        return click, (*place, *sides), "sides"
    if sides and middle:
        return click, (*middle, *sides), "centre"
    return click or place or middle, None, "corners"


def _word(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lstrip("#").strip().lower())


def _is_number(cell: str) -> bool:
    try:
        parse_number(cell)
    except ValueError:
        return False
    return True

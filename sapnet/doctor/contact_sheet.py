"""A sheet of small pictures with clicks or masks, for problems that no rule detects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sapnet.data.coco_json import label_of_category
from sapnet.data.image_files.address import with_bands
from sapnet.data.image_files.depth import find_depth
from sapnet.data.image_files.inside import image_path
from sapnet.data.images import load_image
from sapnet.geometry.rle import decode_masks
from sapnet.prediction.class_colors import class_color
from sapnet.prediction.drawing import draw_outlines, font_path

if TYPE_CHECKING:
    from sapnet.data.coco import Instance
    from sapnet.structures.clicks import Category, ImageRecord

COLUMNS = 4
PAPER, INK, OUTSIDE = "#ffffff", "#1b1f24", "#ff0000"

_GAP, _CAPTION, _FONT_SIZE, _RADIUS = 12, 26, 15, 7
_KEY_TEXT, _KEY_GAP = 20, 18
_MAX_KEYS = 60  # largest number of categories in the key of colors


KeyEntry: TypeAlias = tuple[int | None, str]
"""Label, which gives the color, and name; or None and a remark."""


@dataclass(frozen=True)
class Dot:
    """A point to draw, upright frame; it may lie outside its image."""

    x: float
    y: float
    category_id: int


@dataclass(frozen=True)
class SheetInputs:
    """Contents of the sheet.

    Attributes:
        images: images with upright sizes, of which some are drawn at random.
        root: folder of the images.
        categories: categories, which determine the colors.
        dots: points by image id.
        instances: masks by image id.
        num_images: number of pictures on the sheet.
        seed: seed of the random choice.
        side: longer side of a picture in pixels.
        bits: bit depth of images of more than 8 bits; None for that of their largest value.
        bands: numbers of the bands that are drawn, from 1 on; empty for the files' own.
    """

    images: Sequence[ImageRecord]
    root: Path
    categories: Sequence[Category]
    dots: Mapping[int, Sequence[Dot]]
    instances: Mapping[int, Sequence[Instance]]
    num_images: int = 16
    seed: int = 0
    side: int = 320
    bits: int | None = None
    bands: tuple[int, ...] = ()


def draw_sheet(inputs: SheetInputs) -> Image.Image | None:
    """Draw random images with their objects.

    Images with objects come first; files that cannot be read are left out. Points outside their
    image are drawn as red crosses at its border.

    Args:
        inputs: contents of the sheet.

    Returns:
        The sheet; None if no image can be drawn.
    """
    bits = inputs.bits or find_depth(inputs.root / image.file_name for image in inputs.images)
    tiles: list[Image.Image] = []
    drawn: set[int] = set()
    for record in _order(inputs):
        if len(tiles) == inputs.num_images:
            break
        try:
            path = with_bands(image_path(inputs.root, record.file_name), inputs.bands)
            pixels = load_image(path, bits)
        except (OSError, ValueError):  # reported by the examination of the images
            continue
        tiles.append(_tile(inputs, record, pixels))
        drawn.update(_labels(inputs, record))
    return _join(tiles, _key_entries(inputs.categories, drawn)) if tiles else None


def _order(inputs: SheetInputs) -> list[ImageRecord]:
    """Return all images in random order, those with objects first."""
    shuffled = np.random.default_rng(inputs.seed).permutation(len(inputs.images))
    images = [inputs.images[index] for index in shuffled]
    return sorted(images, key=lambda image: not _num_objects(inputs, image))


def _num_objects(inputs: SheetInputs, image: ImageRecord) -> int:
    return len(inputs.dots.get(image.image_id, ())) + len(inputs.instances.get(image.image_id, ()))


def _labels(inputs: SheetInputs, image: ImageRecord) -> set[int]:
    """Return the labels of the objects of an image, crowds aside."""
    label_of_id = label_of_category(inputs.categories)
    dots = inputs.dots.get(image.image_id, ())
    instances = inputs.instances.get(image.image_id, ())
    return {label_of_id[dot.category_id] for dot in dots} | {
        label_of_id[instance.category_id] for instance in instances if not instance.is_crowd
    }


def _tile(inputs: SheetInputs, record: ImageRecord, pixels: np.ndarray) -> Image.Image:
    """Draw one picture with its caption."""
    height, width = pixels.shape[:2]
    scale = inputs.side / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    picture = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    instances = [i for i in inputs.instances.get(record.image_id, ()) if not i.is_crowd]
    picture = _with_masks(picture, instances, inputs.categories)
    draw = ImageDraw.Draw(picture)
    label_of_id = label_of_category(inputs.categories)
    for dot in inputs.dots.get(record.image_id, ()):
        # The points are in the frame of the listed size.
        place = (dot.x / record.width * size[0], dot.y / record.height * size[1])
        _draw_dot(draw, place, size, class_color(label_of_id[dot.category_id]))
    tile = Image.new("RGB", (inputs.side, inputs.side + _CAPTION), PAPER)
    tile.paste(picture, ((inputs.side - size[0]) // 2, (inputs.side - size[1]) // 2))
    count = _num_objects(inputs, record)
    caption = f"{record.file_name}, {count} object{'' if count == 1 else 's'}"
    ImageDraw.Draw(tile).text((2, inputs.side + 4), _fit(caption, inputs.side - 4), INK, _font())
    return tile


def _with_masks(
    picture: Image.Image, instances: Sequence[Instance], categories: Sequence[Category]
) -> Image.Image:
    label_of_id = label_of_category(categories)
    groups: dict[int, list[np.ndarray]] = defaultdict(list)
    for instance in instances:
        try:
            mask = decode_masks([instance.rle()])[0]
        except ValueError:  # reported by the examination of the masks
            continue
        small = Image.fromarray(mask * np.uint8(255)).resize(picture.size, Image.Resampling.BOX)
        groups[label_of_id[instance.category_id]].append(np.asarray(small) > 127)
    drawn = np.asarray(picture)
    for label, masks in groups.items():
        drawn = draw_outlines(drawn, np.stack(masks), class_color(label))
    return Image.fromarray(drawn)


def _draw_dot(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], size: tuple[int, int], color: str
) -> None:
    x, y = (min(max(v, 0), side - 1) for v, side in zip(place, size, strict=True))
    if (x, y) == place:
        box = (x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS)
        draw.ellipse(box, fill=color, outline="#000000", width=1)
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill="#ffffff")
        return
    for tilt in (-1, 1):
        ends = (x - _RADIUS, y - tilt * _RADIUS, x + _RADIUS, y + tilt * _RADIUS)
        draw.line(ends, fill=OUTSIDE, width=4)


def _join(tiles: Sequence[Image.Image], entries: Sequence[KeyEntry]) -> Image.Image:
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    width, height = tiles[0].size
    sheet_width = columns * width + (columns + 1) * _GAP
    key = _key(entries, sheet_width - 2 * _GAP)
    top = rows * (height + _GAP) + _GAP
    sheet = Image.new("RGB", (sheet_width, top + len(key) * _CAPTION + _GAP), PAPER)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        sheet.paste(tile, (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP)))
    draw = ImageDraw.Draw(sheet)
    for line, placed in enumerate(key):
        y = top + line * _CAPTION
        for x, (label, text) in placed:
            left = _GAP + x
            if label is not None:
                box = (left, y + 3, left + 2 * _RADIUS, y + 3 + 2 * _RADIUS)
                draw.ellipse(box, fill=class_color(label))
                left += _KEY_TEXT
            draw.text((left, y), text, INK, _font())
    return sheet


def _key_entries(categories: Sequence[Category], drawn: set[int]) -> list[KeyEntry]:
    """Return the key of colors: the categories on the sheet, and how many are left out of it."""
    labels = sorted(drawn)
    entries: list[KeyEntry] = [(label, categories[label].name) for label in labels[:_MAX_KEYS]]
    if len(labels) > _MAX_KEYS:
        entries.append((None, f"and {len(labels) - _MAX_KEYS} further categories"))
    if absent := len(categories) - len(labels):
        noun = "category is" if absent == 1 else "categories are"
        entries.append((None, f"{absent} {noun} not on these pictures"))
    return entries


def _key(entries: Sequence[KeyEntry], width: int) -> list[list[tuple[int, KeyEntry]]]:
    """Lay out the key of colors: lines of entries with their x."""
    lines: list[list[tuple[int, KeyEntry]]] = []
    x = width
    for label, text in entries:
        shown = _fit(text, width - _KEY_TEXT)
        length = (0 if label is None else _KEY_TEXT) + round(_font().getlength(shown))
        if x + length > width or not lines:
            lines.append([])
            x = 0
        lines[-1].append((x, (label, shown)))
        x += length + _KEY_GAP
    return lines


def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_path(), _FONT_SIZE)


def _fit(text: str, width: int) -> str:
    """Shorten a text to a width in pixels, keeping its end, where names differ."""
    font = _font()
    if font.getlength(text) <= width:
        return text
    while text and font.getlength("…" + text) > width:
        text = text[1:]
    return "…" + text

"""Prediction of large images window by window, and the join of their masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.data.image_files.address import ImageAddress, Window, with_bands
from sapnet.data.image_files.header import whole_size
from sapnet.data.images import load_reduced
from sapnet.data.tiles.advice import advise_tiles
from sapnet.data.tiles.grid import Parts, Tiling
from sapnet.data.tiles.seams import Piece, join_pieces
from sapnet.geometry.rle import encode_masks, rle_areas, rle_boxes, rle_to_json
from sapnet.geometry.rle_windows import decode_crop
from sapnet.structures.clicks import ImageRecord

if TYPE_CHECKING:
    from PIL import Image

    from sapnet.structures.clicks import RLE, Category
    from sapnet.structures.outputs import Predictions

PICTURE_SIDE = 4096
"""Longest side of the picture of an image that is predicted in windows, pixels."""


@dataclass(frozen=True)
class Item:
    """A part of an image that passes the network: all of it, or a window.

    Attributes:
        index: place of the image in the list.
        path: the file, or the address of the part.
        window: the window; None for all of the image.
        size: (height, width) of the whole image of a window.
    """

    index: int
    path: Path
    window: Window | None = None
    size: tuple[int, int] = (0, 0)


def plan_items(paths: Sequence[Path], parts: Parts, *, automatic: bool) -> list[Item]:
    """Return what passes the network of each image, in the order of the images.

    Args:
        paths: the files.
        parts: windows and bands.
        automatic: without windows, still cut images that are always read in windows, see
            `advise_tiles`.

    Returns:
        One item per image that is read whole, unreadable ones included, or one per window.
    """
    items: list[Item] = []
    for index, path in enumerate(paths):
        bare = with_bands(path, parts.bands)
        windows, size = _windows(path, parts.tiling, automatic=automatic)
        if not windows:
            items.append(Item(index, bare))
            continue
        for window in windows:
            address = Path(str(ImageAddress(str(path), window, parts.bands)))
            items.append(Item(index, address, window, size))
    return items


def _windows(
    path: Path, tiling: Tiling | None, *, automatic: bool
) -> tuple[list[Window], tuple[int, int]]:
    """Return the windows of an image and its size; none for one that is read whole."""
    if tiling is None and not automatic:
        return [], (0, 0)
    try:
        size = whole_size(path)
    except (OSError, ValueError):  # the pass over the images names it
        return [], (0, 0)
    return windows_of_size(size, tiling, automatic=automatic), size


def windows_of_size(
    size: tuple[int, int], tiling: Tiling | None, *, automatic: bool
) -> list[Window]:
    """Return the windows of an image; none for one that is read whole.

    Args:
        size: (height, width) of the image.
        tiling: the windows that were asked for.
        automatic: without them, still cut an image that is always read in windows.
    """
    height, width = size
    if tiling is None and automatic:
        advice = advise_tiles([ImageRecord(0, "", width, height)])
        tiling = None if advice is None else Tiling.of(advice.size)
    found = [] if tiling is None else tiling.windows(height, width)
    return found if len(found) > 1 else []


def count_windows(items: Sequence[Item]) -> dict[int, int]:
    """Return the number of windows of each image that is cut, by its place in the list."""
    return dict(Counter(item.index for item in items if item.window is not None))


def pieces_of(predictions: Predictions, window: Window, score_threshold: float) -> list[Piece]:
    """Convert the predictions of a window to masks that can be joined.

    Args:
        predictions: P instances, in the frame of the window.
        window: the window.
        score_threshold: least score of an instance that is kept.
    """
    kept = (predictions.scores >= score_threshold).cpu()
    rles = encode_masks(predictions.masks.cpu()[kept].numpy())
    labels = predictions.labels.cpu()[kept].tolist()
    scores = predictions.scores.cpu()[kept].tolist()
    rows = zip(rles, rle_boxes(rles).tolist(), rle_areas(rles), labels, scores, strict=True)
    return [
        Piece(window, rle, (x1, y1, x2, y2), label, score)
        for rle, (x1, y1, x2, y2), area, label, score in rows
        if area
    ]


def joined_records(
    pieces: Sequence[Piece],
    size: tuple[int, int],
    categories: Sequence[Category],
    image_id: int,
    file_name: str,
) -> list[dict[str, Any]]:
    """Join the masks of all windows of an image to records of a COCO results file.

    Args:
        pieces: masks of all windows.
        size: (height, width) of the image.
        categories: by label.
        image_id: id of the image.
        file_name: path of the image below the folder of images.

    Returns:
        A record per object, best score first.
    """
    found = join_pieces(pieces, size)
    boxes = rle_boxes([rle for _, rle in found]).tolist()
    return [
        {
            "image_id": image_id,
            "file_name": file_name,
            "category_id": categories[pieces[index].label].category_id,
            "category_name": categories[pieces[index].label].name,
            "segmentation": rle_to_json(rle),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": pieces[index].score,
        }
        for (index, rle), (x1, y1, x2, y2) in zip(found, boxes, strict=True)
    ]


def draw_reduced(
    path: Path, size: tuple[int, int], rles: Sequence[RLE], bits: int | None
) -> Image.Image:
    """Draw the outlines of masks on an image, at `PICTURE_SIDE` px at most.

    Args:
        path: the file, or its address with a choice of bands.
        size: (height, width) of the image.
        rles: masks of the image.
        bits: bit depth of images of more than 8 bits.
    """
    import cv2
    from PIL import Image, ImageColor

    from sapnet.prediction.drawing import PALETTE

    factor = min(1.0, PICTURE_SIDE / max(size))
    smaller = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    pixels = np.array(load_reduced(path, smaller, bits))
    scale = np.array([smaller[1] / size[1], smaller[0] / size[0]])
    colors = [ImageColor.getrgb(color) for color in PALETTE]
    for index, rle in enumerate(rles):
        crop, corner = decode_crop(rle)
        rings, _ = cv2.findContours(crop, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        lines = [((ring + np.array(corner) + 0.5) * scale).astype(np.int32) for ring in rings]
        cv2.polylines(pixels, lines, True, colors[index % len(colors)], 1, cv2.LINE_AA)
    return Image.fromarray(pixels)

"""Labels of windows as labels of whole images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sapnet.data.image_files.address import Window
from sapnet.data.tiles.seams import Piece, agree, united
from sapnet.data.tiles.windows import MOST_WINDOWS, is_copy, owner_of, whole_images, window_of
from sapnet.geometry.rle import rle_areas, rle_boxes, rle_to_json, to_rle
from sapnet.geometry.rle_windows import place_rles
from sapnet.structures.origin import PERSON

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE, ImageRecord

_BOXES = ("bbox", "refined_box")
_LABEL = 0  # pieces of one object have one class


def whole_labels(
    windows: Sequence[ImageRecord],
    annotations: Iterable[dict[str, Any]],
    done: Collection[int] | None = None,
    decided: Mapping[int, RLE] | None = None,
) -> tuple[tuple[ImageRecord, ...], list[dict[str, Any]]]:
    """Return labels of windows in the frame of their whole images.

    An object has the label of the window that its click belongs to. Where that mask is cut off at a
    border, and a copy of the click in another window has a mask that agrees in what both windows
    show, the two are united. Masks that a person gave are united from all windows.

    Args:
        windows: all windows of `tile_clicks`.
        annotations: records of a label file, in the frame of the windows.
        done: ids of the windows that were labelled; None for all.
        decided: masks of whole images that a person decided on, by annotation id.

    Returns:
        The images of which all windows were labelled, and their annotations.
    """
    whole = {image.image_id: image for image in whole_images(windows)}
    of_id = {image.image_id: image for image in windows}
    if done is not None:
        for window in windows:
            if window.image_id not in done:
                whole.pop(window.image_id // MOST_WINDOWS, None)
    homes: list[dict[str, Any]] = []
    copies: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for record in annotations:
        if record["image_id"] // MOST_WINDOWS not in whole:
            continue
        if is_copy(record["id"]):
            copies[owner_of(record["id"])].append(record)
        else:
            homes.append(record)
    found = []
    for record in homes:
        image = whole[record["image_id"] // MOST_WINDOWS]
        whole_mask = (decided or {}).get(record["id"])
        found.append(_placed(record, copies[record["id"]], of_id, image, whole_mask))
    return tuple(whole.values()), found


def _placed(
    record: dict[str, Any],
    copies: list[dict[str, Any]],
    windows: dict[int, ImageRecord],
    image: ImageRecord,
    decided: RLE | None,
) -> dict[str, Any]:
    """Return a record in the frame of its whole image."""
    size = (image.height, image.width)
    piece = _piece(record, windows)
    x, y = piece.window.x, piece.window.y
    mask = decided
    if mask is None:
        mask = united([piece, *_same_object(piece, record, copies, windows, size)], size)
    placed = {**record, "image_id": image.image_id, "segmentation": rle_to_json(mask)}
    for key in _BOXES:
        if key in record:
            left, top, *sides = record[key]
            placed[key] = [left + x, top + y, *sides]
    if rle_areas([mask])[0] != rle_areas([piece.rle])[0]:
        x1, y1, x2, y2 = rle_boxes([mask])[0].tolist()
        placed |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": int(rle_areas([mask])[0])}
    if "point" in record:
        placed["point"] = [record["point"][0] + x, record["point"][1] + y]
    if "candidates" in record:
        found = record["candidates"]
        rles = [_rle(entry, piece.window) for entry in found["segmentations"]]
        moved = [rle_to_json(rle) for rle in place_rles(rles, (x, y), size)]
        placed["candidates"] = {**found, "segmentations": moved}
    return placed


def _same_object(
    piece: Piece,
    record: dict[str, Any],
    copies: list[dict[str, Any]],
    windows: dict[int, ImageRecord],
    size: tuple[int, int],
) -> list[Piece]:
    """Return the masks of other windows that continue the one of a record."""
    if _is_given(record):
        return [_piece(copy, windows) for copy in copies if _is_given(copy)]
    others = [_piece(copy, windows) for copy in copies] if piece.is_cut(size) else []
    return [other for other in others if agree(piece, other)]


def _is_given(record: dict[str, Any]) -> bool:
    return bool(record["origin"]["chosen_by"] == PERSON)


def _piece(record: dict[str, Any], windows: dict[int, ImageRecord]) -> Piece:
    window = window_of(windows[record["image_id"]])
    x, y, width, height = record["bbox"]
    box = (x, y, x + width, y + height)
    return Piece(window, _rle(record["segmentation"], window), box, _LABEL, record["score"])


def _rle(segmentation: dict[str, Any], window: Window) -> RLE:
    return to_rle(segmentation, window.height, window.width)

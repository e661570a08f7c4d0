"""Objects at the seams of windows: which masks of two windows are one object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.image_files.address import Window
from sapnet.geometry.rle import merge_rles, rle_areas, rle_iou
from sapnet.geometry.rle_windows import cut_rles, place_rle, place_rles

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE

LEAST_IOU = 0.5
"""IoU, in what two windows share, from which on two masks are one object."""

LEAST_CONTAINED = 0.8
"""Share of the smaller mask, in what two windows share, that lies in the larger one, from which on
they are one object, too."""

EDGE = 4
"""Pixels from the border of its window within which a mask counts as cut off there: masks of a
network are as exact as that."""


@dataclass(frozen=True)
class Piece:
    """A mask in a window of a large image.

    Attributes:
        window: the window.
        rle: the mask, of the window's size, not empty.
        box: xyxy of the mask in the window.
        label: class; masks of different classes are never one object.
        score: of two masks of one object the better one is kept.
    """

    window: Window
    rle: RLE
    box: tuple[float, float, float, float]
    label: int
    score: float

    def is_cut(self, size: tuple[int, int]) -> bool:
        """Return True if the mask reaches a border of its window inside of the image."""
        return reaches_border(self.box, self.window, size)


def reaches_border(
    box: Sequence[float], window: Window, size: tuple[int, int], edge: float = EDGE
) -> bool:
    """Return True if a box reaches a border of its window that is not one of the image.

    Args:
        box: xyxy in the window.
        window: of an image.
        size: (height, width) of the image.
        edge: pixels that count as the border.
    """
    x1, y1, x2, y2 = box
    height, width = size
    return (
        (x1 < edge and window.x > 0)
        or (y1 < edge and window.y > 0)
        or (x2 > window.width - edge and window.x + window.width < width)
        or (y2 > window.height - edge and window.y + window.height < height)
    )


def join_pieces(pieces: Sequence[Piece], size: tuple[int, int]) -> list[tuple[int, RLE]]:
    """Join the masks of all windows of an image: each object once, cut objects whole.

    Two masks of different windows and one class are the same object if they agree in what both
    windows show: by IoU, or because one lies in the other. Of a whole mask and others the whole one
    with the best score is kept as it is; masks that are all cut off at a border are united.

    Args:
        pieces: masks of all windows, in any order.
        size: (height, width) of the image.

    Returns:
        The index of a piece and the mask in the image for each object, best score first.
    """
    same: dict[int, set[int]] = defaultdict(set)
    for first, second in _same_objects(pieces):
        same[first].add(second)
        same[second].add(first)
    cut = [piece.is_cut(size) for piece in pieces]
    order = sorted(range(len(pieces)), key=lambda i: (cut[i], -pieces[i].score))
    done: set[int] = set()
    groups: list[list[int]] = []
    for index in order:
        if index in done:
            continue
        members = _cut_members(index, same, cut, done) if cut[index] else [index]
        done.update(members, *(same[member] for member in members))
        groups.append(members)
    groups.sort(key=lambda members: -pieces[members[0]].score)
    alone = _placed(pieces, [members[0] for members in groups if len(members) == 1], size)
    return [
        (members[0], alone.get(members[0]) or united([pieces[i] for i in members], size))
        for members in groups
    ]


def agree(first: Piece, second: Piece) -> bool:
    """Return True if masks of two windows are the same in what both windows show."""
    shared = first.window.common(second.window)
    if shared is None:
        return False
    return bool(_agreeing(_parts([first], shared), _parts([second], shared))[0, 0])


def united(pieces: Sequence[Piece], size: tuple[int, int]) -> RLE:
    """Return the union of masks of windows in the image, whose size is (height, width)."""
    x = min(piece.window.x for piece in pieces)
    y = min(piece.window.y for piece in pieces)
    if len(pieces) == 1:
        return place_rle(pieces[0].rle, (x, y), size)
    # In the windows' common frame: the library's union costs time for each pixel of the image.
    right = max(piece.window.x + piece.window.width for piece in pieces)
    bottom = max(piece.window.y + piece.window.height for piece in pieces)
    masks = [
        place_rle(piece.rle, (piece.window.x - x, piece.window.y - y), (bottom - y, right - x))
        for piece in pieces
    ]
    return place_rle(merge_rles(masks), (x, y), size)


def _placed(
    pieces: Sequence[Piece], indices: Sequence[int], size: tuple[int, int]
) -> dict[int, RLE]:
    """Return the masks of some pieces in the image, window by window, by their indices."""
    windows: dict[Window, list[int]] = defaultdict(list)
    for index in indices:
        windows[pieces[index].window].append(index)
    found: dict[int, RLE] = {}
    for window, inside in windows.items():
        rles = place_rles([pieces[index].rle for index in inside], (window.x, window.y), size)
        found.update(zip(inside, rles, strict=True))
    return found


def _cut_members(
    index: int, same: dict[int, set[int]], cut: list[bool], done: set[int]
) -> list[int]:
    """Return the pieces that continue a cut one, window by window, itself first."""
    members, waiting = [index], [index]
    while waiting:
        for other in sorted(same[waiting.pop()]):
            if cut[other] and other not in done and other not in members:
                members.append(other)
                waiting.append(other)
    return members


def _same_objects(pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Yield pairs of indices of pieces that are one object."""
    groups: dict[tuple[Window, int], list[int]] = defaultdict(list)
    for index, piece in enumerate(pieces):
        groups[piece.window, piece.label].append(index)
    keys = sorted(groups, key=lambda key: (key[0].y, key[0].x, key[1]))
    for place, (window, label) in enumerate(keys):
        for other, other_label in keys[place + 1 :]:
            if other.y >= window.y + window.height:
                break
            shared = window.common(other)
            if label == other_label and shared is not None:
                here = _meeting(pieces, groups[window, label], shared)
                there = _meeting(pieces, groups[other, label], shared)
                same = _agreeing(
                    _parts([pieces[i] for i in here], shared),
                    _parts([pieces[i] for i in there], shared),
                )
                for row, column in np.argwhere(same):
                    yield here[row], there[column]


def _meeting(pieces: Sequence[Piece], indices: list[int], shared: Window) -> list[int]:
    """Return the pieces whose box meets a part of the image."""
    if not indices:
        return []
    window = pieces[indices[0]].window
    x, y = shared.x - window.x, shared.y - window.y
    x1, y1, x2, y2 = np.array([pieces[i].box for i in indices]).T
    meets = (x1 < x + shared.width) & (x2 > x) & (y1 < y + shared.height) & (y2 > y)
    return [indices[place] for place in np.flatnonzero(meets)]


def _parts(pieces: Sequence[Piece], shared: Window) -> tuple[RLE, ...]:
    """Return the parts of masks of one window in a part of the image."""
    if not pieces:
        return ()
    corner = (shared.x - pieces[0].window.x, shared.y - pieces[0].window.y)
    return cut_rles([piece.rle for piece in pieces], corner, (shared.height, shared.width))


def _agreeing(first: Sequence[RLE], second: Sequence[RLE]) -> np.ndarray:
    """Return (A, B) bool, True where masks of the same frame are one object."""
    if not first or not second:
        return np.zeros((len(first), len(second)), bool)
    iou = rle_iou(first, second)
    areas, others = rle_areas(first)[:, None], rle_areas(second)[None]
    common = iou * (areas + others) / (1 + iou)
    smaller = np.maximum(np.minimum(areas, others), 1)
    agreeing: np.ndarray = (iou >= LEAST_IOU) | (common >= LEAST_CONTAINED * smaller)
    return agreeing

"""Masks as COCO run lengths, through faster-coco-eval's compiled mask operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.geometry.clipping import clip_far
from sapnet.system.outside import shown

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE

_CHAR_ZERO = 48  # COCO writes six bits per character, from "0" on
_MIN_CORNERS = 3
_VALUE_BITS, _VALUE, _SIGN, _MORE = 5, 0x1F, 0x10, 0x20


@dataclass(frozen=True)
class Runs:
    """Foreground runs of K masks of one size, down the columns, in the order of the masks.

    Attributes:
        mask_index: (R,) int64 the mask each run belongs to.
        start: (R,) int64 its first pixel, counted down the columns: y + x * height.
        stop: (R,) int64 the pixel after its last one; a run may reach over several columns.
    """

    mask_index: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def foreground_runs(rles: Sequence[RLE]) -> Runs:
    """Read the foreground runs of masks from their run lengths, without decoding a pixel.

    Args:
        rles: K run lengths, all of the same size.

    Returns:
        The runs of all masks, none empty.

    Raises:
        ValueError: if run lengths do not cover their mask.
    """
    if not rles:
        nothing = np.zeros(0, np.int64)
        return Runs(nothing, nothing, nothing)
    counts, numbers = run_lengths([rle["counts"] for rle in rles])
    pixels = rles[0]["size"][0] * rles[0]["size"][1]
    stops = np.cumsum(counts)
    bounds = np.cumsum(numbers)
    covered = np.diff(np.concatenate([[0], stops])[bounds], prepend=0)
    if (covered != pixels).any():
        wrong = int(np.flatnonzero(covered != pixels)[0])
        raise ValueError(
            f"mask {wrong} of {len(rles)}: expected run lengths that cover {pixels} pixels (size "
            f"{rles[wrong]['size']}), found {covered[wrong]}; the file they come from is damaged"
        )
    # Every second run is foreground, the first one is not; any may be empty.
    place = np.arange(len(counts)) - np.repeat(bounds - numbers, numbers)
    kept = np.flatnonzero((place & 1) & (counts > 0))
    owner = np.repeat(np.arange(len(rles)), numbers)[kept]
    stop = stops[kept] - owner * pixels
    return Runs(owner, stop - counts[kept], stop)


def rles_hold_points(rles: Sequence[RLE], points: np.ndarray) -> np.ndarray:
    """Test which masks hold which points, without decoding a pixel.

    Args:
        rles: K masks of one size.
        points: (N, 2) x, y; NaN lies in no mask. A point on the right or bottom edge belongs to the
            last pixel.

    Returns:
        (K, N) bool.
    """
    if not rles:
        return np.zeros((0, len(points)), bool)
    height, width = rles[0]["size"]
    known = np.isfinite(points).all(axis=1)
    x, y = np.where(known[:, None], points, 0).T
    columns = np.clip(np.floor(x), 0, width - 1).astype(np.int64)
    pixels = columns * height + np.clip(np.floor(y), 0, height - 1).astype(np.int64)
    runs = foreground_runs(rles)
    if not len(runs.start):
        return np.zeros((len(rles), len(points)), bool)
    first = runs.mask_index * (height * width)
    keys = np.arange(len(rles))[:, None] * (height * width) + pixels
    place = np.searchsorted(first + runs.start, keys, side="right") - 1
    inside: np.ndarray = (place >= 0) & (keys < (first + runs.stop)[place]) & known
    return inside


@dataclass(frozen=True)
class Strips:
    """Pieces of runs within one column each: rows top to bottom, bottom excluded; (R,) int64.

    Attributes:
        mask_index: (R,) the mask each strip belongs to, in ascending order.
        column: (R,) its column.
        top: (R,) its first row.
        bottom: (R,) the row after its last one.
    """

    mask_index: np.ndarray
    column: np.ndarray
    top: np.ndarray
    bottom: np.ndarray


def split_at_columns(runs: Runs, height: int) -> Strips:
    """Cut runs, which may reach over several columns, into strips of one column each."""
    first, last = runs.start // height, (runs.stop - 1) // height
    pieces = last - first + 1
    run = np.repeat(np.arange(len(first)), pieces)
    piece = np.arange(len(run)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    column = first[run] + piece
    top = np.maximum(runs.start[run] - column * height, 0)
    bottom = np.minimum(runs.stop[run] - column * height, height)
    return Strips(runs.mask_index[run], column, top, bottom)


def encode_masks(masks: np.ndarray) -> tuple[RLE, ...]:
    """Encode binary masks as run lengths.

    Args:
        masks: (K, H, W) bool or uint8; non-zero is foreground.

    Returns:
        K run lengths with `counts` as bytes.
    """
    from faster_coco_eval.core import mask as mask_api

    if masks.ndim != 3:
        raise ValueError(f"encode_masks: expected masks (K, H, W), found shape {masks.shape}")
    num_masks, height, width = masks.shape
    if num_masks == 0:
        return ()
    if masks.size == 0:
        no_pixels = np.zeros((height, width, num_masks), np.uint8, order="F")
        return tuple(normalise_rle(rle) for rle in mask_api.encode(no_pixels))
    # Finding the ends of the runs with numpy takes an eighth of the time of the library's `encode`,
    # which looks at one pixel after the other. One mask at a time stays in the processor's cache.
    is_foreground = np.ascontiguousarray(masks if masks.dtype == bool else masks != 0)
    size = [height, width]
    rles = [{"size": size, "counts": _run_counts(mask)} for mask in is_foreground.view(np.uint8)]
    return tuple(normalise_rle(rle) for rle in mask_api.frPyObjects(rles, height, width))


def _run_counts(mask: np.ndarray) -> list[int]:
    """Return the lengths of the runs of a mask (H, W) uint8 0/1, background first."""
    import cv2

    pixels = cv2.transpose(mask).reshape(-1)  # runs go down the columns
    inner = np.flatnonzero(pixels[1:] != pixels[:-1])
    bounds = np.empty(len(inner) + 2, np.int64)
    bounds[0], bounds[1:-1], bounds[-1] = 0, inner + 1, pixels.size
    counts: list[int] = (bounds[1:] - bounds[:-1]).tolist()
    return [0, *counts] if pixels[0] else counts


def decode_masks(rles: Sequence[RLE]) -> np.ndarray:
    """Binary masks of run lengths of one size.

    Args:
        rles: K run lengths, all of the same size.

    Returns:
        (K, H, W) uint8 0/1; (0, 0, 0) for no run lengths.
    """
    from faster_coco_eval.core import mask as mask_api

    if not rles:
        return np.zeros((0, 0, 0), np.uint8)
    return np.transpose(mask_api.decode(list(rles)), (2, 0, 1))


def rle_boxes(rles: Sequence[RLE]) -> np.ndarray:
    """Tight boxes of masks.

    Args:
        rles: K run lengths.

    Returns:
        (K, 4) float32 xyxy pixel edges; zeros for an empty mask.
    """
    from faster_coco_eval.core import mask as mask_api

    if not rles:
        return np.zeros((0, 4), np.float32)
    xywh = np.asarray(mask_api.toBbox(list(rles)), np.float32).reshape(-1, 4)
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)


def rle_areas(rles: Sequence[RLE]) -> np.ndarray:
    """Count foreground pixels.

    Args:
        rles: K run lengths.

    Returns:
        (K,) int64.
    """
    from faster_coco_eval.core import mask as mask_api

    if not rles:
        return np.zeros(0, np.int64)
    return np.asarray(mask_api.area(list(rles)), np.int64)


def rle_iou(first: Sequence[RLE], second: Sequence[RLE]) -> np.ndarray:
    """Intersection over union of all pairs of masks of one size.

    Args:
        first: A run lengths.
        second: B run lengths.

    Returns:
        (A, B) float64 in [0, 1].
    """
    from faster_coco_eval.core import mask as mask_api

    if not first or not second:
        return np.zeros((len(first), len(second)))
    ious = mask_api.iou(list(first), list(second), [0] * len(second))
    return np.asarray(ious, np.float64).reshape(len(first), len(second))


def to_rle(segmentation: Any, height: int, width: int) -> RLE:  # noqa: ANN401  # any JSON value
    """Run lengths of whatever COCO allows as `segmentation`.

    Args:
        segmentation: polygons [[x, y, ...], ...], or a dictionary of `size` and `counts` where
            counts is a list (uncompressed) or a string or bytes (compressed).
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        Compressed run lengths.

    Raises:
        ValueError: the value is none of these, or its size is not the image's.
    """
    from faster_coco_eval.core import mask as mask_api

    if isinstance(segmentation, dict):
        _check_rle(segmentation, height, width)
        counts = segmentation["counts"]
        if isinstance(counts, list):
            return normalise_rle(mask_api.frPyObjects(segmentation, height, width))
        rle = normalise_rle({"size": [height, width], "counts": counts})
        _check_string(rle)
        return rle
    if not _is_polygons(segmentation):
        raise ValueError(
            "expected a segmentation as polygons of at least 3 points each, or run lengths with "
            f"'size' and 'counts'; found {shown(segmentation)}"
        )
    near = [clip_far(np.reshape(part, (-1, 2)), height, width) for part in segmentation]
    outlines = [outline.ravel().tolist() for outline in near if len(outline) >= _MIN_CORNERS]
    if not outlines:
        background = {"size": [height, width], "counts": [height * width]}
        return normalise_rle(mask_api.frPyObjects(background, height, width))
    return normalise_rle(mask_api.merge(mask_api.frPyObjects(outlines, height, width)))


def merge_rles(rles: Sequence[RLE]) -> RLE:
    """Unite masks of one size.

    Args:
        rles: one run length or more.

    Returns:
        Run lengths of all their pixels.
    """
    from faster_coco_eval.core import mask as mask_api

    return normalise_rle(mask_api.merge(list(rles)))


def rle_to_json(rle: RLE) -> dict[str, Any]:
    """Run lengths as JSON takes them: counts as text."""
    return {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}


def _is_polygons(segmentation: object) -> bool:
    return (
        isinstance(segmentation, list)
        and bool(segmentation)
        and all(map(_is_polygon, segmentation))
    )


def _is_polygon(part: object) -> bool:
    if not (isinstance(part, list) and len(part) >= 2 * _MIN_CORNERS and len(part) % 2 == 0):
        return False
    try:
        values = np.asarray(part)
    except ValueError:  # lists of different lengths
        return False
    return values.ndim == 1 and values.dtype.kind in "iuf" and bool(np.isfinite(values).all())


def _check_rle(segmentation: dict[str, Any], height: int, width: int) -> None:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list | tuple) or list(size) != [height, width]:
        raise ValueError(
            f"expected run lengths of size [{height}, {width}], found size {shown(size)}"
        )
    if not isinstance(counts, list | str | bytes):
        raise ValueError(f"expected 'counts' as a list or a string, found {type(counts).__name__}")
    if not isinstance(counts, list):
        return
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(f"expected run lengths as integers >= 0, found {shown(counts)}")
    if sum(counts) != height * width:
        raise ValueError(
            f"expected run lengths that cover {height * width} pixels, found {sum(counts)}"
        )


def _check_string(rle: RLE) -> None:
    """Check that a compressed string is whole, and that its runs cover its mask exactly.

    The library trusts what it decodes: of a cut string it reads and writes beyond its memory, or
    never ends.
    """
    from faster_coco_eval import mask_api_new_cpp as mask_api

    pixels = rle["size"][0] * rle["size"][1]
    try:
        counts = mask_api.toUncompressedRLE([rle])[0]["counts"]
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(
            f"expected compressed run lengths of {pixels} pixels, found a damaged string ({error})"
        ) from error
    if sum(counts) != pixels or min(counts) < 0:
        raise ValueError(
            f"expected compressed run lengths that cover {pixels} pixels, found {sum(counts)}: the "
            "string is damaged"
        )


def run_lengths(strings: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Parse K compressed strings: all run lengths (M,) and the number of each (K,), int64.

    The format is that of COCO's rleFrString: numbers in groups of five bits, the lowest first,
    with a sign; from the fourth number on they are differences to the number two before.
    """
    groups = np.frombuffer(b"".join(strings), np.uint8) - np.uint8(_CHAR_ZERO)
    last = np.flatnonzero(groups < _MORE)
    first = np.concatenate([[0], last + 1])[: len(last)]
    lengths = last + 1 - first
    bits = (groups & _VALUE).astype(np.int64)
    values = bits[first]
    for group in range(1, int(lengths.max(initial=1))):
        longer = np.flatnonzero(lengths > group)
        values[longer] |= bits[first[longer] + group] << (_VALUE_BITS * group)
    negative = np.flatnonzero(groups[last] & _SIGN)
    values[negative] -= np.int64(1) << (_VALUE_BITS * lengths[negative])

    ends = np.searchsorted(last, np.cumsum([len(string) for string in strings]))
    numbers = np.diff(ends, prepend=0)
    # The numbers of a string in rows of two, its first one alone in row 0: each of the others is
    # the difference to the number above.
    rows = numbers // 2 + 1
    starts = 2 * (np.cumsum(rows) - rows)
    place = np.arange(len(values)) + np.repeat(starts + 1 - (ends - numbers), numbers)
    table = np.zeros(2 * int(rows.sum()), np.int64)
    table[place] = values
    heads = starts[numbers > 0] + 1
    first_values = table[heads]
    table[heads] = 0
    sums = np.cumsum(table.reshape(-1, 2), axis=0)
    before = np.concatenate([np.zeros((1, 2), np.int64), sums])[starts // 2]
    lengths_of_runs = (sums - np.repeat(before, rows, axis=0)).ravel()
    lengths_of_runs[heads] = first_values
    return lengths_of_runs[place], numbers


def normalise_rle(rle: dict[str, Any]) -> RLE:
    """Return compressed run lengths of the library as ours, counts as bytes."""
    counts = rle["counts"]
    return {
        "size": [int(side) for side in rle["size"]],
        "counts": counts.encode() if isinstance(counts, str) else bytes(counts),
    }

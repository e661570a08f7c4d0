"""Masks as COCO run lengths, through faster-coco-eval's compiled mask operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sapnet.structures import RLE


def encode_masks(masks: np.ndarray) -> tuple[RLE, ...]:
    """Run lengths of binary masks.

    Args:
        masks: (K, H, W) bool or uint8; non-zero is foreground.

    Returns:
        K run lengths with `counts` as bytes.
    """
    from faster_coco_eval.core import mask as mask_api

    if masks.ndim != 3:
        raise ValueError(f"encode_masks: expected masks (K, H, W), found shape {masks.shape}")
    if masks.shape[0] == 0:
        return ()
    # The compiled function wants (H, W, K) in column-major order.
    column_major = np.asfortranarray(np.transpose(masks != 0, (1, 2, 0)).astype(np.uint8))
    return tuple(_normalise(rle) for rle in mask_api.encode(column_major))


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
    """Numbers of foreground pixels.

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
            return _normalise(mask_api.frPyObjects(segmentation, height, width))
        return _normalise({"size": [height, width], "counts": counts})
    if not _is_polygons(segmentation):
        raise ValueError(
            "expected a segmentation as polygons of at least 3 points each, or run lengths with "
            f"'size' and 'counts'; found {str(segmentation)[:60]!r}"
        )
    parts = mask_api.frPyObjects(segmentation, height, width)
    return _normalise(mask_api.merge(parts))


def rle_to_json(rle: RLE) -> dict[str, Any]:
    """Run lengths as JSON takes them: counts as text."""
    return {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}


def _is_polygons(segmentation: object) -> bool:
    return (
        isinstance(segmentation, list)
        and len(segmentation) > 0
        and all(
            isinstance(p, list) and len(p) >= 6 and len(p) % 2 == 0 and np.isfinite(p).all()
            for p in segmentation
        )
    )


def _check_rle(segmentation: dict[str, Any], height: int, width: int) -> None:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size is None or list(size) != [height, width]:
        raise ValueError(f"expected run lengths of size [{height}, {width}], found size {size}")
    if not isinstance(counts, list | str | bytes):
        raise ValueError(f"expected 'counts' as a list or a string, found {type(counts).__name__}")
    if isinstance(counts, list) and sum(counts) != height * width:
        raise ValueError(
            f"expected run lengths that cover {height * width} pixels, found {sum(counts)}"
        )


def _normalise(rle: dict[str, Any]) -> RLE:
    counts = rle["counts"]
    return {
        "size": [int(side) for side in rle["size"]],
        "counts": counts.encode("ascii") if isinstance(counts, str) else bytes(counts),
    }

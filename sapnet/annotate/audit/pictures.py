"""The picture of one label: the object with its surroundings, and its outline."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sapnet.geometry.rle import decode_masks, rle_boxes

if TYPE_CHECKING:
    from sapnet.evaluation.label_file import Label

_MARGIN = 0.5
"""Surroundings on each side, relative to the longer side of the label."""

_LEAST_SIDE = 48
"""Fewest pixels of the image that are shown along each side."""

_PICTURE_SIDE = 720
"""Longer side of the picture."""

_LARGEST_ZOOM = 12.0
_OUTLINE, _RIM, _CLICK = (255, 221, 0), (0, 0, 0), (255, 60, 60)
_QUALITY = 88


def draw_label(pixels: np.ndarray, label: Label, *, outlined: bool) -> bytes:
    """Draw a label with its surroundings, enlarged.

    Args:
        pixels: (H, W, 3) uint8 RGB, the whole image.
        label: a label of that image.
        outlined: False to leave out the outline and the click.

    Returns:
        A JPEG picture.
    """
    left, top, right, bottom = _window(label, pixels.shape[:2])
    crop = pixels[top:bottom, left:right]
    height, width = crop.shape[:2]
    zoom = min(_PICTURE_SIDE / max(height, width), _LARGEST_ZOOM)
    size = max(round(width * zoom), 1), max(round(height * zoom), 1)
    picture = np.array(Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC))
    if outlined:
        mask = decode_masks([label.rle])[0][top:bottom, left:right]
        _draw_outline(picture, mask)
        if label.point is not None:
            _draw_dot(picture, ((label.point[0] - left) * zoom, (label.point[1] - top) * zoom))
    file = BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=_QUALITY)
    return file.getvalue()


def _window(label: Label, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what is shown, inside the image."""
    height, width = size
    x1, y1, x2, y2 = (float(value) for value in rle_boxes([label.rle])[0])
    if x2 <= x1:  # an empty mask: the click's surroundings
        x, y = label.point or (width / 2, height / 2)
        x1, y1, x2, y2 = x, y, x, y
    margin = _MARGIN * max(x2 - x1, y2 - y1)
    half_x = max((x2 - x1) / 2 + margin, _LEAST_SIDE / 2)
    half_y = max((y2 - y1) / 2 + margin, _LEAST_SIDE / 2)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return (
        max(int(x - half_x), 0),
        max(int(y - half_y), 0),
        min(int(np.ceil(x + half_x)), width),
        min(int(np.ceil(y + half_y)), height),
    )


def _draw_outline(picture: np.ndarray, mask: np.ndarray) -> None:
    """Draw the outline of an (h, w) 0/1 mask on a picture of another size, in place."""
    import cv2

    height, width = picture.shape[:2]
    enlarged = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(enlarged, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for color, thickness in ((_RIM, 4), (_OUTLINE, 2)):
        cv2.drawContours(picture, outlines, -1, color, thickness, cv2.LINE_AA)


def _draw_dot(picture: np.ndarray, point: tuple[float, float]) -> None:
    import cv2

    center = round(point[0]), round(point[1])
    cv2.circle(picture, center, 6, _RIM, -1, cv2.LINE_AA)
    cv2.circle(picture, center, 4, _CLICK, -1, cv2.LINE_AA)

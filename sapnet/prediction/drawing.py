"""Drawing of masks: predictions on an image, and the candidates of one click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import supervision as sv

PALETTE = (
    "#1d5fd1", "#c2410c", "#15803d", "#9333ea", "#be123c",
    "#0f766e", "#a0620a", "#db2777", "#4f46e5", "#4d7c0f",
)  # fmt: skip
"""Colours of instances, dark enough for white text, neighbours well apart."""

TRUTH_COLOR = "#16a34a"
CANDIDATE_COLOR = "#2563eb"
CLICK_COLOR = "#facc15"
NEGATIVE_COLOR = "#dc2626"
BOX_COLOR = "#c2410c"

_CROP_MARGIN = 0.12  # of the longer side of what is shown, on each side
_PIXELS_PER_LINE = 320  # side of a picture per pixel of line width
_PIXELS_PER_FONT_SIZE = 28  # side of a picture per point of the labels' font
_FONT_SIZES = (12, 28)


def draw_predictions(
    image: np.ndarray, detections: sv.Detections, class_names: Sequence[str]
) -> np.ndarray:
    """Draw masks, outlines and a line "name score" for every detection.

    Args:
        image: (H, W, 3) uint8 RGB.
        detections: P detections with masks (P, H, W), `class_id` and `confidence`.
        class_names: C names by class index.

    Returns:
        (H, W, 3) uint8 RGB; a copy of the image without detections.
    """
    if len(detections) == 0:
        return image.copy()
    texts = [
        f"{class_names[class_id]} {score:.2f}"
        for class_id, score in zip(detections.class_id, detections.confidence, strict=True)
    ]
    return draw_instances(image, detections, texts)


def draw_instances(
    image: np.ndarray, detections: sv.Detections, texts: Sequence[str]
) -> np.ndarray:
    """Draw masks, outlines and a text for every detection.

    Args:
        image: (H, W, 3) uint8 RGB.
        detections: P detections with masks (P, H, W).
        texts: P texts.

    Returns:
        (H, W, 3) uint8 RGB; a copy of the image without detections.
    """
    import supervision as sv

    if len(detections) == 0:
        return image.copy()
    # Large masks first, so that what lies on them stays visible.
    order = np.argsort(-detections.area, kind="stable")
    detections, texts = detections[order], [texts[index] for index in order]
    smallest, largest = _FONT_SIZES
    labeller = sv.RichLabelAnnotator(
        color=_palette(PALETTE),
        color_lookup=sv.ColorLookup.INDEX,
        font_path=font_path(),
        font_size=min(max(min(image.shape[:2]) // _PIXELS_PER_FONT_SIZE, smallest), largest),
        text_padding=3,
        smart_position=True,
    )
    scene = _draw_masks(Image.fromarray(image), detections, PALETTE)
    return np.asarray(labeller.annotate(scene, detections, texts))


def draw_outlines(image: np.ndarray, masks: np.ndarray, color: str = TRUTH_COLOR) -> np.ndarray:
    """Draw masks in one colour, faintly filled.

    Args:
        image: (H, W, 3) uint8 RGB.
        masks: (N, H, W) bool; empty ones are left out.
        color: as "#rrggbb".

    Returns:
        (H, W, 3) uint8 RGB; a copy of the image without masks.
    """
    masks = masks[masks.any(axis=(1, 2))] if len(masks) else masks
    if len(masks) == 0:
        return image.copy()
    detections = _to_detections(masks)
    return np.asarray(_draw_masks(Image.fromarray(image), detections, (color,)))


def draw_click(
    image: np.ndarray, point: tuple[float, float], color: str = CLICK_COLOR
) -> np.ndarray:
    """Draw a dot with a dark rim on a click.

    Args:
        image: (H, W, 3) uint8 RGB.
        point: (x, y) in pixels of the image.
        color: of the dot, as "#rrggbb".

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import supervision as sv

    x, y = point
    detections = sv.Detections(xyxy=np.array([[x, y, x, y]]), class_id=np.array([0]))
    annotator = sv.DotAnnotator(
        color=_palette((color,)),
        radius=3 + _line_width(image.shape[:2]),
        outline_thickness=2,
        outline_color=sv.Color.BLACK,
    )
    return np.asarray(annotator.annotate(Image.fromarray(image), detections))


@dataclass(frozen=True)
class CandidateTiles:
    """Pictures of one object; all show the same part of its image.

    Attributes:
        click: (h, w, 3) uint8 RGB, the image with the click.
        candidates: K pictures with one mask each.
        truth: the picture with the ground truth; None if it is not known.
        box: the picture with a box; None if there is none.
    """

    click: np.ndarray
    candidates: tuple[np.ndarray, ...]
    truth: np.ndarray | None
    box: np.ndarray | None = None


def draw_candidates(
    image: np.ndarray,
    masks: np.ndarray,
    gt_mask: np.ndarray | None = None,
    point: tuple[float, float] | None = None,
    side: int = 176,
    box: tuple[float, float, float, float] | None = None,
) -> CandidateTiles:
    """Draw the candidates of a click, each on a picture cropped to what they cover.

    Args:
        image: (H, W, 3) uint8 RGB.
        masks: (K, H, W) bool, the candidates.
        gt_mask: (H, W) bool, the ground truth.
        point: (x, y) of the click in pixels of the image.
        side: longer side of the pictures in pixels.
        box: xyxy in pixels of the image, drawn on a picture of its own.

    Returns:
        The pictures.
    """
    height, width = image.shape[:2]
    shown = np.zeros((height, width), bool) if gt_mask is None else gt_mask.copy()
    shown |= masks.any(axis=0) if len(masks) else False
    if point is not None:
        shown[int(np.clip(point[1], 0, height - 1)), int(np.clip(point[0], 0, width - 1))] = True
    if box is not None:
        x1, y1, x2, y2 = (max(round(value), 0) for value in box)
        shown[y1:y2, x1:x2] = True
    left, top, right, bottom = _window(shown)
    scale = side / max(right - left, bottom - top)
    size = (max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1))
    tile = _resize(image[top:bottom, left:right], size, Image.Resampling.LANCZOS)

    def with_mask(mask: np.ndarray, color: str) -> np.ndarray:
        cut = mask[top:bottom, left:right].astype(np.uint8) * 255
        return draw_outlines(tile, _resize(cut, size, Image.Resampling.BILINEAR)[None] > 127, color)

    clicked = tile
    if point is not None:
        clicked = draw_click(tile, ((point[0] - left) * scale, (point[1] - top) * scale))
    return CandidateTiles(
        click=clicked,
        candidates=tuple(with_mask(mask, CANDIDATE_COLOR) for mask in masks),
        truth=None if gt_mask is None else with_mask(gt_mask, TRUTH_COLOR),
        box=None if box is None else draw_box(tile, (np.array(box) - [left, top] * 2) * scale),
    )


def draw_box(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Draw a box.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: (4,) xyxy in pixels of the image.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import supervision as sv

    annotator = sv.BoxAnnotator(
        color=_palette((BOX_COLOR,)), thickness=2 + _line_width(image.shape[:2]) // 2
    )
    detections = sv.Detections(xyxy=box[None].astype(float), class_id=np.array([0]))
    return np.asarray(annotator.annotate(Image.fromarray(image), detections))


def _draw_masks(
    scene: Image.Image, detections: sv.Detections, colors: Sequence[str]
) -> Image.Image:
    """Draw fills and outlines, coloured by index; a single colour serves all."""
    import supervision as sv

    palette, lookup = _palette(colors), sv.ColorLookup.INDEX
    fill = sv.MaskAnnotator(color=palette, opacity=0.4, color_lookup=lookup)
    line = sv.PolygonAnnotator(
        color=palette,
        thickness=_line_width((scene.height, scene.width)),
        color_lookup=lookup,
    )
    filled: Image.Image = fill.annotate(scene, detections)
    outlined: Image.Image = line.annotate(filled, detections)
    return outlined


def _to_detections(masks: np.ndarray) -> sv.Detections:
    import supervision as sv

    class_ids = np.zeros(len(masks), int)
    return sv.Detections(xyxy=sv.mask_to_xyxy(masks).astype(float), mask=masks, class_id=class_ids)


def _window(shown: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom around the True pixels, with a margin.

    Without True pixels this is the whole picture.
    """
    height, width = shown.shape
    columns, rows = np.flatnonzero(shown.any(axis=0)), np.flatnonzero(shown.any(axis=1))
    if len(columns) == 0:
        return 0, 0, width, height
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    margin = max(round(_CROP_MARGIN * max(right - left, bottom - top)), 4)
    return (
        max(int(left) - margin, 0),
        max(int(top) - margin, 0),
        min(int(right) + margin, width),
        min(int(bottom) + margin, height),
    )


def _resize(picture: np.ndarray, size: tuple[int, int], resampling: Image.Resampling) -> np.ndarray:
    """Resize a picture to (width, height) `size`."""
    return np.asarray(Image.fromarray(picture).resize(size, resampling))


def _line_width(size: tuple[int, int]) -> int:
    return max(2, round(max(size) / _PIXELS_PER_LINE))


def _palette(colors: Sequence[str]) -> sv.ColorPalette:
    import supervision as sv

    return sv.ColorPalette.from_hex(list(colors))


@cache
def font_path() -> str:
    """Return the file of DejaVu Sans, which comes with matplotlib and has more than ASCII."""
    import matplotlib as mpl

    return str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")

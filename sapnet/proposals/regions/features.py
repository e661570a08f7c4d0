"""Measurements of the candidates of one click, from which their quality is predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

QUALITY_FEATURES = (
    "constant",
    "log_area",
    "log_area_squared",
    "offset",
    "elongation",
    "fill",
    "frame_sides",
    "certainty",
    "color_separation",
    "outline_contrast",
    "inner_contrast",
    "rivals_inside",
    "kin_inside",
    "rival_room",
    "rival_room_squared",
    "agreement",
    "close_agreement",
    "image_support",
    "middle_split",
    "from_image",
)
"""Names of the features of a candidate; see `quality_features`."""

CONTRAST_UNIT = 20.0
"""Lab distance across an outline that counts as 1."""

MOST_RIVALS = 3
"""Upper bound of the counts of rival clicks inside a candidate."""

ROOM_WITHOUT_RIVAL = 2.0
"""Assumed log of (distance to the nearest rival / side of the candidate) if there is no rival."""

SURROUND = 1.5
"""Factor by which the box of a candidate grows to give the surround of its colors."""


@dataclass(frozen=True)
class CandidateView:
    """The candidates of one click on its lattice, with the data that judges them.

    Attributes:
        masks: (P, Q, Q) bool.
        areas: (Q, Q) float64 share of the image in each lattice cell.
        x: (Q,) float64 lattice columns, fractions of the image's width.
        y: (Q,) float64 lattice rows, fractions of its height.
        lab: (Q, Q, 3) float32 colors.
        codes: (Q, Q) int64 color codes.
        segments: (Q, Q) int64 labels of the middle segmentation.
        num_codes: length of the code book.
        image_aspect: width / height of the image.
        point: (2,) the click, fractions.
        rival_points: (R, 2) the click's rivals, fractions.
        kin: (R,) bool, rivals of the click's own category.
        certainty: (P,) float32 certainty of the map, see `WindowMasks`; 0 for image regions.
        from_image: (P,) bool, True for image regions.
    """

    masks: np.ndarray
    areas: np.ndarray
    x: np.ndarray
    y: np.ndarray
    lab: np.ndarray
    codes: np.ndarray
    segments: np.ndarray
    num_codes: int
    image_aspect: float
    point: np.ndarray
    rival_points: np.ndarray
    kin: np.ndarray
    certainty: np.ndarray
    from_image: np.ndarray


def quality_features(view: CandidateView, iou: np.ndarray) -> np.ndarray:
    """Measure the candidates of a click.

    Args:
        view: P candidates.
        iou: (P, P) IoU of each two candidates.

    Returns:
        (P, F) float64, the columns `QUALITY_FEATURES`.
    """
    area = (view.masks * view.areas).sum(axis=(1, 2))
    log_area = np.log(np.maximum(area, 1e-6))
    boxes = _mask_boxes(view)
    width = np.maximum(boxes[:, 2] - boxes[:, 0], 1e-3)
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-3)
    offset_x = (view.point[0] - 0.5 * (boxes[:, 0] + boxes[:, 2])) / width
    offset_y = (view.point[1] - 0.5 * (boxes[:, 1] + boxes[:, 3])) / height
    sides = (boxes[:, :2] < 0.01).sum(axis=1) + (boxes[:, 2:] > 0.99).sum(axis=1)
    outline, inner = _contrasts(view)
    room = _rival_room(view, area)
    inside = _points_inside(view)
    columns = [
        np.ones(len(area)),
        log_area,
        log_area**2,
        offset_x**2 + offset_y**2,
        np.log(width * view.image_aspect / height) ** 2,
        area / (width * height),
        sides,
        view.certainty,
        _color_separation(view, boxes),
        outline,
        inner,
        np.minimum(inside.sum(axis=1), MOST_RIVALS),
        np.minimum(inside[:, view.kin].sum(axis=1), MOST_RIVALS),
        room,
        room**2,
        iou.mean(axis=1),
        (iou**4).mean(axis=1),
        iou[:, view.from_image].max(axis=1, initial=0.0),
        _segment_split(view, area),
        view.from_image,
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _mask_boxes(view: CandidateView) -> np.ndarray:
    """Return boxes through the centers of the outermost lattice cells, (P, 4) fractions."""
    columns = np.asarray(view.masks.any(axis=1))
    rows = np.asarray(view.masks.any(axis=2))
    last = view.masks.shape[1] - 1
    return np.stack(
        [
            view.x[columns.argmax(axis=1)],
            view.y[rows.argmax(axis=1)],
            view.x[last - columns[:, ::-1].argmax(axis=1)],
            view.y[last - rows[:, ::-1].argmax(axis=1)],
        ],
        axis=1,
    )


def _contrasts(view: CandidateView) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean color step across the outline and inside, each (P,), per unit of length."""
    totals = np.zeros((4, len(view.masks)))
    for axis in (0, 1):
        step = np.linalg.norm(np.diff(view.lab, axis=axis), axis=2) / CONTRAST_UNIT
        length = np.diff(view.x) if axis == 1 else np.diff(view.y)
        # A step between columns is as long as its row is high, and the other way round.
        across = np.gradient(view.y)[:, None] if axis == 1 else np.gradient(view.x)[None]
        weight = np.broadcast_to(across, step.shape).ravel()
        near = np.take(view.masks, np.arange(len(length)), axis + 1).reshape(len(view.masks), -1)
        far = np.take(view.masks, np.arange(1, len(length) + 1), axis + 1).reshape(near.shape)
        weighted = np.stack([weight * step.ravel(), weight], axis=1)
        totals[:2] += ((near ^ far) @ weighted).T
        totals[2:] += ((near & far) @ weighted).T
    return totals[0] / np.maximum(totals[1], 1e-6), totals[2] / np.maximum(totals[3], 1e-6)


def _color_separation(view: CandidateView, boxes: np.ndarray) -> np.ndarray:
    """Return 1 minus the overlap of the color histograms inside and in the surround, (P,)."""
    middle = 0.5 * (boxes[:, :2] + boxes[:, 2:])
    reach = 0.5 * SURROUND * (boxes[:, 2:] - boxes[:, :2])
    columns = np.abs(view.x - middle[:, 0, None]) <= reach[:, 0, None]
    rows = np.abs(view.y - middle[:, 1, None]) <= reach[:, 1, None]
    surround = rows[:, :, None] & columns[:, None, :] & ~view.masks
    book = np.zeros((view.codes.size, view.num_codes), np.float32)
    book[np.arange(view.codes.size), view.codes.ravel()] = view.areas.ravel()
    count = len(view.masks)
    front = view.masks.reshape(count, -1).astype(np.float32) @ book
    back = surround.reshape(count, -1).astype(np.float32) @ book
    front /= np.maximum(front.sum(axis=1, keepdims=True), 1e-9)
    back /= np.maximum(back.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(1.0 - np.minimum(front, back).sum(axis=1))


def _segment_split(view: CandidateView, area: np.ndarray) -> np.ndarray:
    """Return the smaller parts of the segments cut by the outline, (P,), per candidate area."""
    _, labels = np.unique(view.segments, return_inverse=True)
    labels = labels.ravel()
    book = np.zeros((labels.size, int(labels.max()) + 1), np.float32)
    book[np.arange(labels.size), labels] = view.areas.ravel()
    inside = view.masks.reshape(len(view.masks), -1).astype(np.float32) @ book
    return np.asarray(
        np.minimum(inside, book.sum(axis=0) - inside).sum(axis=1) / np.maximum(area, 1e-6)
    )


def _points_inside(view: CandidateView) -> np.ndarray:
    """Return (P, R) bool, True where the candidate contains the rival click."""
    if len(view.rival_points) == 0:
        return np.zeros((len(view.masks), 0), bool)
    columns = np.abs(view.x[None] - view.rival_points[:, 0, None]).argmin(axis=1)
    rows = np.abs(view.y[None] - view.rival_points[:, 1, None]).argmin(axis=1)
    return np.asarray(view.masks[:, rows, columns])


def _rival_room(view: CandidateView, area: np.ndarray) -> np.ndarray:
    """Return the log of the nearest rival's distance over the side of the candidate, (P,)."""
    if len(view.rival_points) == 0:
        return np.full(len(area), ROOM_WITHOUT_RIVAL)
    step = (view.rival_points - view.point) * (view.image_aspect, 1.0)
    nearest = max(float(np.linalg.norm(step, axis=1).min()), 1e-3)
    side = np.sqrt(np.maximum(area, 1e-6) * view.image_aspect)
    return np.asarray(np.minimum(np.log(nearest / side), ROOM_WITHOUT_RIVAL))

"""Prediction of SOLOv2 with a fixed number of instances, in operations that runtimes know.

It computes what `postprocess.predict_instances` computes, for one image and up to the stride-4
masks. Nothing here depends on the values of the image but the results: no loop, no selection of a
varying number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from sapnet.segmentation.outputs import SOLOv2Outputs, flatten_cells
from sapnet.segmentation.suppression import decay, suppress_cells
from sapnet.structures.grids import MASK_STRIDE

if TYPE_CHECKING:
    from sapnet.segmentation.config import PredictConfig, SOLOv2Config

EMPTY_LABEL = -1
"""Label of a place without an instance; its score is 0."""


@dataclass(frozen=True)
class FixedInstances:
    """The instances of one image, best first; places without one have score 0 and label -1.

    Attributes:
        boxes: (N, 4) float32 xyxy, input frame, to about a pixel.
        scores: (N,) float32 in [0, 1].
        labels: (N,) int64 class index, or -1.
        masks: (N, h, w) float32 mask probabilities at stride 4 of the padded input.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: Tensor


@dataclass(frozen=True)
class _Candidates:
    """The P best (cell, class) pairs of an image; all fields have P rows.

    Attributes:
        probabilities: (P, h * w) mask probabilities.
        foreground: (P, h * w) 0 or 1.
        labels: (P,) int64.
        scores: (P,) class score times maskness; 0 where there is no candidate.
    """

    probabilities: Tensor
    foreground: Tensor
    labels: Tensor
    scores: Tensor

    def ordered(self, order: Tensor) -> _Candidates:
        """Return the rows of these indices."""
        return _Candidates(
            self.probabilities.index_select(0, order),
            self.foreground.index_select(0, order),
            self.labels.index_select(0, order),
            self.scores.index_select(0, order),
        )


def fixed_instances(outputs: SOLOv2Outputs, cfg: SOLOv2Config) -> FixedInstances:
    """Turn the outputs of one image into a fixed number of instances.

    The number N is `max_instances`, or the number of (cell, class) pairs if that is smaller. At
    most `pre_nms` pairs are looked at, those with the best class scores. Only where more pairs
    pass the score threshold may this differ from `predict_instances`, which also knows how clear
    their masks are.

    Args:
        outputs: of a batch of one image.
        cfg: strides and prediction settings.
    """
    found = _find_candidates(outputs, cfg)
    scores = _matrix_nms(found, cfg.predict)
    count = min(cfg.predict.max_instances, len(found.scores))
    scores, best = scores.topk(count)
    exists = scores > 0
    size = outputs.mask_features.shape[-2:]
    masks = found.probabilities.index_select(0, best) * exists[:, None]
    maps = masks.reshape(count, size[0], size[1])
    return FixedInstances(
        boxes=boxes_of_maps(maps, cfg.predict.mask_threshold),
        scores=scores,
        labels=torch.where(exists, found.labels.index_select(0, best), EMPTY_LABEL),
        masks=maps,
    )


def boxes_of_maps(maps: Tensor, threshold: float) -> Tensor:
    """Compute the boxes of masks that are given at stride 4, to about a pixel.

    The largest values of the rows, and of the columns, are brought to the input's pixels; no map
    of the input's size is made.

    Args:
        maps: (N, h, w) mask probabilities.
        threshold: probability above which a pixel is foreground.

    Returns:
        (N, 4) xyxy, input frame; zeros for an empty mask.
    """
    first_x, stop_x = _extent(maps.amax(dim=1), threshold)
    first_y, stop_y = _extent(maps.amax(dim=2), threshold)
    return torch.stack([first_x, first_y, stop_x, stop_y], dim=1)


def _find_candidates(outputs: SOLOv2Outputs, cfg: SOLOv2Config) -> _Candidates:
    """Compute the masks of the best (cell, class) pairs, ordered by score times maskness."""
    kernels = flatten_cells(outputs.grid_kernels)[0]
    scores = flatten_cells([suppress_cells(x.sigmoid()) for x in outputs.grid_class_logits])[0]
    pairs = sum(cfg.cells_per_level) * scores.shape[1]
    passing = (scores > cfg.predict.score_threshold) * scores
    # Without `reshape` to a known number the runtimes do not know the size of what is sorted.
    top, places = passing.reshape(pairs).topk(min(cfg.predict.pre_nms, pairs))
    cells = torch.div(places, scores.shape[1], rounding_mode="floor")
    features = outputs.mask_features[0].flatten(1)
    probabilities = (kernels.index_select(0, cells) @ features).sigmoid()
    foreground = (probabilities > cfg.predict.mask_threshold).to(probabilities.dtype)
    areas = foreground.sum(dim=1)
    maskness = (probabilities * foreground).sum(dim=1) / areas.clamp(min=1)
    strides = torch.repeat_interleave(
        torch.tensor(cfg.strides), torch.tensor(cfg.cells_per_level)
    ).to(cells.device)
    is_large = areas > strides.index_select(0, cells)
    found = _Candidates(
        probabilities, foreground, places % scores.shape[1], top * maskness * is_large
    )
    return found.ordered(found.scores.topk(len(places)).indices)


def _matrix_nms(found: _Candidates, cfg: PredictConfig) -> Tensor:
    """Lower the scores (P,) of candidates that are ordered by score; 0 below the least."""
    areas = found.foreground.sum(dim=1)
    intersection = found.foreground @ found.foreground.T
    union = areas[:, None] + areas - intersection
    is_same = found.labels[:, None] == found.labels
    rank = torch.arange(len(found.scores), device=areas.device)
    is_better = rank[:, None] < rank  # row: the better mask
    iou = intersection / union.clamp(min=1) * (is_same & is_better)
    worst = iou.amax(dim=0)[:, None]
    # A mask that overlaps nothing lowers nobody: the least factor is at most 1.
    lowered = found.scores * decay(iou, worst, cfg).amin(dim=0).clamp(max=1)
    return lowered * (lowered >= cfg.filter_threshold)


def _extent(profile: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Find the first pixel, and the end, where (N, cells) maxima pass a threshold."""
    fine = functional.interpolate(
        profile[:, None, None, :],
        scale_factor=(1.0, float(MASK_STRIDE)),
        mode="bilinear",
        align_corners=False,
    )[:, 0, 0]
    is_inside = fine > threshold
    place = torch.arange(1, fine.shape[1] + 1, device=fine.device, dtype=fine.dtype)
    stop = (place * is_inside).amax(dim=1)
    # Counted from the far end, the first pixel is the one with the largest number.
    from_end = fine.shape[1] + 1 - place
    first = fine.shape[1] - (from_end * is_inside).amax(dim=1)
    return torch.where(stop > 0, first, torch.zeros_like(first)), stop

"""Conversion of the network's outputs to instances in the original frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sapnet.segmentation.original.resizing import masks_to_original
from sapnet.segmentation.outputs import SOLOv2Outputs, flatten_cells
from sapnet.segmentation.suppression import matrix_nms, suppress_cells
from sapnet.structures.outputs import Predictions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.segmentation.config import SOLOv2Config

CHUNK_PIXELS = 2**24
"""Mask pixels computed at a time: 64 MiB per float32 tensor."""


@dataclass(frozen=True)
class Candidates:
    """Masks of one image that Matrix NMS compares, in the order level, row, column, class.

    Attributes:
        probabilities: (P, h, w) float32 mask probabilities at stride 4.
        labels: (P,) int64.
        scores: (P,) float32 class score times maskness.
    """

    probabilities: Tensor
    labels: Tensor
    scores: Tensor


@torch.no_grad()
def predict_instances(
    outputs: SOLOv2Outputs,
    image_sizes: Tensor,
    original_sizes: Tensor,
    cfg: SOLOv2Config,
    classes: Sequence[Tensor] | None = None,
) -> list[Predictions]:
    """Turn the outputs of a batch into final instances.

    Args:
        outputs: raw outputs of the network.
        image_sizes: (B, 2) int64 (height, width) of each image's content in the input frame.
        original_sizes: (B, 2) int64 (height, width) of the original images.
        cfg: strides and prediction settings.
        classes: of each image, the class indices whose instances are returned; None for all.
            Bringing a mask to the original frame costs more than finding it.

    Returns:
        B predictions, best first; with zero rows where nothing is found. A mask may have lost its
        last pixels on the way to the original size.
    """
    kernels = flatten_cells(outputs.grid_kernels).float()
    scores = flatten_cells(
        [suppress_cells(logits.float().sigmoid()) for logits in outputs.grid_class_logits]
    )
    features = outputs.mask_features.float()
    predictions = []
    with torch.autocast(features.device.type, enabled=False):
        sizes = zip(image_sizes.tolist(), original_sizes.tolist(), strict=True)
        for image, (image_size, original_size) in enumerate(sizes):
            found = find_candidates(kernels[image], scores[image], features[image], cfg)
            masks = found.probabilities > cfg.predict.mask_threshold
            kept, kept_scores = matrix_nms(masks, found.labels, found.scores, cfg.predict)
            if classes is not None:
                is_wanted = torch.isin(found.labels[kept], classes[image])
                kept, kept_scores = kept[is_wanted], kept_scores[is_wanted]
            predictions.append(
                Predictions(
                    masks=masks_to_original(
                        found.probabilities[kept],
                        image_size,
                        original_size,
                        cfg.predict.mask_threshold,
                    ),
                    labels=found.labels[kept],
                    scores=kept_scores,
                )
            )
    return predictions


def find_candidates(
    kernels: Tensor, scores: Tensor, features: Tensor, cfg: SOLOv2Config
) -> Candidates:
    """Compute the masks of one image's promising cells.

    Args:
        kernels: (cells, E).
        scores: (cells, C) class scores in [0, 1], after cell suppression.
        features: (E, h, w) mask features.
        cfg: strides and prediction settings.

    Returns:
        Each (cell, class) pair whose score passes the threshold and whose mask is larger than its
        level's stride. Where there are too many to compute at once, only the `pre_nms` best ones,
        which are all that Matrix NMS looks at.
    """
    cells, labels = torch.nonzero(scores > cfg.predict.score_threshold, as_tuple=True)
    chunk = max(1, CHUNK_PIXELS // features[0].numel())
    parts = (
        _masks_of_cells(part_cells, part_labels, kernels, scores, features, cfg)
        for part_cells, part_labels in zip(
            torch.split(cells, chunk), torch.split(labels, chunk), strict=True
        )
    )
    return reduce(partial(_join, limit=cfg.predict.pre_nms), parts)


def _masks_of_cells(
    cells: Tensor,
    labels: Tensor,
    kernels: Tensor,
    scores: Tensor,
    features: Tensor,
    cfg: SOLOv2Config,
) -> Candidates:
    """Find candidates among (cell, class) pairs; a cell's mask is computed once."""
    own_cells, mask_index = torch.unique_consecutive(cells, return_inverse=True)
    probabilities = torch.tensordot(kernels[own_cells], features, dims=1).sigmoid_()
    foreground = (probabilities > cfg.predict.mask_threshold).to(probabilities.dtype)
    areas = foreground.sum(dim=(1, 2))
    maskness = torch.linalg.vecdot(probabilities.flatten(1), foreground.flatten(1)) / areas.clamp(
        min=1
    )
    strides = torch.repeat_interleave(
        cells.new_tensor(cfg.strides), cells.new_tensor(cfg.cells_per_level)
    )
    large = (areas > strides[own_cells])[mask_index]
    mask_index = mask_index[large]
    return Candidates(
        probabilities=probabilities.index_select(0, mask_index),
        labels=labels[large],
        scores=scores[cells[large], labels[large]] * maskness[mask_index],
    )


def _join(first: Candidates, second: Candidates, limit: int) -> Candidates:
    """Keep the `limit` best candidates of both, in their order."""
    scores = torch.cat([first.scores, second.scores])
    best = scores.sort(descending=True, stable=True).indices[:limit].sort().values
    return Candidates(
        probabilities=torch.cat([first.probabilities, second.probabilities]).index_select(0, best),
        labels=torch.cat([first.labels, second.labels])[best],
        scores=scores[best],
    )

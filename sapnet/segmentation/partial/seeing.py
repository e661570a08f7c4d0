"""Objects that a segmenter sees in partial images: the masks of its promising cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.segmentation.outputs import flatten_cells
from sapnet.structures.seen import SeenObjects

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.segmentation.config import SOLOv2Config
    from sapnet.segmentation.outputs import SOLOv2Outputs


@torch.no_grad()
def see_objects(
    outputs: SOLOv2Outputs, partial: Tensor, cfg: SOLOv2Config, thresholds: Tensor, limit: int
) -> SeenObjects:
    """Return the masks of the cells whose class score passes the threshold of the class.

    Only classes that are not all clicked in an image are looked at. Nothing is suppressed: each
    cell that sees an object counts, as each of them learns.

    Args:
        outputs: raw outputs of a network in evaluation mode.
        partial: (B, C) bool.
        cfg: `predict.mask_threshold`.
        thresholds: (C,) class scores in [0, 1], exclusive.
        limit: most cells of an image, the best ones.

    Returns:
        The objects, ordered by image.
    """
    kernels = flatten_cells(outputs.grid_kernels).float()  # (B, cells, E)
    scores = flatten_cells(outputs.grid_class_logits).float().sigmoid()  # (B, cells, C)
    scores = scores * partial[:, None]
    features = outputs.mask_features.float()
    found = []
    with torch.autocast(features.device.type, enabled=False):
        for image, image_scores in enumerate(scores):
            cells, labels = torch.nonzero(image_scores > thresholds, as_tuple=True)
            best = image_scores[cells, labels].argsort(descending=True, stable=True)[:limit]
            cells, labels = cells[best], labels[best]
            logits = kernels[image, cells] @ features[image].flatten(1)
            masks = logits.sigmoid() > cfg.predict.mask_threshold
            found.append((masks, labels, torch.full_like(labels, image), cells))
    masks, labels, images, cells = (torch.cat(parts) for parts in zip(*found, strict=True))
    return SeenObjects(masks.view(-1, *features.shape[2:]), labels, images, cells)


@torch.no_grad()
def scores_at(
    outputs: SOLOv2Outputs, points: Tensor, labels: Tensor, image_index: Tensor
) -> Tensor:
    """Return the class scores at points: of the cells that hold them, the best of all levels.

    Args:
        outputs: raw outputs of a network.
        points: (N, 2) float (x, y), input frame.
        labels: (N,) int64 class index whose score is wanted.
        image_index: (N,) int64 image of each point.

    Returns:
        (N,) float32 in [0, 1].
    """
    height, width = outputs.input_size
    shares = points / points.new_tensor([width, height])
    found = []
    for logits in outputs.grid_class_logits:
        side = logits.shape[-1]
        columns, rows = (shares * side).long().clamp(0, side - 1).unbind(1)
        found.append(logits[image_index, labels, rows, columns].float().sigmoid())
    return torch.stack(found).amax(0)

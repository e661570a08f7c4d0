"""Dice loss of the masks and focal loss of the classes (SOLOv2; SAPNet, Eq. 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torchvision.ops import sigmoid_focal_loss

from sapnet.segmentation.outputs import SOLOv2Outputs, flatten_cells
from sapnet.system.processes.ranks import mean_over_ranks, num_ranks

if TYPE_CHECKING:
    from sapnet.segmentation.config import SOLOv2Config
    from sapnet.segmentation.targets import GridTargets
    from sapnet.structures.batch import InstanceTargets

MPS_WEIGHT = 0.25
"""Weight alpha of multi-mask supervision (SAPNet, Eq. 11; value of the released code)."""

CHUNK_PIXELS = 2**22
"""Mask pixels predicted at a time in the mask loss: 16 MiB per float32 tensor."""


def solov2_losses(
    outputs: SOLOv2Outputs,
    targets: InstanceTargets,
    grid_targets: GridTargets,
    cfg: SOLOv2Config,
    mps_weight: float = MPS_WEIGHT,
    num_positives: Tensor | None = None,
) -> dict[str, Tensor]:
    """Compute the losses of a batch, in float32 also under autocast.

    Args:
        outputs: raw outputs of the network.
        targets: the objects' masks (N, h, w) and labels.
        grid_targets: the objects that cells learn.
        cfg: weights of the losses.
        mps_weight: weight of the ranked masks' mean Dice next to that of the chosen mask.
        num_positives: () what the losses are normalised by; by default the number of positive
            cells, averaged over the ranks of a distributed run.

    Returns:
        `loss_mask` and `loss_class`, scalars, weighted. Without objects `loss_mask` is 0 and still
        reaches every parameter with a gradient of 0.
    """
    if num_positives is None:
        num_positives = mean_over_ranks(grid_targets.num_positive_cells)
    with torch.autocast(outputs.mask_features.device.type, enabled=False):
        dice = dice_of_positives(outputs, targets, grid_targets, cfg.dice_eps)
        ranked_valid = targets.ranked_valid[grid_targets.object_index]
        num_ranked = ranked_valid.sum(dim=1).clamp(min=1)
        ranked_dice = (dice[:, 1:] * ranked_valid).sum(dim=1) / num_ranked
        mask_loss = (dice[:, 0] + mps_weight * ranked_dice).sum()
        class_loss = grid_class_loss(outputs, targets.labels, grid_targets, cfg)
    # Without positives both sums of the mask loss are 0; adding 1 there avoids 0 / 0.
    mask_norm = num_positives + (num_positives == 0)
    # SOLOv2 counts one positive more, of the whole batch.
    class_norm = num_positives + 1 / num_ranks() + torch.finfo(torch.float32).eps
    return {
        "loss_mask": cfg.dice_weight * mask_loss / mask_norm,
        "loss_class": cfg.focal_weight * class_loss / class_norm,
    }


def grid_class_loss(
    outputs: SOLOv2Outputs, labels: Tensor, grid_targets: GridTargets, cfg: SOLOv2Config
) -> Tensor:
    """Sigmoid focal loss summed over all cells and classes, but those that are left out.

    Args:
        outputs: raw outputs of the network.
        labels: (N,) class index of each object.
        grid_targets: the object of each cell, and the cells that are left out.
        cfg: gamma and alpha.

    Returns:
        () float32, neither normalised nor weighted.
    """
    class_logits = flatten_cells(outputs.grid_class_logits).float()  # (B, cells, C)
    num_classes = class_logits.shape[-1]
    cell_labels = grid_targets.cell_labels(labels, num_classes)
    one_hot = functional.one_hot(cell_labels, num_classes + 1)[..., :num_classes]
    is_open = grid_targets.left_out
    loss: Tensor = sigmoid_focal_loss(
        class_logits,
        one_hot.to(class_logits.dtype),
        alpha=cfg.focal_alpha,
        gamma=cfg.focal_gamma,
        reduction="sum" if is_open is None else "none",
    )
    return loss if is_open is None else loss.masked_fill(is_open, 0).sum()


def dice_of_positives(
    outputs: SOLOv2Outputs, targets: InstanceTargets, grid_targets: GridTargets, eps: float
) -> Tensor:
    """Dice loss of each positive's predicted mask with each mask of its object.

    Only kernels of positive cells are applied, each to its own image's mask features. Predicted
    masks are made in chunks, and made again in the backward pass instead of being kept.

    Args:
        outputs: raw outputs of the network.
        targets: the objects' masks and R ranked masks.
        grid_targets: the G positives.
        eps: added to each of the squared sums.

    Returns:
        (G, 1 + R) float32: the chosen mask, then the ranked ones; not weighted.
    """
    masks = torch.cat([targets.masks[:, None], targets.ranked_masks], dim=1).flatten(2)
    areas = masks.sum(dim=2, dtype=torch.float32)  # (N, 1 + R)
    # Neighbours in the list share objects, so that a chunk compares with few masks.
    order = grid_targets.object_index.argsort(stable=True)
    image_index, cells = grid_targets.image_index[order], grid_targets.cell_index[order]
    kernels = flatten_cells(outputs.grid_kernels)[image_index, cells].float()  # (G, E)
    objects = grid_targets.object_index[order]
    chunk = max(1, CHUNK_PIXELS // masks.shape[2])

    dice, positives = [], []
    for image, features in enumerate(outputs.mask_features.flatten(2).float().unbind()):
        of_image = torch.nonzero(image_index == image)[:, 0]
        positives.append(order[of_image])
        # Splitting an empty list gives one empty chunk, which keeps the gradient path.
        for part in torch.split(of_image, chunk):
            chunk_objects, mask_index = torch.unique(objects[part], return_inverse=True)
            dice.append(
                checkpoint(
                    _dice_of_chunk,
                    kernels.index_select(0, part),
                    features,
                    masks.index_select(0, chunk_objects),
                    areas[chunk_objects],
                    mask_index,
                    eps,
                    use_reentrant=False,
                    preserve_rng_state=False,
                )
            )
    return torch.cat(dice)[torch.cat(positives).argsort()]


def _dice_of_chunk(
    kernels: Tensor, features: Tensor, masks: Tensor, areas: Tensor, mask_index: Tensor, eps: float
) -> Tensor:
    """Dice losses (g, 1 + R) of some positives.

    Args:
        kernels: (g, E).
        features: (E, h * w) mask features of their image.
        masks: (n, 1 + R, h * w) uint8 masks of the n objects among them.
        areas: (n, 1 + R) float32 pixels of each mask.
        mask_index: (g,) object of each positive among the n.
        eps: added to each of the squared sums.
    """
    predicted = (kernels @ features).sigmoid()  # (g, h * w)
    # A product with all masks at once is quicker than pairing each prediction with its own.
    overlaps = predicted @ masks.flatten(0, 1).to(predicted.dtype).T  # (g, n * (1 + R))
    of_objects = overlaps.view(len(kernels), *areas.shape)  # (g, n, 1 + R)
    overlap = torch.take_along_dim(of_objects, mask_index[:, None, None], dim=1)[:, 0]
    predicted_square: Tensor = torch.linalg.vector_norm(predicted, dim=1, keepdim=True).square()
    # A target is 0 or 1, so the sum of its squares is its area.
    return 1 - 2 * overlap / (predicted_square + eps + areas[mask_index] + eps)

"""Losses of the two MIL stages (Eqs. 3 and 5 to 8): sums divided by a given number.

They run in float32 whatever autocast does: probabilities close to 0 and 1 need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from sapnet.system.processes.ranks import mean_over_ranks

if TYPE_CHECKING:
    from torch import Tensor

FOCAL_EXPONENT = 2
"""Power of the focal and of the negative loss (Lin et al. 2017; Eq. 7)."""

LOG_EPSILON = 1e-6
"""Added inside the logarithms of the refinement losses (released code)."""


def global_mean_count(count: Tensor) -> Tensor:
    """Return the divisor of a sum of losses: the mean count of all ranks, 1 instead of 0.

    Args:
        count: () number of objects or negatives on this rank, >= 0.

    Returns:
        () float32 > 0.
    """
    mean = mean_over_ranks(count)
    return torch.where(mean > 0, mean, torch.ones_like(mean))


def bag_loss(bag_scores: Tensor, labels: Tensor, num_objects: Tensor | float) -> Tensor:
    """Binary cross-entropy of every bag and class (Eq. 3).

    Args:
        bag_scores: (N, C) sums of proposal scores; rounding above 1 is cut off.
        labels: (N,) class index.
        num_objects: divisor of the sum over bags and classes.

    Returns:
        () loss; logarithms are bounded at -100. NaN if a score is not finite.
    """
    targets = functional.one_hot(labels, bag_scores.shape[1]).to(bag_scores.dtype)
    # On NaN the function raises an error of its own, on a GPU one that ends the process. The loss
    # has to be NaN instead, so that the training can say at which step and images it diverged.
    is_finite = bag_scores.isfinite()
    finite = torch.where(is_finite, bag_scores, 0.5).clamp(0, 1)
    # Autocast refuses this function, although its input is float32 already.
    with torch.autocast(bag_scores.device.type, enabled=False):
        total = functional.binary_cross_entropy(finite, targets, reduction="sum")
    return total.masked_fill(~is_finite.all(), torch.nan) / num_objects


def positive_loss(
    bag_scores: Tensor, labels: Tensor, object_weights: Tensor, num_objects: Tensor | float
) -> Tensor:
    """Focal loss of the refined bags, weighted by the scores of the first stage (Eq. 5).

    Args:
        bag_scores: (N, C) sums of proposal scores, class branch through a sigmoid.
        labels: (N,) class index.
        object_weights: (N,) bag scores of the selection stage at the label; no gradient.
        num_objects: divisor of the sum over bags and classes.

    Returns:
        () loss.
    """
    targets = functional.one_hot(labels, bag_scores.shape[1]).to(bag_scores.dtype)
    agreement = torch.where(targets == 1, bag_scores, 1 - bag_scores)
    focus = (bag_scores - targets).pow(FOCAL_EXPONENT)
    losses = -focus * (agreement + LOG_EPSILON).log()
    return (losses.sum(1) * object_weights.detach()).sum() / num_objects


def negative_loss(
    class_logits: Tensor, mean_weight: Tensor | float, normaliser: Tensor | float
) -> Tensor:
    """Compute the loss of negatives, which every class must reject (Eqs. 6 and 7).

    Args:
        class_logits: (M, C) class branch of the negatives that count.
        mean_weight: beta, the mean of the object weights.
        normaliser: divisor of the sum over negatives and classes: the number of negatives
            in the paper, of objects in the released code.

    Returns:
        () loss.
    """
    scores = class_logits.to(torch.promote_types(class_logits.dtype, torch.float32)).sigmoid()
    losses = -scores.pow(FOCAL_EXPONENT) * (1 - scores + LOG_EPSILON).log()
    return losses.sum() * mean_weight / normaliser

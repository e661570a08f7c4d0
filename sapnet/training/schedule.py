"""Optimizer and learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn

    from sapnet.training.config import OptimizerConfig

STEP_FACTOR = 0.1
"""Factor on the rate at each step of the step schedule (paper, section 7)."""

MAX_WARMUP_SHARE = 0.1
"""Largest share of the iterations that the warm-up takes, however short the training."""


def build_optimizer(
    model: nn.Module, cfg: OptimizerConfig, batch_size: int
) -> torch.optim.Optimizer:
    """Build the optimizer of the trainable parameters.

    AdamW does not decay biases and norm factors (one-dimensional parameters); SGD decays
    everything, as the released recipe does.

    Args:
        model: the network.
        cfg: optimizer and its rates.
        batch_size: images per step over all devices; scales the rate.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    rate = cfg.rate(batch_size)
    if cfg.name == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=cfg.momentum, weight_decay=cfg.decay)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": cfg.decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate)


def rate_factor(
    cfg: OptimizerConfig, iterations_per_epoch: int, epochs: int
) -> Callable[[int], float]:
    """Return the factor on the learning rate as a function of the iteration.

    Args:
        cfg: schedule and warm-up.
        iterations_per_epoch: optimizer steps in one epoch.
        epochs: length of the training.

    Returns:
        A function of the number of steps done so far.
    """
    total = max(1, iterations_per_epoch * epochs)
    falls = cfg.falls(epochs)
    warmup = min(cfg.warmup_iterations, int(total * MAX_WARMUP_SHARE))

    def factor(iteration: int) -> float:
        rise = 1.0
        if iteration < warmup:
            rise = cfg.warmup_factor + (1 - cfg.warmup_factor) * iteration / warmup
        if cfg.schedule == "cosine":
            return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, iteration / total)))
        passed = sum(iteration >= step * iterations_per_epoch for step in falls)
        return float(rise * STEP_FACTOR**passed)

    return factor

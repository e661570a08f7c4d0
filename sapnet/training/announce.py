"""Log lines at the start of a training."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from lightning.pytorch.utilities import rank_zero_only

from sapnet.system.device import choose_device, describe_device

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import nn

    from sapnet.store.reader import ProposalStore

logger = logging.getLogger(__name__)


class Schedule(Protocol):
    """Settings that every kind of training has."""

    @property
    def device(self) -> str:
        """Name of the device, as `choose_device` takes it."""

    @property
    def epochs(self) -> int:
        """Length of the training."""

    @property
    def batch_size(self) -> int:
        """Images per step."""


def announce(lines: Iterable[str]) -> None:
    """Log lines, on the first rank only."""
    if not getattr(rank_zero_only, "rank", 0):
        for line in lines:
            logger.info("%s", line)


def start_line(network: nn.Module, facts: str, cfg: Schedule, checkpoint: Path | None) -> str:
    """Describe the training that starts now.

    Args:
        network: what is trained.
        facts: the data, such as "40 images, 3 categories".
        cfg: settings of the training.
        checkpoint: file to resume from; None at a start.
    """
    count = sum(p.numel() for p in network.parameters() if p.requires_grad)
    resuming = f"; resuming from {checkpoint}" if checkpoint is not None else ""
    return (
        f"training on {describe_device(choose_device(cfg.device))}: {facts}, {count / 1e6:.1f} M "
        f"trainable parameters, {cfg.epochs} epochs of batches of {cfg.batch_size}{resuming}"
    )


def store_lines(store: ProposalStore | None) -> list[str]:
    """Describe the masks and boxes that came with the clicks, and the corrections."""
    lines = []
    if store is not None and (given := store.count_given()):
        lines.append(str(given))
    if store is not None and store.corrections is not None:
        lines.append(str(store.corrections))
    return lines

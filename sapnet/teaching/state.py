"""All that a training of the click segmenter is, on disk whenever it stops."""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim import AdamW

from sapnet.proposals.click.network import ClickNetwork
from sapnet.system.device import choose_device
from sapnet.system.files import write_bytes_atomic
from sapnet.system.tensors import load_pickled
from sapnet.teaching.config import TeachConfig

_RISE = 10
"""Steps that the running average lags behind at the start."""


@dataclass
class TeachState:
    """The network, its running average, its optimiser and how far it has come.

    Attributes:
        network: being trained.
        average: running average of its weights; what is used afterwards.
        optimizer: of the network.
        step: steps done.
        seconds: of computing, so far.
    """

    network: ClickNetwork
    average: ClickNetwork
    optimizer: AdamW
    step: int = 0
    seconds: float = 0.0

    def update_average(self, decay: float) -> None:
        """Move the running average to the network's weights."""
        decay = min(decay, (1 + self.step) / (_RISE + self.step))
        own = self.network.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(own[name], 1 - decay)
                else:
                    value.copy_(own[name])

    def save(self, path: Path) -> None:
        """Write all of it; the file is complete or not there."""
        content = io.BytesIO()
        torch.save(
            {
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
            },
            content,
        )
        write_bytes_atomic(path, content.getvalue())

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        saved = load_pickled(path, what="a training")
        try:
            self.network.load_state_dict(saved["network"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step, self.seconds = int(saved["step"]), float(saved["seconds"])
        except Exception as error:  # of a file that may hold anything
            raise ValueError(
                f"{path}: expected the checkpoint of this training, found another one "
                f"({' '.join(str(error).split())[:200]}). Name another --run, or delete that folder"
            ) from error


def start_state(network: ClickNetwork, cfg: TeachConfig) -> TeachState:
    """A training that has not begun.

    Args:
        network: to be trained.
        cfg: of the optimiser and the device.

    Raises:
        ValueError: this machine does not have the device.
    """
    network = network.to(choose_device(cfg.device)).to(memory_format=torch.channels_last)
    network.encoder.freeze_first_layers()
    if cfg.freeze_encoder:
        network.encoder.requires_grad_(False)
    groups = [
        {"params": parameters, "base_rate": rate, "weight_decay": decay}
        for part, rate in ((network.encoder, cfg.encoder_rate), (network.decoder, cfg.rate))
        for parameters, decay in _by_decay(part, cfg.weight_decay)
    ]
    average = copy.deepcopy(network).eval().requires_grad_(False)
    learned = [group for group in groups if group["params"]]
    return TeachState(network, average, AdamW(learned, lr=cfg.rate))


def _by_decay(module: nn.Module, weight_decay: float) -> list[tuple[list[nn.Parameter], float]]:
    """Split the parameters into weights, which decay, and values per channel, which do not."""
    learned = [value for value in module.parameters() if value.requires_grad]
    return [
        ([value for value in learned if value.ndim > 1], weight_decay),
        ([value for value in learned if value.ndim <= 1], 0.0),
    ]

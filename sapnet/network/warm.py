"""Warm start: a network begins with an older run, its classes matched by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from sapnet.network.model import Network

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from sapnet.network.config import ModelConfig
    from sapnet.structures.clicks import Category

CLASS_LAYERS = ("classes", "instances", "class_output")
"""Layers with one row of weights for each class."""


@dataclass(frozen=True)
class WarmStart:
    """Classes of a network that begins with the weights of an older run, by name.

    Attributes:
        kept: classes that the older run knows.
        new: classes whose weights are new.
        left: classes of the older run that the network does not have.
    """

    kept: tuple[str, ...]
    new: tuple[str, ...]
    left: tuple[str, ...]

    def line(self, run: Path | str) -> str:
        """Return a line about the start, for the user."""
        parts = [f"{len(self.kept)} of its classes"]
        if self.new:
            parts.append(f"{len(self.new)} new: {', '.join(self.new)}")
        if self.left:
            parts.append(f"{len(self.left)} left out: {', '.join(self.left)}")
        return f"start: the weights of {run} with {'; '.join(parts)}"


def build_from_run(
    settings: ModelConfig, categories: Sequence[Category], run: Path | str
) -> tuple[Network, WarmStart]:
    """Build a network for training that begins with the weights of an older run.

    Args:
        settings: of the network.
        categories: its classes. Those that the run has by the same name keep their weights.
        run: run folder, or USER/NAME on the hub.

    Raises:
        FileNotFoundError: there is no trained network of this name.
        ValueError: it is damaged or another network, or has none of the classes.
    """
    network, older = Network(settings, tuple(categories)), Network.from_pretrained(run)
    return network, take_over(network, older, run)


def take_over(network: Network, older: Network, name: Path | str) -> WarmStart:
    """Copy the weights of an older network, class by class where a layer has classes.

    Args:
        network: changed in place.
        older: the network whose weights are taken.
        name: of the older network, for messages.

    Raises:
        ValueError: the networks differ in more than their classes, or share no class.
    """
    before = {category.name: row for row, category in enumerate(older.categories)}
    now = [category.name for category in network.categories]
    rows = [(row, before[text]) for row, text in enumerate(now) if text in before]
    if not rows:
        raise ValueError(
            f"--from {name}: expected a run with at least one of the classes {', '.join(now)}, "
            f"found {', '.join(before)}. Name a run of these classes, or leave it out"
        )
    theirs = older.state_dict()
    mixed = {}
    for key, value in network.state_dict().items():
        source = theirs.get(key)
        has_classes = key.split(".")[-2:-1] in [[layer] for layer in CLASS_LAYERS]
        skipped = 1 if has_classes else 0
        if source is None or source.shape[skipped:] != value.shape[skipped:]:
            found = "nothing" if source is None else f"{list(source.shape)}"
            raise ValueError(
                f"--from {name}: expected the same network apart from its classes, found {found} "
                f"for {key} of shape {list(value.shape)}. Train with the recipe and the options "
                "--model.* of that run, or leave it out"
            )
        mixed[key] = _by_class(value, source, rows) if has_classes else source
    network.load_state_dict(mixed)
    return WarmStart(
        tuple(text for text in now if text in before),
        tuple(text for text in now if text not in before),
        tuple(text for text in before if text not in now),
    )


def _by_class(value: Tensor, source: Tensor, rows: Sequence[tuple[int, int]]) -> Tensor:
    """Return the values with the rows of the known classes taken from the source."""
    own, their = torch.tensor(rows).T
    mixed = value.clone()
    mixed[own] = source[their].to(value.dtype)
    return mixed

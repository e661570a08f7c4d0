"""Warm start: a network begins with an older run, its classes matched by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sapnet.network.model import Network
from sapnet.segmentation.others.classes import ClassMatch, match_classes, take_weights
from sapnet.segmentation.others.config import SOLOV2

if TYPE_CHECKING:
    from pathlib import Path

    from sapnet.network.config import ModelConfig
    from sapnet.structures.clicks import Category


@dataclass(frozen=True)
class WarmStart(ClassMatch):
    """Classes of a network that begins with the weights of an older run, by name."""

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


def as_in_run(settings: ModelConfig, run: Path | str) -> ModelConfig:
    """Take the architecture of a segmenter other than SOLOv2 from an older run.

    Args:
        settings: of the network that begins with the run's weights.
        run: run folder, or USER/NAME on the hub.

    Raises:
        FileNotFoundError: there is no trained network of this name.
        ValueError: its segmenter is another one.
    """
    if settings.other is None:
        return settings
    found = Network.from_pretrained(run).settings.other
    if found is None or found.name != settings.other.name:
        raise ValueError(
            f"--from {run}: expected a run with --segmenter {settings.other.name}, found "
            f"{SOLOV2 if found is None else found.name}"
        )
    return replace(settings, other=replace(settings.other, architecture=found.architecture))


def take_over(network: Network, older: Network, name: Path | str) -> WarmStart:
    """Copy the weights of an older network, class by class where a layer has classes.

    Args:
        network: changed in place.
        older: the network whose weights are taken.
        name: of the older network, for messages.

    Raises:
        ValueError: the networks differ in more than their classes, or share no class.
    """
    before = [category.name for category in older.categories]
    now = [category.name for category in network.categories]
    match = match_classes(now, before)
    if not match.kept:
        raise ValueError(
            f"--from {name}: expected a run with at least one of the classes {', '.join(now)}, "
            f"found {', '.join(before)}. Name a run of these classes, or leave it out"
        )
    try:
        mixed = take_weights(network.state_dict(), older.state_dict(), now, before)
    except ValueError as error:
        raise ValueError(
            f"--from {name}: {error}. Train with the recipe and the options --model.* of that run, "
            "or leave it out"
        ) from error
    network.load_state_dict(mixed)
    return WarmStart(match.kept, match.new, match.left)

"""From photographs with masks to a file of weights: what `sapnet train-proposer` calls."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sapnet.backbones.imagenet import load_lite0_weights
from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.weights import load_weights, save_weights
from sapnet.system.files import write_json_atomic
from sapnet.teaching.batch import Photographs
from sapnet.teaching.config import TeachConfig
from sapnet.teaching.objects import load_pool
from sapnet.teaching.training import teach

logger = logging.getLogger(__name__)

SETTINGS, CACHE = "teach.json", "cache"
"""Of a run folder: what is learned how, and the decoded photographs."""

FREE_TO_CHANGE = (
    "minutes",
    "sides",
    "batch_size",
    "norms_until",
    "decay_from",
    "threads",
    "checkpoint_minutes",
)
"""Settings that a training may change when it goes on: a longer one keeps what it has learned."""


@dataclass(frozen=True)
class TaughtSummary:
    """Summary of a training.

    Attributes:
        weights: the file.
        num_images: photographs that it learned from.
        num_objects: their marked objects.
        steps: of the optimiser.
        minutes: of computing.
    """

    weights: Path
    num_images: int
    num_objects: int
    steps: int
    minutes: float


def train_click(
    out: Path, run: Path, cfg: TeachConfig, start: Path | None = None, licence: str = ""
) -> TaughtSummary:
    """Train the click segmenter, or go on with a training, and write its weights.

    Args:
        out: safetensors file of the running average, in half precision.
        run: folder of checkpoints, figures and decoded photographs.
        cfg: sources and how they are learned from.
        start: weights to begin with; None begins with ImageNet's.
        licence: note on the weights, kept in the file.

    Raises:
        ValueError: if there are no sources, or the folder holds a training of other settings.
        FileNotFoundError: if a source or the weights to begin with are missing.
    """
    if not cfg.sources:
        raise ValueError("sources: expected at least one folder of images with masks, found none")
    run.mkdir(parents=True, exist_ok=True)
    _keep_settings(run / SETTINGS, cfg)
    pool = load_pool(cfg.sources)
    logger.info("%d photographs, %d objects", len(pool.images), len(pool.shares))
    photographs = Photographs(pool, run / CACHE)
    state = teach(lambda: starting_network(start), photographs, run, cfg)
    summary = TaughtSummary(
        weights=out,
        num_images=len(pool.images),
        num_objects=len(pool.shares),
        steps=state.step,
        minutes=state.seconds / 60,
    )
    about = {
        "licence": licence,
        "data": json.dumps([[Path(s.truth).parent.name, s.weight] for s in cfg.sources]),
        "training": f"{state.step} steps, {summary.minutes:.0f} min, seed {cfg.seed}",
    }
    save_weights(out, state.average, about)
    return summary


def starting_network(start: Path | None) -> ClickNetwork:
    """Make a network to be trained.

    Args:
        start: weights of a click segmenter; None takes ImageNet's for the encoder.
    """
    if start is not None:
        return load_weights(start)
    return ClickNetwork(build_encoder(load_lite0_weights()), Decoder())


def _keep_settings(path: Path, cfg: TeachConfig) -> None:
    """Write a run's settings, or compare them with those it was begun with."""
    wanted: dict[str, Any] = json.loads(json.dumps(asdict(cfg)))
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        for name in wanted.keys() | found.keys():
            if name not in FREE_TO_CHANGE and wanted.get(name) != found.get(name):
                raise ValueError(
                    f"{path}: {name} is {found.get(name)} there and {wanted.get(name)} now. Go on "
                    "with the settings the run was begun with, or name another folder."
                )
    write_json_atomic(path, wanted)

"""From photographs with masks to a file of weights: what `sapnet train-proposer` calls."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sapnet.backbones.imagenet import load_lite0_weights
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.images import load_image
from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.weights import (
    embedded_weights,
    load_weights,
    save_weights,
    weights_hash,
    weights_metadata,
)
from sapnet.system.files import read_json, write_json_atomic
from sapnet.system.lock import locked
from sapnet.teaching.batch import Photographs
from sapnet.teaching.config import TeachConfig
from sapnet.teaching.objects import load_pool
from sapnet.teaching.options import EMBEDDED, IMAGENET, TrainProposerConfig
from sapnet.teaching.pool import ObjectPool, pool_of
from sapnet.teaching.reading.sources import find_sources
from sapnet.teaching.training import teach
from sapnet.teaching.tuning.judging import Judgement
from sapnet.teaching.tuning.split import split_objects
from sapnet.teaching.tuning.tune import tune

logger = logging.getLogger(__name__)

SETTINGS, CACHE = "teach.json", "cache"
"""Of a run folder: what is learned how, and the decoded photographs."""

FREE_TO_CHANGE = (
    "minutes",
    "steps",
    "device",
    "sides",
    "batch_size",
    "norms_until",
    "decay_from",
    "threads",
    "checkpoint_minutes",
    "log_steps",
)
"""Settings that a training may change when it goes on: a longer one keeps what it has learned."""


@dataclass(frozen=True)
class TaughtSummary:
    """Summary of a training.

    Attributes:
        weights: the file.
        num_images: photographs that it learned from.
        num_objects: objects that it learned from.
        steps: of the optimiser.
        minutes: of computing.
        before: judgement of what was fine-tuned, on objects kept aside; None without fine-tuning.
        after: judgement of the weights that were written.
    """

    weights: Path
    num_images: int
    num_objects: int
    steps: int
    minutes: float
    before: Judgement | None = None
    after: Judgement | None = None


def train_proposer(cfg: TrainProposerConfig) -> TaughtSummary:
    """Train the click segmenter, or fine-tune weights of it; as `sapnet train-proposer`.

    Args:
        cfg: data, start and length; the same settings go on with what was stopped.

    Raises:
        FileNotFoundError: data or weights are missing.
        ValueError: data or settings are wrong, or the run folder holds another training.
    """
    training = cfg.training(find_sources(cfg.data, cfg.images))
    with locked(cfg.run_folder), allowing_pixels(cfg.max_pixels):
        if cfg.is_tuning:
            start = starting_weights(cfg.start)
            return tune_click(cfg.out, cfg.run_folder, training, start, cfg.licence or "")
        return train_click(cfg.out, cfg.run_folder, training, licence=cfg.licence or "")


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
    photographs = _open_run(run, cfg, start)
    state = teach(lambda: starting_network(start), photographs, run, cfg)
    summary = _summary(out, photographs.pool, state.step, state.seconds / 60)
    save_weights(out, state.average, _about(summary, cfg, start, licence))
    shutil.rmtree(run / CACHE, ignore_errors=True)
    return summary


def tune_click(
    out: Path, run: Path, cfg: TeachConfig, start: Path, licence: str = ""
) -> TaughtSummary:
    """Fine-tune weights on a few images, and write the better of them and the start.

    Args:
        out: safetensors file, in half precision.
        run: folder of checkpoints, figures and decoded photographs.
        cfg: sources, how they are learned from and judged by.
        start: weights to begin with.
        licence: note on the weights, kept in the file.

    Raises:
        ValueError: if there are no sources or too few objects, or the folder holds a training of
            other settings.
        FileNotFoundError: if a source or the weights to begin with are missing.
    """
    every = _open_run(run, cfg, start)
    try:
        split = split_objects(every.pool.images, cfg.tune)
    except ValueError as error:
        named = ", ".join(source.truth for source in cfg.sources)
        raise ValueError(f"{named}: {error}") from error
    photographs = Photographs(pool_of(split.learned), every.cache, load_image)
    tuned = tune(lambda: load_weights(start), photographs, split.kept_aside, run, cfg)
    summary = _summary(out, photographs.pool, tuned.steps, tuned.minutes)
    summary = replace(summary, before=tuned.before, after=tuned.after)
    about = _about(summary, cfg, start, licence)
    kept = {"before": asdict(tuned.before), "after": asdict(tuned.after)}
    save_weights(out, tuned.network, {**about, "kept_aside": json.dumps(kept)})
    shutil.rmtree(run / CACHE, ignore_errors=True)
    return summary


def starting_weights(name: str) -> Path:
    """Return the file of the weights to fine-tune.

    Args:
        name: `embedded`, or the path of a file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    path = embedded_weights() if name == EMBEDDED else Path(name)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file of weights of the click segmenter. Name one that sapnet "
            f"train-proposer wrote, or begin with `{EMBEDDED}` or `{IMAGENET}`."
        )
    return path


def starting_network(start: Path | None) -> ClickNetwork:
    """Make a network to be trained.

    Args:
        start: weights of a click segmenter; None takes ImageNet's for the encoder.
    """
    if start is not None:
        return load_weights(start)
    return ClickNetwork(build_encoder(load_lite0_weights()), Decoder())


def _open_run(run: Path, cfg: TeachConfig, start: Path | None) -> Photographs:
    """Read the photographs of a training, and keep its settings in its folder."""
    if not cfg.sources:
        raise ValueError("sources: expected at least one folder of images with masks, found none")
    pool = load_pool(cfg.sources, cfg.pool, cfg.bits, cfg.bands)
    run.mkdir(parents=True, exist_ok=True)
    data = f"{len(pool.images)} photographs, {len(pool.shares)} objects"
    begun = None if start is None else weights_hash(start)
    found = {"start": begun, "data": f"{data} ({_digest(pool)})"}
    _keep_settings(run / SETTINGS, {**asdict(cfg), **found})
    logger.info("%s with masks", data)
    return Photographs(pool, run / CACHE, load_image)


def _digest(pool: ObjectPool) -> str:
    """Return a short digest of the images' names and masks."""
    digest = hashlib.sha256()
    for image in pool.images:
        digest.update(image.path.name.encode())
        for marked in image.objects:
            digest.update(marked.rle["counts"])
    return digest.hexdigest()[:8]


def _summary(out: Path, pool: ObjectPool, steps: int, minutes: float) -> TaughtSummary:
    return TaughtSummary(out, len(pool.images), len(pool.shares), steps, minutes)


def _about(
    summary: TaughtSummary, cfg: TeachConfig, start: Path | None, licence: str
) -> dict[str, str]:
    """Metadata of the weights: their licence, by default that of the start, and their origin."""
    begun = {} if start is None else weights_metadata(start)
    return {
        "licence": licence or begun.get("licence", ""),
        "data": json.dumps([[Path(s.truth).parent.name, s.weight] for s in cfg.sources]),
        "training": f"{summary.steps} steps, {summary.minutes:.0f} min, seed {cfg.seed}",
        "start": "ImageNet" if start is None else weights_hash(start),
    }


def _keep_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write a run's settings, or compare them with those it was begun with."""
    wanted: dict[str, Any] = json.loads(json.dumps(settings))
    if path.is_file():
        found = read_json(path)
        for name in wanted.keys() | found.keys():
            if name not in FREE_TO_CHANGE and wanted.get(name) != found.get(name):
                raise ValueError(
                    f"{path}: {name} is {found.get(name)} there and {wanted.get(name)} now. Go on "
                    "with the settings the run was begun with, or name another folder."
                )
    write_json_atomic(path, wanted)

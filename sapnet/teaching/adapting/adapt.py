"""Adaptation: answer clicks of a data set, learn from the answers, keep what is better."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import torch

from sapnet.data.images import load_image
from sapnet.proposals.click.proposer import ClickProposer
from sapnet.proposals.click.weights import (
    load_weights,
    save_weights,
    weights_hash,
    weights_metadata,
)
from sapnet.structures.clicks import ClickSet
from sapnet.system.lock import locked
from sapnet.system.processes.parallel import map_in_order, num_cores
from sapnet.system.progress import progress
from sapnet.teaching.adapting.choices import AskedImage, ChooseMasks, draw_clicks
from sapnet.teaching.adapting.config import AdaptConfig
from sapnet.teaching.batch import Photographs
from sapnet.teaching.options import tuning_recipe
from sapnet.teaching.pool import MarkedImage, pool_of
from sapnet.teaching.tuning.split import split_objects
from sapnet.teaching.tuning.tune import Tuned, tune

logger = logging.getLogger(__name__)

MAX_MINUTES = 60.0
"""Limit of a round's learning, which takes about one: the steps end it, on busy machines, too."""

REACHED = "reached.safetensors"
"""Weights at the end of a round, which answer the clicks of the next one."""


@dataclass(frozen=True)
class AdaptInputs:
    """The data set that a click segmenter is adapted to.

    Attributes:
        images: folder that the images' file names are relative to.
        clicks: the data set; windows of large images are images of their own.
        bits: bit depth of its images of more than 8 bits; None without such images.
        max_pixels: most pixels of an image; None for Pillow's limit.
        workers: processes that answer clicks.
    """

    images: Path
    clicks: ClickSet
    bits: int | None = None
    max_pixels: int | None = None
    workers: int = 1


def adapt(
    start: Path, inputs: AdaptInputs, out: Path, folder: Path, cfg: AdaptConfig | None = None
) -> bool:
    """Fine-tune weights of the click segmenter on its own choices in a data set.

    A choice may be wrong; what the choices of a data set have in common is mostly right. Whether
    something was learned is judged on images kept aside, by clicks drawn on the masks chosen there.

    Args:
        start: weights to begin with.
        inputs: the data set.
        out: file for the weights, written only where something better was found.
        folder: for the files of the work, deleted at its end. A stopped adaptation begins anew.
        cfg: settings.

    Returns:
        True if the weights were written.

    Raises:
        InUseError: another process works in the folder.
    """
    cfg = cfg or AdaptConfig()
    with locked(folder):
        shutil.rmtree(folder, ignore_errors=True)
        kept: list[Tuned] = []
        reached = start
        for turn in range(cfg.rounds):
            work = folder / "round"
            tuned = _learned(reached, inputs, work, _of_round(cfg, turn))
            shutil.rmtree(work, ignore_errors=True)  # decoded images take much space
            logger.info("%s", _describe(tuned, turn))
            if tuned is None or not tuned.is_better:
                break
            kept.append(tuned)
            reached = folder / REACHED
            save_weights(reached, tuned.network, {})
        if kept:
            save_weights(out, kept[-1].network, _about(start, kept))
        shutil.rmtree(folder, ignore_errors=True)
    return bool(kept)


def _of_round(cfg: AdaptConfig, turn: int) -> AdaptConfig:
    """Settings of a round: further ones draw other clicks, and may let no figure fall."""
    tune = cfg.tune if turn == 0 else replace(cfg.tune, slack=0.0, min_gain=0.0)
    return replace(cfg, seed=cfg.seed + turn, tune=tune)


def _learned(start: Path, inputs: AdaptInputs, work: Path, cfg: AdaptConfig) -> Tuned | None:
    """Answer clicks and learn from the answers once; None where too few can be answered."""
    chosen = choose_all(start, inputs, cfg)
    num_chosen = sum(len(image.objects) for image in chosen)
    return _tuned(start, chosen, work, cfg) if 2 * num_chosen >= cfg.min_clicks else None


def choose_all(start: Path, inputs: AdaptInputs, cfg: AdaptConfig) -> list[MarkedImage]:
    """Answer some clicks of a data set, and choose a mask for each.

    Args:
        start: weights of the segmenter that answers.
        inputs: the data set.
        cfg: how many clicks are answered.
    """
    asked = draw_clicks(inputs.clicks, cfg)
    choose = ChooseMasks(ClickProposer(start), inputs.images, inputs.bits, inputs.max_pixels)
    found = list(_with_progress(choose, asked, inputs.workers))
    return [image for image in found if image is not None]


def _with_progress(
    choose: ChooseMasks, asked: Sequence[AskedImage], workers: int
) -> Iterator[MarkedImage | None]:
    total = sum(len(entry.asked) for entry in asked)
    with (
        closing(map_in_order(choose, asked, workers)) as results,
        progress(total, "adapt", " objects", smoothing=0.1) as count,
    ):
        for entry, result in zip(asked, results, strict=True):
            yield result
            count(len(entry.asked))


def _tuned(start: Path, chosen: Sequence[MarkedImage], folder: Path, cfg: AdaptConfig) -> Tuned:
    """Fine-tune on chosen masks; the numbers of threads that a training sets are given back."""
    split = split_objects(chosen, cfg.tune)
    photographs = Photographs(pool_of(split.learned), folder / "cache", load_image)
    training = replace(
        tuning_recipe(),
        steps=cfg.steps,
        minutes=MAX_MINUTES,
        threads=num_cores(),
        tune=cfg.tune,
        seed=cfg.seed,
    )
    torch_threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    try:
        return tune(lambda: load_weights(start), photographs, split.kept_aside, folder, training)
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv2_threads)


def _about(start: Path, rounds: Sequence[Tuned]) -> dict[str, str]:
    """Metadata of the weights: the licence of the start, and their origin."""
    return {
        "licence": weights_metadata(start).get("licence", ""),
        "data": "own choices in a data set",
        "training": f"{sum(tuned.steps for tuned in rounds)} steps",
        "start": weights_hash(start),
    }


def _describe(tuned: Tuned | None, turn: int) -> str:
    """Say in one line what a round found."""
    stays = "stays as it is" if turn == 0 else "keeps what it has learned so far"
    if tuned is None:
        return f"click {stays}: too few clicks could be answered to adapt it"
    objects = f"{tuned.before.num_objects} objects kept aside"
    if not tuned.is_better:
        return f"click {stays}: nothing better was found, by {objects}"
    return (
        f"click was adapted to these images{'' if turn == 0 else ' once more'}: on {objects}, its "
        f"favourite agrees with the mask chosen there to {tuned.after.favourite:.2f} (IoU), "
        f"{tuned.before.favourite:.2f} before"
    )

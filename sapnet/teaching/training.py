"""The training loop of the click segmenter: it can be killed at any time and goes on."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from sapnet.proposals.click.network import ClickNetwork
from sapnet.teaching.batch import Photographs, TeachBatch, draw_batch
from sapnet.teaching.config import TeachConfig
from sapnet.teaching.further import further_prompts
from sapnet.teaching.losses import TeachLosses, teach_losses
from sapnet.teaching.state import TeachState, start_state

logger = logging.getLogger(__name__)

CHECKPOINT, BEFORE_DECAY, LOG = "state.pt", "before_decay.pt", "log.jsonl"
"""Files of a run: where it goes on, where a longer one would go on, and its figures."""


@dataclass(frozen=True)
class StepFigures:
    """Figures of a step, after one click and after more."""

    loss: float
    best_iou: float
    chosen_iou: float
    further_best_iou: float
    further_chosen_iou: float


Watch = Callable[[TeachState, float], None]
"""Called before each step with the training and the share of it that is done."""


def teach(
    make_network: Callable[[], ClickNetwork],
    photographs: Photographs,
    run: Path,
    cfg: TeachConfig,
    watch: Watch | None = None,
) -> TeachState:
    """Train a network, or go on where a run in the folder stopped.

    Args:
        make_network: the network to start from; not called for its weights where a run goes on.
        photographs: what it learns from.
        run: folder of the checkpoints and figures.
        cfg: how it is trained.
        watch: looks on; its time counts as the training's.

    Returns:
        The training at its end.

    Raises:
        FloatingPointError: if a loss is not finite.
    """
    torch.set_num_threads(cfg.threads)
    cv2.setNumThreads(cfg.threads)
    torch.manual_seed(cfg.seed)
    state = start_state(make_network(), cfg)
    if (run / CHECKPOINT).is_file():
        state.load(run / CHECKPOINT)
        logger.info("goes on at step %d, after %.1f min", state.step, state.seconds / 60)
    saved_at, figures = state.seconds, []
    while (progress := cfg.progress(state.step, state.seconds)) < 1:
        began = time.monotonic()
        if watch is not None:
            watch(state, progress)
        figures.append(teach_step(state, photographs, cfg, progress))
        state.seconds += time.monotonic() - began
        if state.step % cfg.log_steps == 0:
            _log(run, state, figures, cfg)
            figures = []
        if progress < cfg.decay_from <= cfg.progress(state.step, state.seconds):
            state.save(run / BEFORE_DECAY)
        if state.seconds - saved_at > 60 * cfg.checkpoint_minutes:
            state.save(run / CHECKPOINT)
            saved_at = state.seconds
    state.save(run / CHECKPOINT)
    return state


def teach_step(
    state: TeachState, photographs: Photographs, cfg: TeachConfig, progress: float
) -> StepFigures:
    """Draw a batch and learn from it.

    Args:
        state: changed.
        photographs: what is drawn from.
        cfg: how it is trained.
        progress: share of the time that has passed.
    """
    rng = np.random.default_rng([cfg.seed, state.step])
    shape = (cfg.windows_at(progress), cfg.side_at(progress))
    batch = draw_batch(photographs, shape, cfg.view, rng)
    factor = cfg.rate_factor(progress, state.step)
    for group in state.optimizer.param_groups:
        group["lr"] = group["base_rate"] * factor
    _set_mode(state.network, progress < cfg.norms_until)
    first, further = batch_losses(state.network, batch, cfg, rng)
    loss = first.total + further.total / 2
    if not torch.isfinite(loss):
        raise FloatingPointError(f"step {state.step}: the loss is {loss.item()}")
    state.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(state.network.parameters(), cfg.clip)
    state.optimizer.step()
    state.step += 1
    state.update_average(cfg.average)
    return StepFigures(
        loss=loss.item(),
        best_iou=first.best_iou.item(),
        chosen_iou=first.chosen_iou.item(),
        further_best_iou=further.best_iou.item(),
        further_chosen_iou=further.chosen_iou.item(),
    )


def batch_losses(
    network: ClickNetwork, batch: TeachBatch, cfg: TeachConfig, rng: np.random.Generator
) -> tuple[TeachLosses, TeachLosses]:
    """Losses after one click each, and after further prompts for one object of each window.

    Args:
        network: to be judged.
        batch: B windows, N = 2 B clicks.
        cfg: of the further prompts.
        rng: of the further prompts.
    """
    device = next(network.parameters()).device
    own = batch.to(device)
    features = network.encode(own.windows)
    answers = network(features, own.log_sides, own.prompts)
    first = teach_losses(answers, own.targets, own.outside)
    windows = batch.windows.shape[0]
    kept = torch.from_numpy(2 * np.arange(windows) + rng.integers(0, 2, windows))
    best = answers.iou_logits.detach().cpu()[kept].argmax(1)
    masks = answers.mask_logits.detach().cpu()[kept, best] > 0
    asked = further_prompts(
        batch.prompts.take(kept), masks, batch.targets[kept], (cfg.prompts, rng)
    )
    again = network(features, own.log_sides, asked.to(device))
    kept = kept.to(device)
    return first, teach_losses(again, own.targets[kept], own.outside[kept])


def _set_mode(network: ClickNetwork, norms_learn: bool) -> None:
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train(norms_learn)


def _log(run: Path, state: TeachState, figures: list[StepFigures], cfg: TeachConfig) -> None:
    means = {
        name: round(float(np.mean([getattr(entry, name) for entry in figures])), 4)
        for name in StepFigures.__dataclass_fields__
    }
    line = {"step": state.step, "minutes": round(state.seconds / 60, 2), **means}
    with (run / LOG).open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(line) + "\n")
    logger.info(
        "step %d: IoU %.3f of the best mask, %.3f of the favourite, loss %.3f; %s left",
        state.step,
        means["best_iou"],
        means["chosen_iou"],
        means["loss"],
        time_left(cfg.progress(state.step, state.seconds), state.seconds),
    )


def time_left(progress: float, seconds: float) -> str:
    """Return the time to the end of a training at its speed so far, such as "4 min"."""
    left = seconds * (1 - progress) / max(progress, 1e-9)
    return f"{left / 60:.0f} min" if left >= 60 else f"{max(left, 0):.0f} s"

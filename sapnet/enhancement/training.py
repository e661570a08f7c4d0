"""Training the enhancer: a loop over clicked images that can be stopped and goes on exactly."""

from __future__ import annotations

import io
import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from sapnet.backbones.weights import load_weights
from sapnet.batches.loader import EpochSampler
from sapnet.enhancement.batch import ClickBatch, ClickImages, click_loader
from sapnet.enhancement.config import EnhanceConfig, EnhancerConfig
from sapnet.enhancement.enhancer import Enhancer
from sapnet.store.manifest import fingerprint
from sapnet.structures.clicks import Category, ClickSet
from sapnet.system.device import choose_device, describe_device
from sapnet.system.files import write_bytes_atomic, write_json_atomic
from sapnet.system.json_settings import differences, settings_from_json
from sapnet.training.schedule import build_optimizer, rate_factor

logger = logging.getLogger(__name__)

SETTINGS, CHECKPOINT = "enhancer.json", "enhancer.pt"
"""Files of a run folder: what is trained on what, and the state that it goes on from."""

FREE_TO_CHANGE = ("workers", "device", "checkpoint_minutes")
"""Settings that a resumed training may change: the boxes do not depend on them."""

SEED_STEP = 1_000_003
"""Distance between the step seeds of neighbouring seeds."""


@dataclass(frozen=True)
class TrainedEnhancer:
    """A network that gives boxes, and the categories it knows.

    Attributes:
        model: in evaluation mode.
        categories: C categories; a label is an index into them.
    """

    model: Enhancer
    categories: tuple[Category, ...]


@dataclass
class _State:
    """All that a training is: the network, its optimiser, and how far it has come."""

    model: Enhancer
    optimizer: Optimizer
    schedule: LambdaLR
    epoch: int = 0
    batches_done: int = 0
    step: int = 0

    def save(self, run: Path) -> None:
        content = io.BytesIO()
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "place": [self.epoch, self.batches_done, self.step],
            },
            content,
        )
        write_bytes_atomic(run / CHECKPOINT, content.getvalue())

    def load(self, run: Path) -> None:
        saved = _load_checkpoint(run, next(self.model.parameters()).device)
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.epoch, self.batches_done, self.step = saved["place"]


def train_enhancer(
    images_dir: Path, clicks: ClickSet, run: Path, settings: EnhancerConfig, cfg: EnhanceConfig
) -> TrainedEnhancer:
    """Trains an enhancer on clicks alone; goes on with the training in `run` where there is one.

    Args:
        images_dir: the folder that the file names are relative to.
        clicks: of upright images, at least one.
        run: folder of the training.
        settings: the network.
        cfg: how to train it.

    Raises:
        ValueError: `run` holds a training of other settings or clicks; or there is no click.
        FileNotFoundError: the backbone's weights are missing.
        FloatingPointError: a loss is not finite.
    """
    if not clicks.clicks:
        raise ValueError("expected clicks to learn from, found none. Click on some objects first.")
    can_resume = _prepare_run(run, clicks, settings, cfg)
    torch.manual_seed(cfg.seed)
    device = choose_device(cfg.device)
    model = Enhancer(len(clicks.categories), settings)
    load_weights(model.backbone, settings.network().backbone_config)
    model.to(device).train()
    dataset = ClickImages(images_dir, clicks, settings.augment, cfg.seed)
    sampler = EpochSampler(dataset, shuffle=True, seed=cfg.seed)
    num_batches = -(-len(dataset) // cfg.batch_size)
    optimizer = build_optimizer(model, cfg.optimizer, cfg.batch_size)
    schedule = LambdaLR(optimizer, rate_factor(cfg.optimizer, num_batches, cfg.epochs))
    state = _State(model, optimizer, schedule)
    if can_resume:
        state.load(run)
    logger.info(
        "enhancer on %s: %d clicks on %d images, %d epochs%s",
        describe_device(device),
        len(clicks.clicks),
        len(dataset),
        cfg.epochs,
        f"; resuming after {state.epoch} epochs and {state.batches_done} steps" * can_resume,
    )
    loader = click_loader(dataset, cfg.batch_size, cfg.workers, sampler)
    _run_epochs(state, _Batches(loader, sampler, num_batches), run, cfg)
    return TrainedEnhancer(model.eval(), clicks.categories)


def load_enhancer(run: Path, device: str) -> TrainedEnhancer:
    """The enhancer of a run folder.

    Args:
        run: written by `train_enhancer`.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        FileNotFoundError: no finished step of a training there.
    """
    for name in (SETTINGS, CHECKPOINT):
        if not (run / name).is_file():
            raise FileNotFoundError(
                f"{run}: expected a trained enhancer, found no {name}. Train one with "
                "`sapnet enhance --run`, or name the folder of another one."
            )
    described = json.loads((run / SETTINGS).read_text(encoding="utf-8"))
    categories = tuple(Category(**category) for category in described["categories"])
    settings = settings_from_json(described["model"], EnhancerConfig)
    chosen = choose_device(device)
    model = Enhancer(len(categories), settings).to(chosen)
    model.load_state_dict(_load_checkpoint(run, chosen)["model"])
    return TrainedEnhancer(model.eval(), categories)


def _load_checkpoint(run: Path, device: torch.device) -> dict[str, Any]:
    saved: dict[str, Any] = torch.load(run / CHECKPOINT, map_location=device, weights_only=True)
    return saved


def _prepare_run(run: Path, clicks: ClickSet, settings: EnhancerConfig, cfg: EnhanceConfig) -> bool:
    """Makes the run folder; True where it holds a checkpoint of the same settings and clicks."""
    train_settings = {k: v for k, v in asdict(cfg).items() if k not in FREE_TO_CHANGE}
    description = {
        "clicks": fingerprint(clicks),
        "categories": [asdict(category) for category in clicks.categories],
        "model": asdict(settings),
        "train": train_settings,
    }
    wanted = json.loads(json.dumps(description))
    if (run / SETTINGS).is_file() and (run / CHECKPOINT).is_file():
        found = json.loads((run / SETTINGS).read_text(encoding="utf-8"))
        if different := differences(found, wanted):
            raise ValueError(
                f"{run} holds an enhancer of other settings or clicks: {'; '.join(different[:5])}. "
                "Give another --run, delete that folder, or apply it with --trained"
            )
        return True
    run.mkdir(parents=True, exist_ok=True)
    write_json_atomic(run / SETTINGS, wanted)
    return False


@dataclass(frozen=True)
class _Batches:
    """Batches of an epoch, in the epoch's order."""

    loader: Any
    sampler: EpochSampler
    num_batches: int

    def of_epoch(self, epoch: int, batches_done: int) -> Iterator[ClickBatch]:
        self.sampler.set_epoch(epoch)
        self.sampler.leave_out(epoch, batches_done * int(self.loader.batch_size))
        yield from self.loader


def _run_epochs(state: _State, batches: _Batches, run: Path, cfg: EnhanceConfig) -> None:
    from tqdm import tqdm

    total = cfg.epochs * batches.num_batches
    saved = time.monotonic()
    with tqdm(total=total, initial=state.step, desc="enhance", unit=" steps") as bar:
        while state.epoch < cfg.epochs:
            for batch in batches.of_epoch(state.epoch, state.batches_done):
                loss = _step(state, batch, cfg)
                state.batches_done += 1
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                bar.update()
                is_due = cfg.checkpoint_minutes and time.monotonic() - saved >= (
                    60 * cfg.checkpoint_minutes
                )
                if is_due and state.batches_done < batches.num_batches:
                    state.save(run)
                    saved = time.monotonic()
            state.epoch, state.batches_done = state.epoch + 1, 0
            state.save(run)
            saved = time.monotonic()


def _step(state: _State, batch: ClickBatch, cfg: EnhanceConfig) -> float:
    """One step of the optimiser; gives the loss."""
    device = next(state.model.parameters()).device
    seed = cfg.seed * SEED_STEP + state.step
    # Whatever is random depends on seed and step alone: a resumed training repeats it.
    torch.manual_seed(seed)
    losses = state.model(batch.to(device), torch.Generator(device).manual_seed(seed))
    total: Tensor = torch.stack(list(losses.values())).sum()
    state.optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]  # torch has no types here
    largest_norm = cfg.optimizer.clip_norm or math.inf
    norm = nn.utils.clip_grad_norm_(state.model.parameters(), largest_norm)
    if not (torch.isfinite(total) and torch.isfinite(norm)):
        raise FloatingPointError(
            f"loss or gradient is not finite at step {state.step}. Lower --optimizer.lr"
        )
    state.optimizer.step()
    state.schedule.step()
    state.step += 1
    return total.item()

"""The parts of a training step that all kinds of networks share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from sapnet.system.files import write_json_atomic
from sapnet.training.loop.schedule import build_optimizer, rate_factor

if TYPE_CHECKING:
    import lightning
    from lightning.pytorch.utilities.types import OptimizerLRScheduler
    from torch import Tensor, nn

    from sapnet.training.config import OptimizerConfig

SEED_STEP = 1_000_003
"""Distance between the step seeds of neighbouring seeds; a prime."""


def optimizer_and_schedule(
    model: nn.Module, cfg: OptimizerConfig, batch_size: int, steps_per_epoch: int, epochs: int
) -> OptimizerLRScheduler:
    """Build the optimizer, with a learning rate that changes every step, for Lightning.

    Args:
        model: the network.
        cfg: optimizer and schedule.
        batch_size: images per step, over all devices.
        steps_per_epoch: optimizer steps of one pass.
        epochs: length of the training.
    """
    optimizer = build_optimizer(model, cfg, batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, rate_factor(cfg, steps_per_epoch, epochs)
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def seed_step(module: lightning.LightningModule, seed: int) -> torch.Generator:
    """Seed everything random in this step by seed, step and rank alone: resuming repeats it.

    Args:
        module: the module that is trained.
        seed: seed of the training.

    Returns:
        A generator on the module's device for what the step draws explicitly. The rest, for
        instance stochastic depth, uses torch's global generator, which is seeded as well.
    """
    step = module.global_step * module.trainer.world_size + module.global_rank
    number = seed * SEED_STEP + step
    torch.manual_seed(number)
    return torch.Generator(module.device).manual_seed(number)


DIVERGED = "diverged.json"
"""File of a run folder on the step that diverged: its images can be looked at, or left out."""


@contextmanager
def keeping_diverged(
    module: lightning.LightningModule, image_ids: list[int], advice: str
) -> Iterator[None]:
    """Explain an error of a step by values that are not finite, and keep its images in a file.

    Args:
        module: the module that is trained.
        image_ids: images of the batch.
        advice: what the user can do about it.

    Raises:
        FloatingPointError: a loss or a weight is not finite.
    """
    try:
        yield
    except FloatingPointError as error:
        _keep_diverged(module, image_ids, str(error))
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        weights = module.named_parameters()
        spoilt = next((name for name, p in weights if not torch.isfinite(p).all()), None)
        if spoilt is None:
            raise
        message = (
            f"the training diverged before step {module.global_step}: the weights {spoilt} are not "
            f"finite (images {image_ids}). {advice}"
        )
        _keep_diverged(module, image_ids, message)
        raise FloatingPointError(message) from error


def _keep_diverged(module: lightning.LightningModule, image_ids: list[int], message: str) -> None:
    if module.trainer.is_global_zero:
        content = {"step": module.global_step, "image_ids": image_ids, "message": message}
        write_json_atomic(Path(module.trainer.default_root_dir) / DIVERGED, content)


def check_finite(
    total: Tensor,
    losses: Mapping[str, Tensor],
    step: int,
    image_ids: list[int] | None = None,
    advice: str = "Lower --optimizer.lr",
) -> None:
    """Raise an error if a loss is not finite.

    Args:
        total: () sum of the losses.
        losses: () losses by name.
        step: number of the optimizer step.
        image_ids: images of the batch, if known.
        advice: what the user can do about it.

    Raises:
        FloatingPointError: the message names step, images and losses.
    """
    if torch.isfinite(total):
        return
    values = ", ".join(f"{name} {loss.item():.4g}" for name, loss in losses.items())
    images = "" if image_ids is None else f" (images {image_ids})"
    raise FloatingPointError(f"the loss is not finite at step {step}{images}: {values}. {advice}")


def log_losses(
    module: lightning.LightningModule, losses: Mapping[str, Tensor], total: Tensor, size: int
) -> None:
    """Log each loss, their sum and the learning rate.

    Args:
        module: the module that is trained.
        losses: () losses by name.
        total: () sum of the losses.
        size: images of the batch.
    """
    module.log_dict(dict(losses), batch_size=size)
    module.log("loss", total, prog_bar=True, batch_size=size)
    module.log("lr", module.trainer.optimizers[0].param_groups[0]["lr"])

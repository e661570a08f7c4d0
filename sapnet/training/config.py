"""Settings of the training; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Precision = Literal["auto", "32", "bf16", "fp16"]
Supervision = Literal["clicks", "top1", "masks"]


@dataclass(frozen=True)
class OptimizerConfig:
    """Optimiser and schedule (defaults: the paper's 1x schedule).

    Attributes:
        name: sgd (momentum 0.9) or adamw.
        lr: learning rate at `lr_batch` images per step; scaled linearly with the batch. Unset:
            0.015 for sgd, 1e-4 for adamw.
        lr_batch: images per step for which `lr` is meant. Unset: 32 for sgd as in the paper, 16
            for adamw.
        momentum: of sgd.
        weight_decay: unset: 1e-4 for sgd, 0.05 for adamw.
        schedule: "step" divides the rate by 10 at the start of each epoch in `steps`; "cosine"
            lowers it to 0 along half a cosine.
        steps: epochs of the step schedule. Unset: at two thirds and five sixths of the training,
            as the paper's 8 and 10 of 12; the released recipe has 8 and 11.
        warmup_iterations: steps over which the rate rises linearly; at most a tenth of the
            training.
        warmup_factor: where that rise starts, as a share of the rate.
        clip_norm: largest gradient norm; 0 switches clipping off.
    """

    name: Literal["sgd", "adamw"] = "sgd"
    lr: float | None = None
    lr_batch: int | None = None
    momentum: float = 0.9
    weight_decay: float | None = None
    schedule: Literal["step", "cosine"] = "step"
    steps: tuple[int, ...] | None = None
    warmup_iterations: int = 500
    warmup_factor: float = 0.001
    clip_norm: float = 35.0

    def __post_init__(self) -> None:
        if self.lr is not None and self.lr <= 0:
            raise ValueError(f"optimizer.lr: expected a positive number, found {self.lr}")
        if self.lr_batch is not None and self.lr_batch < 1:
            raise ValueError(f"optimizer.lr_batch: expected at least 1, found {self.lr_batch}")
        for name in ("momentum", "weight_decay", "warmup_iterations", "warmup_factor", "clip_norm"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"optimizer.{name}: expected 0 or more, found {value}")

    def rate(self, batch_size: int) -> float:
        """Learning rate at this many images per step, over all devices."""
        return (self.lr or self.usual_lr) * batch_size / (self.lr_batch or self.usual_lr_batch)

    @property
    def usual_lr(self) -> float:
        """Learning rate at `usual_lr_batch` where none is given."""
        return 0.015 if self.name == "sgd" else 1e-4

    @property
    def usual_lr_batch(self) -> int:
        """Images per step that a rate is meant for where nothing is said."""
        return 32 if self.name == "sgd" else 16

    def falls(self, epochs: int) -> tuple[int, ...]:
        """Epochs, counted from 0, at whose start the step schedule lowers the rate."""
        if self.steps is not None:
            return self.steps
        wanted = {round(epochs * 2 / 3), round(epochs * 5 / 6)}
        return tuple(sorted(epoch for epoch in wanted if 0 < epoch < epochs))

    def settled(self, batch_size: int, epochs: int) -> OptimizerConfig:
        """The same settings with the numbers that a training of this batch and length leads to.

        A rate of which anything was given stays as it was given.
        """
        settled = replace(self, steps=self.falls(epochs))
        if self.lr is None and self.lr_batch is None:
            settled = replace(settled, lr=self.rate(batch_size), lr_batch=batch_size)
        return settled

    @property
    def decay(self) -> float:
        """Weight decay after defaults."""
        if self.weight_decay is not None:
            return self.weight_decay
        return 1e-4 if self.name == "sgd" else 0.05


@dataclass(frozen=True)
class TrainConfig:
    """How long, on what and with which inputs to train.

    Attributes:
        supervision: where masks come from: "clicks" selects them end to end among the proposals,
            "top1" takes the proposal with the best own score, "masks" reads them from a file.
        epochs: passes over the images.
        batch_size: images per step, over all devices.
        workers: processes that load images, per device.
        seed: of weights, order, views and random negatives.
        device: "auto" takes a GPU where there is one; "cpu", "cuda" or "mps" insist.
        devices: how many of them on each machine; torchrun and srun say it by themselves.
        num_nodes: machines; likewise.
        precision: "auto" is bf16 on a GPU that has it and 32 bit elsewhere.
        compile: whether torch compiles the network: the first steps take minutes, the others less
            than without. Needs a C++ compiler, on a GPU also triton.
        keep_empty: also train on images without objects.
        max_objects: most objects of an image in one step, a random subset; bounds memory.
        log_every: steps between two lines of the log.
        checkpoint_minutes: most minutes between two checkpoints; each epoch ends with one anyway,
            and 0 writes no others. A stopped run goes on from the last one exactly.
        optimizer: optimiser and schedule.
    """

    supervision: Supervision = "clicks"
    epochs: int = 12
    batch_size: int = 4
    workers: int = 2
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    precision: Precision = "auto"
    compile: bool = False
    keep_empty: bool = True
    max_objects: int | None = None
    log_every: int = 10
    checkpoint_minutes: float = 10.0
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "devices", "num_nodes", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"train.{name}: expected at least 1, found {getattr(self, name)}")
        for name in ("workers", "seed", "checkpoint_minutes"):
            if getattr(self, name) < 0:
                raise ValueError(f"train.{name}: expected 0 or more, found {getattr(self, name)}")
        if self.max_objects is not None and self.max_objects < 1:
            raise ValueError(f"train.max_objects: expected at least 1, found {self.max_objects}")
        ranks = self.devices * self.num_nodes
        if self.batch_size % ranks:
            raise ValueError(
                f"train.batch_size: expected a multiple of the {ranks} devices, "
                f"found {self.batch_size}"
            )

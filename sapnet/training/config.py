"""Settings of the training. Imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from sapnet.data.image_files.settings import check_reading
from sapnet.data.tiles.grid import Parts
from sapnet.structures.coverage import Unmarked

Precision = Literal["auto", "32", "bf16", "fp16"]
Supervision = Literal["clicks", "top1", "masks"]


@dataclass(frozen=True)
class OptimizerConfig:
    """Optimizer and learning-rate schedule; the defaults are the paper's 1x schedule.

    Attributes:
        name: the optimizer, sgd or adamw.
        lr: learning rate for batches of `lr_batch` images; it is scaled linearly with the batch
            size. Unset: 0.015 for sgd, 1e-4 for adamw.
        lr_batch: batch size that `lr` is meant for. Unset: 32 for sgd, as in the paper, and 16 for
            adamw.
        momentum: momentum of sgd.
        weight_decay: weight decay. Unset: 1e-4 for sgd, 0.05 for adamw.
        schedule: "step" divides the rate by 10 at the start of each epoch in `steps`; "cosine"
            lowers it to 0 along half a cosine.
        steps: epochs at whose start the step schedule lowers the rate. Unset: two thirds and five
            sixths of the training, as the paper's 8 and 10 of 12; the released recipe has 8 and
            11.
        warmup_iterations: steps of the linear warm-up; at most a tenth of the training.
        warmup_factor: rate at the start of the warm-up, as a share of the learning rate.
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
        """Return the learning rate for this batch size, over all devices."""
        return (self.lr or self.usual_lr) * batch_size / (self.lr_batch or self.usual_lr_batch)

    def slower(self, share: float) -> OptimizerConfig:
        """Return the settings with a share of the learning rate."""
        lr, lr_batch = self.lr or self.usual_lr, self.lr_batch or self.usual_lr_batch
        return self if share == 1 else replace(self, lr=lr * share, lr_batch=lr_batch)

    @property
    def usual_lr(self) -> float:
        """Learning rate for `usual_lr_batch` images, if none is given."""
        return 0.015 if self.name == "sgd" else 1e-4

    @property
    def usual_lr_batch(self) -> int:
        """Batch size that the rate is meant for, if none is given."""
        return 32 if self.name == "sgd" else 16

    def falls(self, epochs: int) -> tuple[int, ...]:
        """Return the epochs at whose start the step schedule lowers the rate; 0 is the first."""
        if self.steps is not None:
            return self.steps
        wanted = {round(epochs * 2 / 3), round(epochs * 5 / 6)}
        return tuple(sorted(epoch for epoch in wanted if 0 < epoch < epochs))

    def settled(self, batch_size: int, epochs: int) -> OptimizerConfig:
        """Fill in the settings that depend on batch size and length of the training.

        If `lr` or `lr_batch` was given, neither is changed.
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
    """Settings of a training: supervision, length, devices, optimizer.

    Attributes:
        supervision: source of the training masks: "clicks" selects them end to end among the
            proposals, "top1" takes the proposal with the best own score, "masks" reads them from a
            file.
        epochs: passes over the training images.
        batch_size: images per step, over all devices.
        workers: processes that load images, per device.
        seed: seed of the weights, the order of the images, the views and the random negatives.
        device: "auto" takes a GPU if there is one; "cpu", "cuda", "cuda:N" or "mps" name one.
        devices: number of devices on each machine; torchrun and srun set it themselves.
        num_nodes: number of machines; torchrun and srun set it themselves.
        precision: numerical precision; "auto" is bf16 on a GPU that supports it, else 32 bit.
        compile: compile the network with torch: the first steps take minutes, the others are
            faster. Needs a C++ compiler, and on a GPU also triton.
        keep_empty: also train on images without objects.
        unmarked: what images count as that nobody marked: "complete", all their objects are
            clicked, or "partial", some may not be; see docs/formats.md. Unset: complete.
        relabel: epochs, counted from 0, at whose start all labels are chosen again with the
            segmenter's vote, and then stay as they are until the next. Unset: half of the epochs,
            if masks come from clicks by consensus and enough steps come before; () never.
        max_objects: largest number of objects of an image in one step, a random subset; limits the
            memory. The others are neither objects nor background in that step. Unset: all.
        bits: bit depth of images of more than 8 bits, one for all. Unset: that of the store, else
            that of the largest value of the training images. The run keeps it for prediction.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
        tile: side of the windows that large images of `--masks` and `--val.images` are cut into,
            pixels. Unset: those of the store. The run keeps them for prediction.
        overlap: pixels that neighbouring windows share; by default a quarter of their side.
        bands: numbers of the bands that are read of these images, from 1 on. Unset: as the store.
        log_every: steps between two lines of the log files.
        checkpoint_minutes: most minutes between two checkpoints. Each epoch ends with a checkpoint
            anyway; 0 writes no others. A stopped run continues exactly from the last one.
        optimizer: optimizer and learning-rate schedule.
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
    unmarked: Unmarked | None = None
    relabel: tuple[int, ...] | None = None
    max_objects: int | None = None
    bits: int | None = None
    max_pixels: int | None = None
    tile: int | None = None
    overlap: int | None = None
    bands: tuple[int, ...] | None = None
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
        if any(not 0 < epoch < self.epochs for epoch in self.relabel or ()):
            raise ValueError(
                f"train.relabel: expected epochs from 1 to {self.epochs - 1}, one less than the "
                f"number of epochs, found {self.relabel}"
            )
        if self.unmarked not in (None, *get_args(Unmarked)):
            raise ValueError(
                f"train.unmarked: expected complete or partial, found {self.unmarked!r}"
            )
        check_reading(self.bits, self.max_pixels)
        Parts.of(self.tile, self.overlap, self.bands)
        ranks = self.devices * self.num_nodes
        if self.batch_size % ranks:
            raise ValueError(
                f"train.batch_size: expected a multiple of the {ranks} devices, "
                f"found {self.batch_size}"
            )

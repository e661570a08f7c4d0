"""Settings of `sapnet enhance`. Imports no heavy library.

Sources: [P2B] Point-to-Box Network (Chen et al., ECCV 2022) and its released configuration, which
the paper names as its point annotation enhancer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sapnet.backbones.config import HUB_WEIGHTS
from sapnet.batches.config import AugmentConfig
from sapnet.data.image_files.settings import check_reading
from sapnet.data.tiles.grid import Tiling
from sapnet.network.config import ModelConfig
from sapnet.selection.config import NegativesConfig, SelectionConfig
from sapnet.training.config import OptimizerConfig


def _require_positive(name: str, values: tuple[float, ...]) -> None:
    if not values or min(values) <= 0:
        raise ValueError(f"{name}: expected one or more numbers > 0, found {values}")


@dataclass(frozen=True)
class AnchorsConfig:
    """First bag of each click: boxes of several sizes and shapes around it.

    Attributes:
        sides: root of each box's area as a share of the image's short side; 0.04 to 1.28 are the
            32 to 1024 px of a short side of 800 px [P2B].
        ratios: width over height. [P2B] lists 1/3 to 3, and multiplies the width and divides the
            height by them: there, width over height is the square, 1/9 to 9.
        exclude_rivals: leave out boxes that hold a click of another object of the same category,
            unless all do; not in [P2B].
    """

    sides: tuple[float, ...] = (0.04, 0.08, 0.16, 0.32, 0.64, 1.28)
    ratios: tuple[float, ...] = (1 / 3, 1 / 2, 2 / 3, 1.0, 3 / 2, 2.0, 3.0)
    exclude_rivals: bool = True

    def __post_init__(self) -> None:
        _require_positive("anchors.sides", self.sides)
        _require_positive("anchors.ratios", self.ratios)


@dataclass(frozen=True)
class JitterConfig:
    """Second bag of each click: boxes around the one that the first bag led to.

    Attributes:
        factors: factors of width and height, in all pairs; 0.7 to 1.3 [P2B].
        shift: the boxes are also moved by this share of their size to each of the four sides; 0.1
            [P2B]. 0 does not move them.
    """

    factors: tuple[float, ...] = (0.7, 0.8, 1.0, 1.2, 1.3)
    shift: float = 0.1

    def __post_init__(self) -> None:
        _require_positive("jitter.factors", self.factors)
        if self.shift < 0:
            raise ValueError(f"jitter.shift: expected 0 or more, found {self.shift}")


@dataclass(frozen=True)
class EnhancerConfig:
    """The network of the enhancer.

    Attributes:
        backbone: name of a timm model, as in `sapnet train`.
        weights: initial weights of the backbone: "imagenet", "none" (random), or a file.
        fpn_channels: channels of the feature pyramid.
        augment: sizes of the input, and its random variation in training.
        anchors: the first bag.
        jitter: the second bag.
        negatives: boxes that every category must reject in the second stage. Parts of the coarse
            box are not in [P2B]; `num_parts` 0 leaves them out.
        top_k: boxes of a bag that are merged into one, weighted by their scores; 7 [P2B].
        choice: rule that chooses among the boxes of a bag after training. "extent" takes the class
            score times a power of the size of the box; "p2bnet" takes class score times instance
            score [P2B], which finds the most distinctive part of an object.
        extent_power: power of the root of the area of a box, for "extent". 0.6 to 2.4 were nearly
            as good as 1 on 200 synthetic images kept for tuning.
        bags: what the border of the image does, which boxes may be chosen, and the divisor of the
            negatives. "clicked": boxes are clipped, hold their click, and negatives are divided by
            their number. "p2bnet" [P2B]: first boxes are cut on both sides alike, boxes round the
            coarse box are left out unless 70 % lies inside, all others may be chosen, and negatives
            are divided by the number of clicks.
        coarse_weight: weight of the loss of the first stage; 0.25 [P2B].
        alpha: share of the positives in the second stage's loss, the negatives have the rest; 0.25
            [P2B].
        hidden_channels: width of the two layers that encode a box; 1024 [P2B].
        sampling_ratio: RoIAlign samples per side of a bin; 0 takes as many as the bin has cells.
        boxes_per_chunk: number of boxes pooled at once; limits the memory.
    """

    backbone: str = "resnet50"
    weights: str = HUB_WEIGHTS
    fpn_channels: int = 256
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    anchors: AnchorsConfig = field(default_factory=AnchorsConfig)
    jitter: JitterConfig = field(default_factory=JitterConfig)
    negatives: NegativesConfig = field(
        default_factory=lambda: NegativesConfig(num_parts=4, min_part_side=0.0)
    )
    top_k: int = 7
    choice: Literal["extent", "p2bnet"] = "extent"
    bags: Literal["clicked", "p2bnet"] = "clicked"
    extent_power: float = 1.0
    coarse_weight: float = 0.25
    alpha: float = 0.25
    hidden_channels: int = 1024
    sampling_ratio: int = 0
    boxes_per_chunk: int = 2048

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ValueError(f"top_k: expected at least 1, found {self.top_k}")
        for name in ("coarse_weight", "extent_power"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, found {getattr(self, name)}")
        if self.choice not in ("extent", "p2bnet"):
            raise ValueError(f'choice: expected "extent" or "p2bnet", found {self.choice!r}')
        if self.bags not in ("clicked", "p2bnet"):
            raise ValueError(f'bags: expected "clicked" or "p2bnet", found {self.bags!r}')
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha: expected a number in [0, 1], found {self.alpha}")

    def network(self) -> ModelConfig:
        """Return the settings of backbone and pyramid as a `ModelConfig`."""
        return ModelConfig(
            backbone=self.backbone,
            weights=self.weights,
            fpn_channels=self.fpn_channels,
            augment=self.augment,
        )

    def encoding(self) -> SelectionConfig:
        """Return the settings that encode boxes to vectors."""
        return SelectionConfig(
            mask_crops=False,
            hidden_channels=self.hidden_channels,
            sampling_ratio=self.sampling_ratio,
            boxes_per_chunk=self.boxes_per_chunk,
        )


@dataclass(frozen=True)
class EnhanceConfig:
    """Settings of the training of the enhancer.

    Attributes:
        epochs: passes over the clicked images.
        batch_size: images per step.
        workers: processes that load images.
        seed: seed of the weights, the order of the images, the views and the random negatives.
        device: "auto" takes a GPU if there is one; "cpu", "cuda", "cuda:N" or "mps" name one.
        checkpoint_minutes: most minutes between two checkpoints. Each epoch ends with a checkpoint
            anyway; 0 writes no others.
        bits: bit depth of images of more than 8 bits, one for all; by default that of the training
            (`--trained`), else that of the largest value of all images.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
        tile: side of the windows that larger images are read in, pixels; 0 keeps images whole. By
            default those of the training (`--trained`), else windows are used where
            `sapnet doctor` advises them.
        overlap: pixels that neighbouring windows share; by default a quarter of their side.
        optimizer: optimizer and learning-rate schedule.
    """

    epochs: int = 12
    batch_size: int = 4
    workers: int = 2
    seed: int = 0
    device: str = "auto"
    checkpoint_minutes: float = 10.0
    bits: int | None = None
    max_pixels: int | None = None
    tile: int | None = None
    overlap: int | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        check_reading(self.bits, self.max_pixels)
        Tiling.of(self.tile, self.overlap)
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, found {getattr(self, name)}")
        for name in ("workers", "seed", "checkpoint_minutes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, found {getattr(self, name)}")

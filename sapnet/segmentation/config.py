"""Settings of the segmentation model and of its predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

NUM_FEATURES = 5
"""Feature maps the model reads: P2..P6, strides 4, 8, 16, 32, 64."""

PUBLISHED_SIDE = 800
"""Shorter side of the input, pixels, that SOLOv2's grids and ranges were made for."""

PUBLISHED_GRIDS = (40, 36, 24, 16, 12)
"""SOLOv2's grids (arXiv:2003.10152), made for COCO."""

PUBLISHED_RANGES = ((1.0, 96.0), (48.0, 192.0), (96.0, 384.0), (192.0, 768.0), (384.0, 2048.0))
"""SOLOv2's scale ranges, likewise."""


@dataclass(frozen=True)
class PredictConfig:
    """Settings that turn grid scores and masks into instances (defaults: released SOLOv2).

    Attributes:
        pre_nms: candidates that enter Matrix NMS, the best ones by score.
        score_threshold: least class score of a candidate, exclusive.
        mask_threshold: mask probability above which a pixel is foreground.
        filter_threshold: least score after Matrix NMS; 0 keeps all.
        kernel: decay function of Matrix NMS.
        sigma: sharpness of the gaussian decay.
        max_instances: most instances per image.
    """

    pre_nms: int = 500
    score_threshold: float = 0.1
    mask_threshold: float = 0.5
    filter_threshold: float = 0.05
    kernel: Literal["gaussian", "linear"] = "gaussian"
    sigma: float = 2.0
    max_instances: int = 100

    def __post_init__(self) -> None:
        for name in ("score_threshold", "mask_threshold", "filter_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"predict.{name}: expected 0..1, found {getattr(self, name)}")
        for name in ("pre_nms", "max_instances"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"predict.{name}: expected at least 1, found {getattr(self, name)}"
                )
        if self.kernel not in ("gaussian", "linear"):
            raise ValueError(f"predict.kernel: expected gaussian or linear, found {self.kernel!r}")
        if self.sigma <= 0:
            raise ValueError(f"predict.sigma: expected a positive number, found {self.sigma}")


@dataclass(frozen=True)
class SOLOv2Config:
    """The network, its targets and its losses (defaults: SOLOv2 as SAPNet was trained).

    Level i of the grids reads the i-th of the features P2..P6, so there are one to five levels.

    Attributes:
        num_grids: cells per side S of each level, finest grid first. Unset: `sapnet train` fits
            them to the data, elsewhere the published ones, made for COCO at 800 px.
        scale_ranges: input pixels, smallest and largest sqrt(box area) of each level, inclusive.
            Unset: likewise.
        strides: input pixels per cell of each level's tower input; a predicted mask of that level
            needs more stride-4 pixels than this.
        center_region: side of an object's positive region, in sides of its box.
        stacked_convs: convolutions in each tower of the head.
        channels: channels of the towers.
        mask_branch_channels: channels inside the mask feature branch.
        mask_feature_channels: channels E of the mask features, hence values of a kernel.
        norm_groups: groups of every GroupNorm.
        dice_weight: weight of the mask loss.
        dice_eps: added to each of the two squared sums below Dice's fraction.
        focal_gamma: exponent of the class loss.
        focal_alpha: weight of positives in the class loss; negatives weigh 1 - alpha.
        focal_weight: weight of the class loss.
        predict: settings of the prediction.
    """

    num_grids: tuple[int, ...] | None = None
    scale_ranges: tuple[tuple[float, float], ...] | None = None
    strides: tuple[int, ...] = (8, 8, 16, 32, 32)
    center_region: float = 0.2
    stacked_convs: int = 4
    channels: int = 512
    mask_branch_channels: int = 128
    mask_feature_channels: int = 256
    norm_groups: int = 32
    dice_weight: float = 3.0
    dice_eps: float = 1e-3
    focal_gamma: float = 2.0
    focal_alpha: float = 0.25
    focal_weight: float = 1.0
    predict: PredictConfig = field(default_factory=PredictConfig)

    def __post_init__(self) -> None:
        self._check_levels()
        for name in ("channels", "mask_branch_channels", "mask_feature_channels"):
            if getattr(self, name) % self.norm_groups:
                raise ValueError(
                    f"{name}: expected a multiple of norm_groups = {self.norm_groups}, "
                    f"found {getattr(self, name)}"
                )
        if self.stacked_convs < 1:
            raise ValueError(f"stacked_convs: expected at least 1, found {self.stacked_convs}")
        if not 0 <= self.center_region <= 1:
            raise ValueError(f"center_region: expected 0..1, found {self.center_region}")
        if self.dice_eps <= 0:
            raise ValueError(f"dice_eps: expected a positive number, found {self.dice_eps}")

    def _check_levels(self) -> None:
        grids, ranges = self.grids, self.ranges
        levels = len(grids)
        if not 1 <= levels <= NUM_FEATURES:
            raise ValueError(f"num_grids: expected 1 to {NUM_FEATURES} levels, found {levels}")
        if len(ranges) != levels or len(self.strides) != levels:
            raise ValueError(
                f"num_grids has {levels} levels, scale_ranges {len(ranges)} and "
                f"strides {len(self.strides)}; expected the same number"
            )
        if min(grids) < 1 or min(self.strides) < 1:
            raise ValueError(
                f"expected num_grids and strides of at least 1, found {grids} and {self.strides}"
            )
        if any(low > high for low, high in ranges):
            raise ValueError(f"scale_ranges: expected (low, high), found {ranges}")

    @property
    def grids(self) -> tuple[int, ...]:
        """Cells per side of each level, after defaults."""
        return PUBLISHED_GRIDS if self.num_grids is None else self.num_grids

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Smallest and largest sqrt(box area) of each level, after defaults."""
        return PUBLISHED_RANGES if self.scale_ranges is None else self.scale_ranges

    @property
    def num_levels(self) -> int:
        """L, levels of the grids."""
        return len(self.grids)

    @property
    def cells_per_level(self) -> tuple[int, ...]:
        """S * S of each level."""
        return tuple(side * side for side in self.grids)

    @property
    def level_offsets(self) -> tuple[int, ...]:
        """Index of each level's first cell when all cells are laid out in one row."""
        return (0, *accumulate(self.cells_per_level[:-1]))

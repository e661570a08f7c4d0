"""Settings of the whole network; imports no heavy library.

Each stage keeps its own settings beside its code; `ModelConfig` puts them together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from sapnet.backbones.config import AVAILABLE_WEIGHTS, HUB_WEIGHTS, NO_WEIGHTS, BackboneConfig
from sapnet.batches.config import AugmentConfig
from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.others.config import OtherSegmenterConfig
from sapnet.selection.config import SelectionConfig

EMBEDDED_START: Final = "embedded"
"""Value of `start` for the segmenter that ships with the package."""

Start = Literal["embedded", "imagenet", "none"]

MAX_STRIDE = 32
"""Input pixels per cell of the backbone's last features."""


NAMED_WEIGHTS = (HUB_WEIGHTS, AVAILABLE_WEIGHTS, NO_WEIGHTS)
"""Values of `weights` that are not the path of a file."""


@dataclass(frozen=True)
class ModelConfig:
    """Settings of the network.

    Attributes:
        backbone: name of any timm model with `features_only` support and features at the strides
            4, 8, 16 and 32.
        weights: initial weights of the backbone, where `start` is unset and the embedded segmenter
            does not fit: "imagenet" (of an installed package that has them, else of the hub or its
            cache), "available" (the same where they are at hand, else random), "none" (random), or
            the path of a weight file. The last two leave the embedded segmenter out.
        start: what a training begins with: "embedded" (the segmenter that ships, trained on
            photographs; only for the network of the recipe small_images_cpu), "imagenet" or "none".
            Unset: "embedded" where the network fits, else as `weights` says.
        frozen_stages: stages that are not trained, counted from the stem (1 = stem and first
            stage, 0 = none). Unset: 1 with weights, 0 without.
        frozen_norms: true if batch norms of the backbone keep their statistics and factors. Unset:
            true with weights, false without.
        fpn_channels: channels of the feature pyramid.
        augment: sizes of the input, and its random changes in training. Prediction uses the largest
            size and changes nothing at random.
        selection: choice of a proposal for each click.
        segmenter: true if SOLOv2 is trained along with the selection. Without it a run gives labels
            alone and takes a fraction of the time: the first of two stages.
        segmentation: the segmenter SOLOv2. Its `predict` counts for other segmenters too.
        other: segmenter in the place of SOLOv2, see `SegmenterChoice`; such a network has no
            selection. Unset: SOLOv2.
        selects: false if the selection is not trained, as the network learned from masks.
    """

    backbone: str = "resnet50"
    weights: str = HUB_WEIGHTS
    start: Start | None = None
    frozen_stages: int | None = None
    frozen_norms: bool | None = None
    fpn_channels: int = 256
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    segmenter: bool = True
    segmentation: SOLOv2Config = field(default_factory=SOLOv2Config)
    other: OtherSegmenterConfig | None = field(default=None, metadata={"hidden": True})
    selects: bool | None = field(default=None, metadata={"hidden": True})

    def __post_init__(self) -> None:
        if self.fpn_channels < 1:
            raise ValueError(f"model.fpn_channels: expected at least 1, found {self.fpn_channels}")
        if self.start is not None and self.weights not in NAMED_WEIGHTS:
            raise ValueError(
                f"model.start {self.start} and model.weights {self.weights}: expected one of them, "
                "found both. Leave one out"
            )
        if self.frozen_stages is not None and not 0 <= self.frozen_stages <= 4:
            raise ValueError(f"model.frozen_stages: expected 0 to 4, found {self.frozen_stages}")
        if self.augment.pad_divisor % MAX_STRIDE:
            raise ValueError(
                f"model.augment.pad_divisor: expected a multiple of {MAX_STRIDE}, the backbone's "
                f"largest stride, found {self.augment.pad_divisor}"
            )
        if self.other is not None and not self.segmenter:
            raise ValueError(
                f"model.segmenter false and --segmenter {self.other.name}: expected one of them, "
                "found both. Leave one out"
            )

    @property
    def initial_weights(self) -> str:
        """Weights that the training begins with: `start`, or `weights` where that is unset."""
        return self.weights if self.start is None else self.start

    @property
    def has_weights(self) -> bool:
        """True if the backbone starts from trained weights."""
        return self.initial_weights != NO_WEIGHTS

    @property
    def num_frozen_stages(self) -> int:
        """Number of frozen stages; by default one with weights, as in the released recipe."""
        return int(self.has_weights) if self.frozen_stages is None else self.frozen_stages

    @property
    def has_solov2(self) -> bool:
        """True if the segmenter is SOLOv2."""
        return self.segmenter and self.other is None

    @property
    def has_own_backbone(self) -> bool:
        """True if the network stands on the backbone and the pyramid of these settings."""
        return self.other is None or self.other.is_on_pyramid

    @property
    def keeps_norms(self) -> bool:
        """True if batch norms are frozen, after defaults."""
        return self.has_weights if self.frozen_norms is None else self.frozen_norms

    @property
    def backbone_config(self) -> BackboneConfig:
        """Settings of the backbone, after defaults."""
        # Weights of the whole segmenter are loaded into the network, not into the backbone alone.
        own = NO_WEIGHTS if self.start == EMBEDDED_START else self.initial_weights
        return BackboneConfig(self.backbone, own, self.num_frozen_stages, self.keeps_norms)

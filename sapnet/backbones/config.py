"""Settings of a backbone: its name, its weights, its frozen parts."""

from __future__ import annotations

from dataclasses import dataclass

NO_WEIGHTS = "none"
"""Value of `weights` for a backbone that starts from random weights."""

HUB_WEIGHTS = "imagenet"
"""Value of `weights` for ImageNet weights: of an installed package, the hub, or its cache."""

AVAILABLE_WEIGHTS = "available"
"""Value of `weights` for ImageNet weights where they are at hand, else random ones."""


@dataclass(frozen=True)
class BackboneConfig:
    """Settings of a backbone.

    Attributes:
        name: name of any timm model with `features_only` support and features at the strides 4, 8,
            16 and 32.
        weights: "imagenet" (from an installed package that has them, else timm's weights of that
            name, from the hub or its cache), "none" (random), or the path of a weight file.
        num_frozen_stages: stages that are not trained, counted from the stem; 0 for none.
        keeps_norms: True if batch norms keep their statistics and factors.
    """

    name: str
    weights: str = NO_WEIGHTS
    num_frozen_stages: int = 0
    keeps_norms: bool = False

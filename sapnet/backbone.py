"""The backbone: any timm model that gives features at strides 4, 8, 16 and 32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sapnet.config import HUB_WEIGHTS, NO_WEIGHTS

if TYPE_CHECKING:
    from sapnet.config import ModelConfig

STRIDES = (4, 8, 16, 32)
"""Strides of C2..C5, the inputs of the feature pyramid."""


class Backbone(nn.Module):
    """Images in, C2..C5 out, with the first stages and the norms frozen where asked.

    Attributes:
        channels: channels of C2..C5.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.body = _create(cfg.backbone)
        info: Any = self.body.feature_info
        self._indices = _stride_indices(cfg.backbone, info.reduction())
        self.channels: list[int] = [info.channels()[i] for i in self._indices]
        preprocessing: Any = self.body.pretrained_cfg
        mean, std = preprocessing["mean"], preprocessing["std"]
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1) * 255, persistent=False)
        self._channels_last = str(getattr(self.body, "output_fmt", "NCHW")).upper().endswith("NHWC")
        self._keeps_norms = cfg.keeps_norms
        self._frozen = _frozen_children(
            self.body, info.module_name(), self._indices[: cfg.num_frozen_stages]
        )
        for child in self._frozen:
            child.requires_grad_(requires_grad=False)
        if self._keeps_norms:
            for norm in self._batch_norms():
                norm.requires_grad_(requires_grad=False)

    def _batch_norms(self) -> list[nn.Module]:
        return [m for m in self.body.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]

    def train(self, mode: bool = True) -> Backbone:
        """Switch to training, leaving frozen stages and frozen norms in evaluation mode."""
        super().train(mode)
        for child in self._frozen:
            child.eval()
        if self._keeps_norms:
            for norm in self._batch_norms():
                norm.eval()
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of a batch.

        Args:
            images: (B, 3, H, W) RGB, 0..255, sides divisible by 32.

        Returns:
            C2..C5, each (B, channels, H / stride, W / stride).
        """
        all_features: list[Tensor] = self.body((images.float() - self.mean) / self.std)
        features = [all_features[i] for i in self._indices]
        if self._channels_last:
            features = [f.permute(0, 3, 1, 2).contiguous() for f in features]
        return features


def load_weights(backbone: Backbone, cfg: ModelConfig) -> None:
    """Start a backbone from the trained weights that its settings name.

    Args:
        backbone: built from the same settings; its parameters are overwritten.
        cfg: `weights` is "imagenet" (from the hub or its cache), a file's path, or "none", which
            leaves the backbone as it is.

    Raises:
        FileNotFoundError: the weights are not where they were looked for.
    """
    import timm

    if cfg.weights == NO_WEIGHTS:
        return
    overlay = None
    if cfg.weights != HUB_WEIGHTS:
        if not Path(cfg.weights).is_file():
            raise FileNotFoundError(
                f"model.weights: no file at {cfg.weights}; expected a .safetensors or .pth file "
                f"of timm's {cfg.backbone}, or 'imagenet' or 'none'"
            )
        overlay = {"file": cfg.weights}
    try:
        donor = timm.create_model(
            cfg.backbone, features_only=True, pretrained=True, pretrained_cfg_overlay=overlay
        )
    except OSError as error:
        raise FileNotFoundError(
            f"model.weights: trained weights of {cfg.backbone} were found neither in the hub's "
            "cache nor on the hub. Give a weight file with --model.weights PATH, or train from "
            "scratch with --model.weights none"
        ) from error
    backbone.body.load_state_dict(donor.state_dict())


def _create(name: str) -> nn.Module:
    """The timm model with random weights."""
    import timm

    try:
        model: nn.Module = timm.create_model(name, features_only=True)
    except RuntimeError as error:
        close = ", ".join(timm.list_models(f"*{name}*")[:5]) or "none"
        raise ValueError(
            f"model.backbone: timm {timm.__version__} has no features_only model {name!r} "
            f"({error}); close names: {close}"
        ) from error
    return model


def _stride_indices(name: str, reductions: list[int]) -> list[int]:
    """Which of the model's features have the strides of C2..C5."""
    if not set(STRIDES) <= set(reductions):
        raise ValueError(
            f"model.backbone: expected features at the strides {STRIDES}, but {name} gives "
            f"{tuple(reductions)}; choose another model"
        )
    return [reductions.index(stride) for stride in STRIDES]


def _frozen_children(body: nn.Module, stage_names: list[str], frozen: list[int]) -> list[nn.Module]:
    """The stem and the first stages: all children up to the last frozen stage."""
    if not frozen:
        return []
    last = stage_names[frozen[-1]].replace(".", "_")  # timm flattens stages.0 to stages_0
    names = [name for name, _ in body.named_children()]
    return list(body.children())[: names.index(last) + 1]

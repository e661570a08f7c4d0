"""Backbone: any timm model with features at strides 4, 8, 16 and 32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sapnet.backbones.norm_folding import fold_batch_norms

if TYPE_CHECKING:
    from sapnet.backbones.config import BackboneConfig

STRIDES = (4, 8, 16, 32)
"""Strides of C2..C5, the inputs of the feature pyramid."""

CHANNELS_LAST_DEVICE = "cpu"
"""Device type on which the channels-last layout was measured to be faster (docs/benchmarks.md)."""


class Backbone(nn.Module):
    """Network that turns images into the features C2..C5.

    The first stages and the batch norms can be frozen.

    Args:
        cfg: which model, and which parts of it are frozen.

    Attributes:
        channels: channels of C2..C5.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, cfg: BackboneConfig) -> None:
        super().__init__()
        self.body = _create(cfg.name)
        fold_batch_norms(self.body)
        info: Any = self.body.feature_info
        self._indices = _stride_indices(cfg.name, info.reduction())
        self.channels: list[int] = [info.channels()[i] for i in self._indices]
        preprocessing: Any = self.body.pretrained_cfg
        mean, std = preprocessing["mean"], preprocessing["std"]
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1) * 255, persistent=False)
        self._channels_last = str(getattr(self.body, "output_fmt", "NCHW")).upper().endswith("NHWC")
        self._keeps_norms = cfg.keeps_norms
        self._frozen = _up_to_stage(
            self.body, info.module_name(), self._indices[: cfg.num_frozen_stages]
        )
        for child in self._frozen:
            child.requires_grad_(requires_grad=False)
        if self._keeps_norms:
            for norm in self._batch_norms():
                norm.requires_grad_(requires_grad=False)
        # Lightning keeps the mode that it finds: frozen parts must start in evaluation mode.
        self.train()

    def _batch_norms(self) -> list[nn.Module]:
        return [m for m in self.body.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]

    def train(self, mode: bool = True) -> Backbone:
        """Set the training mode; frozen stages and frozen norms stay in evaluation mode."""
        super().train(mode)
        for child in self._frozen:
            child.eval()
        if self._keeps_norms:
            for norm in self._batch_norms():
                norm.eval()
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the features of a batch.

        Args:
            images: (B, 3, H, W) RGB, 0..255, sides divisible by 32.

        Returns:
            C2..C5, each (B, channels, H / stride, W / stride).
        """
        normalised = (images.float() - self.mean) / self.std
        if images.device.type == CHANNELS_LAST_DEVICE:
            # Every later map keeps this layout, also in pyramid and heads.
            normalised = normalised.contiguous(memory_format=torch.channels_last)
        all_features: list[Tensor] = self.body(normalised)
        features = [all_features[i] for i in self._indices]
        if self._channels_last:
            features = [f.permute(0, 3, 1, 2).contiguous() for f in features]
        return features


def _create(name: str) -> nn.Module:
    """Create the timm model with random weights."""
    import timm

    try:
        model: nn.Module = timm.create_model(name, features_only=True)
    except (RuntimeError, AttributeError) as error:  # unknown, or known without features
        close = ", ".join(timm.list_models(f"*{name.split('.')[0]}*")[:5]) or "none"
        raise ValueError(
            f"model.backbone: timm {timm.__version__} has no features_only model {name!r} "
            f"({error}); close names: {close}"
        ) from error
    return model


def _stride_indices(name: str, reductions: list[int]) -> list[int]:
    """Return the index of the model's output at each stride of `STRIDES`."""
    if not set(STRIDES) <= set(reductions):
        raise ValueError(
            f"model.backbone: expected features at the strides {STRIDES}, but {name} gives "
            f"{tuple(reductions)}; choose another model"
        )
    return [reductions.index(stride) for stride in STRIDES]


def _up_to_stage(body: nn.Module, stage_names: list[str], indices: list[int]) -> list[nn.Module]:
    """List the stem and the first stages: all modules up to the last one of `indices`."""
    if not indices:
        return []
    name = stage_names[indices[-1]]
    known = dict(body.named_modules())
    # features_only models may flatten stages.0 to stages_0, or wrap the whole model.
    path = next(p for p in (name, name.replace(".", "_"), f"model.{name}") if p in known)
    modules: list[nn.Module] = []
    parent = body
    for part in path.split("."):
        children = dict(parent.named_children())
        before = list(children)[: list(children).index(part)]
        modules += [children[child] for child in before]
        parent = children[part]
    return [*modules, parent]

"""The backbone: any timm model that gives features at strides 4, 8, 16 and 32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sapnet.backbones.config import HUB_WEIGHTS, NO_WEIGHTS
from sapnet.backbones.norm_folding import fold_batch_norms

if TYPE_CHECKING:
    from sapnet.backbones.config import BackboneConfig

STRIDES = (4, 8, 16, 32)
"""Strides of C2..C5, the inputs of the feature pyramid."""

CHANNELS_LAST_DEVICE = "cpu"
"""Where channels next to each other in memory were measured to be quicker (docs/benchmarks.md)."""

MAX_MISSING_SHARE = 0.1
"""Share of the parameters that a weight file may lack; timm renames a few of some models."""


PROBE_SECONDS = 5
"""How long the hub may take to answer whether it has some weights."""


class Backbone(nn.Module):
    """Images in, C2..C5 out, with the first stages and the norms frozen where asked.

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
        # Lightning trains a network in the mode it finds: what is frozen must be so from the start.
        self.train()

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
        normalised = (images.float() - self.mean) / self.std
        if images.device.type == CHANNELS_LAST_DEVICE:
            # Every later map keeps this layout, also in pyramid and heads.
            normalised = normalised.contiguous(memory_format=torch.channels_last)
        all_features: list[Tensor] = self.body(normalised)
        features = [all_features[i] for i in self._indices]
        if self._channels_last:
            features = [f.permute(0, 3, 1, 2).contiguous() for f in features]
        return features


def load_weights(backbone: Backbone, cfg: BackboneConfig) -> None:
    """Start a backbone from the trained weights that its settings name.

    Args:
        backbone: built from the same settings; its parameters are overwritten.
        cfg: `weights` is "imagenet" (from the hub or its cache), a file's path, or "none", which
            leaves the backbone as it is.

    Raises:
        FileNotFoundError: the weights are not where they were looked for.
        ValueError: the file holds the weights of another model.
    """
    import timm

    if cfg.weights == NO_WEIGHTS:
        return
    overlay = None
    if cfg.weights != HUB_WEIGHTS:
        _check_file(backbone.body, cfg)
        overlay = {"file": cfg.weights}
    try:
        if overlay is None:
            _check_hub(backbone.body)
        donor = timm.create_model(
            cfg.name, features_only=True, pretrained=True, pretrained_cfg_overlay=overlay
        )
    except OSError as error:
        raise FileNotFoundError(
            f"model.weights: trained weights of {cfg.name} were found neither in the hub's "
            "cache nor on the hub. Give a weight file with --model.weights PATH, or train from "
            "scratch with --model.weights none"
        ) from error
    except RuntimeError as error:  # shapes that differ, or a model that has no trained weights
        raise ValueError(
            f"model.weights: {cfg.weights} does not give weights of timm's {cfg.name}: {error}"
        ) from error
    backbone.body.load_state_dict(donor.state_dict())


def _check_hub(body: nn.Module) -> None:
    """Raise an OSError at once where neither the hub's cache nor the hub has the weights.

    Fetching them would retry for a minute before it gives up.
    """
    from huggingface_hub import HfApi, try_to_load_from_cache

    repository: str | None = body.pretrained_cfg.get("hf_hub_id")  # type: ignore[union-attr,operator]
    if repository is None:
        return
    names = ("model.safetensors", "pytorch_model.bin")
    if any(isinstance(try_to_load_from_cache(repository, name), str) for name in names):
        return
    try:
        HfApi().model_info(repository, timeout=PROBE_SECONDS)
    except Exception as error:  # the hub's client raises its transport's own, changing types
        raise OSError(f"{repository}: {error}") from error


def _check_file(body: nn.Module, cfg: BackboneConfig) -> None:
    """Say so where a file is missing or of another model; timm would leave out what is missing."""
    from timm.models import load_state_dict

    expected = f"a .safetensors or .pth file of timm's {cfg.name}"
    if not Path(cfg.weights).is_file():
        raise FileNotFoundError(
            f"model.weights: no file at {cfg.weights}; expected {expected}, or 'imagenet' or 'none'"
        )
    # features_only models may have underscores where the whole model has dots.
    found = {name.replace(".", "_") for name in load_state_dict(cfg.weights, device="cpu")}
    wanted = [name.replace(".", "_").removeprefix("model_") for name, _ in body.named_parameters()]
    missing = [name for name in wanted if name not in found]
    if len(missing) > MAX_MISSING_SHARE * len(wanted):
        raise ValueError(
            f"model.weights: expected {expected}; {cfg.weights} lacks {len(missing)} of its "
            f"{len(wanted)} parameters, such as {missing[0]}. Name the model that the file is of "
            "with --model.backbone"
        )


def _create(name: str) -> nn.Module:
    """The timm model with random weights."""
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
    """Index of the model's output at each of our strides."""
    if not set(STRIDES) <= set(reductions):
        raise ValueError(
            f"model.backbone: expected features at the strides {STRIDES}, but {name} gives "
            f"{tuple(reductions)}; choose another model"
        )
    return [reductions.index(stride) for stride in STRIDES]


def _up_to_stage(body: nn.Module, stage_names: list[str], indices: list[int]) -> list[nn.Module]:
    """The stem and the first stages: all modules up to the last one of `indices`."""
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

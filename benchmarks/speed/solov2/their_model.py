"""mmdetection's SOLOv2 with random weights that behave like trained ones.

mmdetection imports compiled operators for other models. SOLOv2 uses none of them, so empty classes
stand in for them.
"""

from __future__ import annotations

import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from math import log
from pathlib import Path
from sys import meta_path
from typing import Any

import torch
from torch.nn import functional

from benchmarks.speed.solov2.worker import MEAN, STD

LOGIT_STD = 5.0
LAST_FACTOR = 0.2
KERNEL_BIAS = 0.1


class CompiledOperators(MetaPathFinder, Loader):
    """Importer of `mmcv.ops` as a module in which every name is an empty class."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return a spec for `mmcv.ops` and its modules."""
        del path, target
        is_wanted = name.split(".")[:2] == ["mmcv", "ops"]
        return ModuleSpec(name, self, is_package=True) if is_wanted else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """Make the stand-in."""
        module = types.ModuleType(spec.name)

        def placeholder(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

        module.__getattr__ = placeholder  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: there is no code to run."""


def build() -> torch.nn.Module:
    """Build mmdetection's SOLOv2 with ResNet-50, random weights and frozen norms.

    mmdetection's configuration freezes the statistics of the norms and trains their factors.
    sapnet, like most recipes, trains neither. Here both sides train the same parameters.
    """
    meta_path.insert(0, CompiledOperators())
    import mmdet
    import mmdet.models
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    init_default_scope("mmdet")
    configs = Path(mmdet.__file__).parent / ".mim" / "configs"
    settings = Config.fromfile(configs / "solov2" / "solov2_r50_fpn_1x_coco.py").model
    del settings.backbone["init_cfg"]
    settings.backbone["norm_cfg"] = {"type": "BN", "requires_grad": False}
    torch.manual_seed(0)
    model: torch.nn.Module = MODELS.build(settings)
    model.init_weights()
    return model


@torch.no_grad()
def prepare(model: Any, image: torch.Tensor, counts: list[int]) -> dict[str, torch.Tensor]:  # noqa: ANN401
    """Give random weights the statistics of trained ones.

    Norms of the backbone get the statistics of the image, so that features neither vanish nor
    explode. Class logits get a standard deviation of 5 and a bias that lets the last of `counts`
    local peaks pass; without it NMS would get nothing.

    Returns:
        For each count n, as `bias_N`, the bias that lets this many pass.
    """
    normalized = (image[None].float() - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(
        3, 1, 1
    )
    for norm in model.backbone.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            # As in trained networks, the factor is small at the end of a block, where it starts at
            # zero. Large factors would amplify rounding errors of the sums.
            torch.nn.init.constant_(norm.weight, 1.0 if norm.weight.any() else LAST_FACTOR)
            norm.train()
            norm.momentum = None  # use the statistics of this image
    model.backbone(normalized)
    model.eval()
    head = model.mask_head
    _, class_logits, _ = head(model.extract_feat(normalized))
    every = torch.cat([level.flatten() for level in class_logits])
    factor = LOGIT_STD / every.std()
    head.conv_cls.weight *= factor
    centred = [factor * (level - head.conv_cls.bias[0]) for level in class_logits]
    peaks = [
        level[functional.max_pool2d(level, 2, stride=1, padding=1)[..., :-1, :-1] == level]
        for level in centred
    ]
    best = torch.cat(peaks).sort(descending=True).values
    least_logit = -log(1 / head.test_cfg.score_thr - 1)
    # Mask features are not negative, so this bias makes masks of all sizes. Without it, some masks
    # have a few pixels, and a single pixel at the threshold decides about their IoU.
    head.conv_kernel.bias.fill_(KERNEL_BIAS)
    biases = {f"bias_{count}": least_logit - best[count] for count in counts}
    head.conv_cls.bias.fill_(biases[f"bias_{counts[-1]}"])
    return biases

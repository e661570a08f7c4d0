"""Parameter names of mmdetection's SOLOv2 checkpoints, translated to ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

HEAD_PREFIX = "mask_head."
NECK_PREFIX = "neck."

HEAD_RULES = (
    (r"(mask_feature_head\..+|cls_convs\.\d+|kernel_convs\.\d+)\.conv\.", r"\1.0."),
    (r"(mask_feature_head\..+|cls_convs\.\d+|kernel_convs\.\d+)\.gn\.", r"\1.1."),
    (r"^kernel_convs\.", "head.kernel_tower."),
    (r"^cls_convs\.", "head.class_tower."),
    (r"^conv_kernel\.", "head.kernel_output."),
    (r"^conv_cls\.", "head.class_output."),
    (r"^mask_feature_head\.convs_all_levels\.(\d+)\.conv(\d+)\.", r"mask_branch.levels.\1.\2."),
    (r"^mask_feature_head\.conv_pred\.", "mask_branch.output."),
)
"""Patterns and replacements, applied one after the other; a block holds convolution, then norm."""

NECK_RULES = (
    (r"^lateral_convs\.(\d+)\.conv\.", r"inner_blocks.\1.0."),
    (r"^fpn_convs\.(\d+)\.conv\.", r"layer_blocks.\1.0."),
)
"""The same for the pyramid network."""


def convert_mmdet_head(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate the head of an mmdetection SOLOv2 checkpoint.

    Args:
        state: the checkpoint's state dict; names outside `mask_head.` are left out.

    Returns:
        The state dict of a `SOLOv2` of the same sizes.

    Raises:
        ValueError: `state` holds no such head.
    """
    return _rename(state, HEAD_PREFIX, HEAD_RULES)


def convert_mmdet_neck(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate the pyramid network of an mmdetection checkpoint.

    Args:
        state: the checkpoint's state dict; names outside `neck.` are left out.

    Returns:
        The state dict of a `torchvision.ops.FeaturePyramidNetwork` of the same channels, without
        norm, whose extra level is `LastLevelMaxPool`.

    Raises:
        ValueError: `state` holds no such network.
    """
    return _rename(state, NECK_PREFIX, NECK_RULES)


def _rename(
    state: Mapping[str, Tensor], prefix: str, rules: tuple[tuple[str, str], ...]
) -> dict[str, Tensor]:
    renamed = {}
    for name, value in state.items():
        if name.startswith(prefix):
            new_name = name.removeprefix(prefix)
            for pattern, replacement in rules:
                new_name = re.sub(pattern, replacement, new_name)
            renamed[new_name] = value
    if not renamed:
        raise ValueError(
            f"expected a state dict of mmdetection with names that start with {prefix!r}, found "
            f"{list(state)[:3]}; pass the checkpoint's 'state_dict' entry"
        )
    return renamed

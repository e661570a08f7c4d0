import pytest
import torch
from torchvision.ops import FeaturePyramidNetwork

from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.convert import convert_mmdet_head, convert_mmdet_neck
from sapnet.segmentation.solov2 import SOLOv2

BLOCK = ("conv.weight", "gn.weight", "gn.bias")


def mmdet_head_names(stacked_convs: int) -> list[str]:
    towers = [
        f"{tower}.{i}.{part}"
        for tower in ("kernel_convs", "cls_convs")
        for i in range(stacked_convs)
        for part in BLOCK
    ]
    outputs = [
        f"{name}.{part}" for name in ("conv_kernel", "conv_cls") for part in ("weight", "bias")
    ]
    branch = [
        f"mask_feature_head.convs_all_levels.{level}.conv{i}.{part}"
        for level, count in enumerate((1, 1, 2, 3))
        for i in range(count)
        for part in BLOCK
    ]
    last = [f"mask_feature_head.conv_pred.{part}" for part in BLOCK]
    return [f"mask_head.{name}" for name in (*towers, *outputs, *branch, *last)]


def test_head_names_are_ours_and_in_order(cfg: SOLOv2Config) -> None:
    names = mmdet_head_names(cfg.stacked_convs)
    state = {name: torch.tensor(i) for i, name in enumerate(names)}
    renamed = convert_mmdet_head({**state, "backbone.conv1.weight": torch.tensor(-1)})
    ours = SOLOv2(3, 6, cfg).state_dict()
    assert set(renamed) == set(ours)
    assert renamed["head.class_tower.0.1.bias"] == names.index("mask_head.cls_convs.0.gn.bias")
    assert renamed["mask_branch.levels.3.2.0.weight"] == names.index(
        "mask_head.mask_feature_head.convs_all_levels.3.conv2.conv.weight"
    )


def test_neck_names_are_those_of_torchvision() -> None:
    state = {
        f"neck.{convs}.{i}.conv.{part}": torch.tensor(i)
        for convs in ("lateral_convs", "fpn_convs")
        for i in range(3)
        for part in ("weight", "bias")
    }
    renamed = convert_mmdet_neck(state)
    assert set(renamed) == set(FeaturePyramidNetwork([4, 8, 16], 4).state_dict())
    assert renamed["layer_blocks.2.0.bias"] == 2


def test_another_checkpoint_is_explained() -> None:
    with pytest.raises(ValueError, match=r"start with 'mask_head\.', found \['fc\.weight'\]"):
        convert_mmdet_head({"fc.weight": torch.zeros(1)})

import torch
from torch import Tensor, nn
from torch.nn import functional

from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.coordinates import append_coordinates
from sapnet.segmentation.mask_features import MaskFeatureBranch


def enlarge(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def naive(branch: MaskFeatureBranch, features: list[Tensor]) -> Tensor:
    """Every level is enlarged to stride 4 on its own, as in the paper's figure."""
    merged = branch.levels[0][0](features[0])
    for level in range(1, 4):
        inputs = append_coordinates(features[level]) if level == 3 else features[level]
        for conv in branch.levels[level]:
            inputs = enlarge(conv(inputs))
        merged = merged + inputs
    return branch.output(merged)


def test_equals_enlarging_each_level_alone(cfg: SOLOv2Config, features: list[Tensor]) -> None:
    torch.manual_seed(0)
    branch = MaskFeatureBranch(6, cfg)
    for parameter in branch.parameters():
        nn.init.normal_(parameter)
    found = branch(features[:4])
    assert found.shape == (2, 8, 8, 16)
    assert found.min() >= 0
    torch.testing.assert_close(found, naive(branch, features), rtol=1e-4, atol=1e-4)


def test_sizes_need_not_divide_by_32(cfg: SOLOv2Config) -> None:
    odd = [torch.randn(1, 6, side, side + 1) for side in (9, 5, 3, 2)]
    assert MaskFeatureBranch(6, cfg)(odd).shape == (1, 8, 9, 10)

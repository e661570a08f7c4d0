from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.head import CLASS_PRIOR, SOLOv2Head, level_inputs


def test_one_grid_per_level(cfg: SOLOv2Config, features: list[Tensor]) -> None:
    kernels, class_logits = SOLOv2Head(3, 6, cfg)(features)
    assert [tuple(level.shape) for level in kernels] == [(2, 8, 4, 4), (2, 8, 2, 2)]
    assert [tuple(level.shape) for level in class_logits] == [(2, 3, 4, 4), (2, 3, 2, 2)]


def test_levels_are_read_at_fixed_strides(features: list[Tensor]) -> None:
    inputs = level_inputs(features)
    assert [tuple(level.shape[2:]) for level in inputs] == [(4, 8), (4, 8), (2, 4), (1, 2), (1, 2)]
    p2 = features[0]
    torch.testing.assert_close(inputs[0], torch.nn.functional.avg_pool2d(p2, 2))
    assert inputs[1] is features[1]


def test_untrained_scores_start_at_the_prior(cfg: SOLOv2Config, features: list[Tensor]) -> None:
    torch.manual_seed(0)
    _, class_logits = SOLOv2Head(3, 6, cfg)(features)
    scores = torch.cat([level.flatten() for level in class_logits]).sigmoid()
    assert scores.mean().item() == pytest.approx(CLASS_PRIOR, rel=0.3)


def test_only_kernels_know_the_position(cfg: SOLOv2Config) -> None:
    torch.manual_seed(0)
    uniform = [torch.ones(1, 6, side, side) for side in (16, 8, 4, 2, 1)]
    head = SOLOv2Head(3, 6, replace(cfg, num_grids=(8,), scale_ranges=((1, 9),), strides=(8,)))
    (kernels,), (class_logits,) = head(uniform)
    inner = (..., slice(2, -2), slice(2, -2))  # away from the zero padding
    assert class_logits[inner].std(dim=(2, 3)).max() < 1e-5
    assert kernels[inner].std(dim=(2, 3)).min() > 1e-5

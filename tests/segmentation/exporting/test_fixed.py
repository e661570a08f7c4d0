from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from sapnet.segmentation.config import PredictConfig, SOLOv2Config
from sapnet.segmentation.exporting.fixed import boxes_of_maps, fixed_instances
from sapnet.segmentation.outputs import SOLOv2Outputs
from sapnet.segmentation.postprocess import predict_instances

SIZES = torch.tensor([[32, 64]])


def one_image(outputs: SOLOv2Outputs) -> SOLOv2Outputs:
    return SOLOv2Outputs(
        tuple(level[:1].detach() for level in outputs.grid_kernels),
        tuple(level[:1].detach() for level in outputs.grid_class_logits),
        outputs.mask_features[:1].detach(),
    )


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
@pytest.mark.parametrize("filter_threshold", [0.0, 0.2])
def test_instances_are_those_of_the_prediction(
    outputs: SOLOv2Outputs, cfg: SOLOv2Config, kernel: str, filter_threshold: float
) -> None:
    predict = PredictConfig(kernel=kernel, filter_threshold=filter_threshold, max_instances=12)
    cfg = replace(cfg, predict=predict)
    (expected,) = predict_instances(one_image(outputs), SIZES, SIZES, cfg)
    found = fixed_instances(one_image(outputs), cfg)
    exists = found.scores > 0
    assert len(found.scores) == 12
    assert int(exists.sum()) == len(expected.scores[expected.scores > 0]) > 3
    assert torch.equal(found.labels[exists], expected.labels[: exists.sum()])
    torch.testing.assert_close(found.scores[exists], expected.scores[: exists.sum()])
    fine = functional.interpolate(found.masks[None], scale_factor=4, mode="bilinear")[0] > 0.5
    differing = (fine[exists] != expected.masks[: exists.sum()]).flatten(1).sum(1)
    assert int(differing.max()) <= 1  # a pixel at the threshold


def test_no_more_instances_than_cells(outputs: SOLOv2Outputs, cfg: SOLOv2Config) -> None:
    found = fixed_instances(one_image(outputs), cfg)
    assert len(found.scores) == (16 + 4) * 3
    assert found.masks.shape == (60, 8, 16)


def test_boxes_of_blobs_are_right_to_a_pixel() -> None:
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(40.0), indexing="ij")
    blobs = [(5.0, 6.0, 3.0), (20.3, 12.7, 6.0), (38.0, 22.0, 4.0)]
    maps = torch.stack([(r - torch.hypot(x - cx, y - cy)).sigmoid() for cx, cy, r in blobs])
    fine = functional.interpolate(maps[None], scale_factor=4, mode="bilinear")[0] > 0.5
    for box, mask in zip(boxes_of_maps(maps, 0.5), fine, strict=True):
        rows, columns = mask.nonzero(as_tuple=True)
        tight = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert (box - tight).abs().max() <= 1


def test_an_empty_mask_has_an_empty_box() -> None:
    assert boxes_of_maps(torch.zeros(2, 3, 5), 0.5).tolist() == [[0.0] * 4] * 2

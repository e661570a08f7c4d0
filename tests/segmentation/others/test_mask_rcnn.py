from __future__ import annotations

import pytest
import torch
from torch.optim import AdamW

from sapnet.backbones.config import BackboneConfig
from sapnet.backbones.pyramid import Pyramid
from sapnet.network.model import evaluating
from sapnet.segmentation.config import PredictConfig
from sapnet.segmentation.others.mask_rcnn import MaskRCNN, build_on_pyramid
from sapnet.structures.batch import Batch, InstanceTargets

LOSSES = {
    "loss_objectness",
    "loss_rpn_box_reg",
    "loss_classifier",
    "loss_box_reg",
    "loss_mask",
}


@pytest.fixture
def network() -> MaskRCNN:
    torch.manual_seed(0)
    pyramid = Pyramid(BackboneConfig("test_resnet", keeps_norms=True), 16)
    cfg = PredictConfig(max_instances=6, filter_threshold=0.0)
    return build_on_pyramid(pyramid, 2, (8, 16, 32, 64, 128), cfg)


def losses_of(network: MaskRCNN, batch: Batch) -> dict[str, torch.Tensor]:
    assert batch.targets is not None
    return network.losses(batch.images, batch.image_sizes, batch.targets)


def iou(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_losses_have_gradients_everywhere(network: MaskRCNN, squares: Batch) -> None:
    losses = losses_of(network, squares)
    assert losses.keys() == LOSSES
    torch.stack(list(losses.values())).sum().backward()
    without = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_a_batch_without_objects(
    network: MaskRCNN, squares: Batch, without_objects: InstanceTargets
) -> None:
    losses = network.losses(squares.images, squares.image_sizes, without_objects)
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    assert losses["loss_mask"] == 0


def test_predictions_in_the_original_frame(network: MaskRCNN, squares: Batch) -> None:
    originals = torch.tensor([[128, 96], [50, 70]])
    with evaluating(network):
        found = network.predict(squares.images, squares.image_sizes, originals)
        some = network.predict(
            squares.images, squares.image_sizes, originals, [torch.tensor([1]), torch.tensor([])]
        )
    for one, size in zip(found, originals.tolist(), strict=True):
        assert 0 < len(one) <= 6
        assert list(one.masks.shape[1:]) == size
        assert one.scores.tolist() == sorted(one.scores.tolist(), reverse=True)
        assert set(one.labels.tolist()) <= {0, 1}
    assert set(some[0].labels.tolist()) == {1}
    assert len(some[1]) == 0


@pytest.mark.slow
def test_learns_two_images(network: MaskRCNN, squares: Batch) -> None:
    optimizer = AdamW(network.parameters(), lr=2e-3)
    for _ in range(160):
        total = torch.stack(list(losses_of(network, squares).values())).sum()
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    with evaluating(network):
        found = network.predict(squares.images, squares.image_sizes, squares.original_sizes)
    assert squares.targets is not None
    for label, (one, mask) in enumerate(zip(found, squares.targets.masks, strict=True)):
        assert one.labels[0] == label
        assert one.scores[0] > 0.5
        assert iou(one.masks[0], mask.bool()) > 0.85

"""What lies in regions to ignore is no background for other segmenters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sapnet.backbones.config import BackboneConfig
from sapnet.backbones.pyramid import Pyramid
from sapnet.segmentation.config import PredictConfig
from sapnet.segmentation.others.ignoring import (
    boxes_spared,
    ignored_regions,
    queries_spared,
    regions_spared,
)
from sapnet.segmentation.others.mask2former import Mask2Former
from sapnet.segmentation.others.mask2former_weights import read_architecture
from sapnet.segmentation.others.mask_rcnn import build_on_pyramid
from sapnet.structures.batch import Batch, Gaps, InstanceTargets

CFG = PredictConfig(max_instances=6, filter_threshold=0.0)


def make_gaps(*areas: tuple[int, slice, slice]) -> Gaps:
    """Regions of two images of 64 px, at stride 4."""
    masks = torch.zeros(len(areas), 16, 16, dtype=torch.uint8)
    for mask, (_, rows, columns) in zip(masks, areas, strict=True):
        mask[rows, columns] = 1
    index = torch.tensor([image for image, _, _ in areas], dtype=torch.int64)
    return Gaps(torch.zeros(2, 2, dtype=torch.bool), masks, torch.zeros_like(index), index)


ALL = slice(None)
LEFT = make_gaps((1, ALL, slice(0, 8)))
NONE = make_gaps()
EVERYTHING = make_gaps((0, ALL, ALL), (1, ALL, ALL))


def test_regions_of_all_classes_are_joined() -> None:
    regions = ignored_regions(LEFT)
    assert regions is not None
    assert not regions[0].any()
    assert regions[1, :, :8].all()
    assert not regions[1, :, 8:].any()
    assert ignored_regions(NONE) is ignored_regions(None) is None


def test_covered_negatives_of_mask_rcnn_are_discarded() -> None:
    torch.manual_seed(0)
    pyramid = Pyramid(BackboneConfig("test_resnet", keeps_norms=True), 16)
    model = build_on_pyramid(pyramid, 2, (8, 16, 32, 64, 128), CFG).model
    boxes = torch.tensor(
        [[2.0, 2, 20, 20], [2, 2, 20, 22], [40, 40, 60, 60], [20, 0, 40, 40], [30, 0, 60, 40]]
    )
    target = {"boxes": boxes[:1], "labels": torch.tensor([2])}
    plain, _ = model.rpn.assign_targets_to_anchors([boxes, boxes], [target, target])
    assert [labels.tolist() for labels in plain] == [[1, 1, 0, 0, 0]] * 2
    with boxes_spared(model, ignored_regions(LEFT)):
        found, _ = model.rpn.assign_targets_to_anchors([boxes, boxes], [target, target])
        _, heads = model.roi_heads.assign_targets_to_proposals(
            [boxes, boxes], [boxes[:1]] * 2, [target["labels"]] * 2
        )
    assert [labels.tolist() for labels in found] == [[1, 1, 0, 0, 0], [1, 1, 0, -1, 0]]
    assert [labels.tolist() for labels in heads] == [[2, 2, 0, 0, 0], [2, 2, 0, -1, 0]]
    again, _ = model.rpn.assign_targets_to_anchors([boxes], [target])
    assert again[0].tolist() == plain[0].tolist()


def test_mask_rcnn_learns_nothing_of_what_is_ignored_alone(
    squares: Batch, without_objects: InstanceTargets
) -> None:
    """Without an object and with regions everywhere one box is left of all, and no NaN."""
    torch.manual_seed(0)
    pyramid = Pyramid(BackboneConfig("test_resnet", keeps_norms=True), 16)
    network = build_on_pyramid(pyramid, 2, (8, 16, 32, 64, 128), CFG)
    given = (squares.images, squares.image_sizes, without_objects)
    before = network.losses(*given)  # type: ignore[arg-type]
    assert before["loss_objectness"] > 0
    sampled: list[int] = []
    draw = network.model.roi_heads.fg_bg_sampler

    def counted(labels: list[torch.Tensor]) -> object:
        sampled.append(sum(int((own >= 0).sum()) for own in labels))
        return draw(labels)

    network.model.roi_heads.fg_bg_sampler = network.model.rpn.fg_bg_sampler = counted
    with regions_spared(network, EVERYTHING):
        losses = network.losses(*given)  # type: ignore[arg-type]
    assert sampled == [1, 1]
    assert torch.isfinite(torch.stack(list(losses.values()))).all()


def test_a_training_step_of_mask_rcnn_with_regions_is_finite(squares: Batch) -> None:
    torch.manual_seed(0)
    pyramid = Pyramid(BackboneConfig("test_resnet", keeps_norms=True), 16)
    network = build_on_pyramid(pyramid, 2, (8, 16, 32, 64, 128), CFG)
    assert squares.targets is not None
    for gaps in (LEFT, EVERYTHING):
        with regions_spared(network, gaps):
            losses = network.losses(squares.images, squares.image_sizes, squares.targets)
        total = torch.stack(list(losses.values())).sum()
        total.backward()
        assert torch.isfinite(total)


@pytest.fixture
def former(small_mask2former: Path) -> Mask2Former:
    torch.manual_seed(0)
    return Mask2Former(read_architecture(str(small_mask2former)), 2, CFG)


def test_queries_of_mask2former_by_hand(former: Mask2Former) -> None:
    """Of three queries, one has the object, one lies in the region, one beside it."""
    masks = torch.full((2, 3, 16, 16), -5.0)
    masks[:, 0, :, :8] = masks[:, 1, :, :6] = masks[:, 2, :, 10:] = 5
    logits = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    indices = [(torch.tensor([0]), torch.tensor([0]))] * 2
    wanted = [torch.tensor([1])] * 2
    criterion = former.model.criterion
    with queries_spared(criterion, ignored_regions(LEFT)):
        criterion.loss_masks(masks, [torch.ones(1, 16, 16)] * 2, indices, 2)
        loss = criterion.loss_labels(logits, wanted, indices)["loss_cross_entropy"]
    loss.backward()
    assert logits.grad is not None
    learns = logits.grad.abs().sum(2) > 0
    assert learns.tolist() == [[True, True, True], [True, False, True]]
    logits.grad = None
    criterion.loss_labels(logits, wanted, indices)["loss_cross_entropy"].backward()
    assert (logits.grad.abs().sum(2) > 0).all()


def test_losses_of_mask2former_change_with_regions_alone(
    former: Mask2Former, squares: Batch
) -> None:
    assert squares.targets is not None
    found = {}
    for name, gaps in (("none", NONE), ("all", EVERYTHING), ("again", None)):
        torch.manual_seed(0)
        with regions_spared(former, gaps):
            found[name] = former.losses(squares.images, squares.image_sizes, squares.targets)
    assert found["all"]["loss_class"] < found["none"]["loss_class"]
    assert found["none"]["loss_class"] == found["again"]["loss_class"]

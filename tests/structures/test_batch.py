from __future__ import annotations

import pickle
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import pytest
import torch

from sapnet.structures.batch import Bags, Batch, InstanceTargets
from sapnet.structures.clicks import Click
from sapnet.structures.outputs import Predictions, Selection
from sapnet.structures.proposals import Proposals, StoredObject


def _bags(n: int, k: int) -> Bags:
    return Bags(
        boxes=torch.zeros(n, k, 4),
        valid=torch.ones(n, k, dtype=torch.bool),
        mask_crops=torch.zeros(n, k, 7, 7),
        holds_rival=torch.zeros(n, k, dtype=torch.bool),
        box_iou=torch.ones(n, k),
        own_scores=torch.zeros(n, k),
        masks=torch.zeros(n, k, 8, 8, dtype=torch.uint8),
        labels=torch.zeros(n, dtype=torch.int64),
        points=torch.zeros(n, 2),
        image_index=torch.zeros(n, dtype=torch.int64),
        annotation_ids=torch.arange(n),
    )


def _targets(n: int, ranked: int = 0) -> InstanceTargets:
    return InstanceTargets(
        masks=torch.zeros(n, 8, 8, dtype=torch.uint8),
        boxes=torch.zeros(n, 4),
        labels=torch.zeros(n, dtype=torch.int64),
        image_index=torch.zeros(n, dtype=torch.int64),
        ranked_masks=torch.zeros(n, ranked, 8, 8, dtype=torch.uint8),
        ranked_valid=torch.zeros(n, ranked, dtype=torch.bool),
    )


def _proposals(k: int) -> Proposals:
    rle: Any = {"size": [4, 4], "counts": b""}
    return Proposals((rle,) * k, np.zeros((k, 4)), np.zeros(k), ("point",) * k)


def test_first_click_is_the_point() -> None:
    assert Click(1, 2, 3, ((4.5, 5.5), (6.5, 7.5))).point == (4.5, 5.5)


def test_click_without_point() -> None:
    with pytest.raises(ValueError, match="object 9: expected at least one point, found 0"):
        Click(9, 2, 3, ())


def test_proposals_of_different_lengths() -> None:
    assert len(_proposals(3)) == 3
    with pytest.raises(ValueError, match=r"2 masks, but boxes \(3, 4\)"):
        replace(_proposals(2), boxes=np.zeros((3, 4)))


def test_stored_object_checks_its_crops() -> None:
    click = Click(5, 1, 1, ((1.0, 1.0),))
    stored = StoredObject(click, _proposals(2), np.zeros((2, 7, 7), np.uint8), np.zeros(2, bool))
    assert len(stored.proposals) == 2
    with pytest.raises(ValueError, match=r"object 5: 2 proposals, but mask crops \(1, 7, 7\)"):
        replace(stored, mask_crops=np.zeros((1, 7, 7), np.uint8))


@pytest.mark.parametrize(("n", "k"), [(3, 5), (0, 1), (1, 1)])
def test_bags_count(n: int, k: int) -> None:
    bags = _bags(n, k)
    assert (bags.num_objects, bags.num_proposals) == (n, k)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("boxes", torch.zeros(2, 3), r"Bags.boxes: expected shape \(2, 3, 4\), found \(2, 3\)"),
        ("points", torch.zeros(3, 2), r"Bags.points: expected shape \(2, 2\), found \(3, 2\)"),
        ("masks", torch.zeros(2, 2, 8, 8), r"Bags.masks: expected shape \(2, 3, h, w\)"),
    ],
)
def test_bags_of_wrong_shape(name: str, value: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(_bags(2, 3), **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("masks", torch.zeros(2, 64), r"InstanceTargets.masks: expected \(N, h, w\)"),
        ("labels", torch.zeros(3), r"InstanceTargets.labels: expected \(2,\), found \(3,\)"),
        ("ranked_valid", torch.zeros(2, 1), "ranked masks .* and their validity .* disagree"),
    ],
)
def test_targets_of_wrong_shape(name: str, value: torch.Tensor, message: str) -> None:
    assert _targets(2, ranked=2).num_objects == 2
    with pytest.raises(ValueError, match=message):
        replace(_targets(2, ranked=2), **{name: value})


def test_a_batch_moves_with_all_it_holds() -> None:
    sizes = torch.tensor([[32, 32]])
    images = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    batch = Batch(images, sizes, sizes, torch.tensor([1]), _bags(2, 3), _targets(2))
    moved = batch.to("meta")
    assert moved.images.device.type == "meta"
    assert moved.bags is not None
    assert moved.bags.masks.device.type == "meta"
    assert moved.targets is not None
    assert moved.targets.masks.device.type == "meta"
    bare = replace(batch, bags=None, targets=None).to("meta")
    assert bare.bags is None
    assert bare.targets is None


def test_a_selection_moves_its_tensors_and_keeps_its_losses() -> None:
    losses = {"loss_selection": torch.tensor(1.0)}
    scores = torch.zeros(1, 2)
    selection = Selection(
        torch.zeros(1), torch.zeros(1, 4), scores, scores[None], scores > 0, losses
    ).to("meta")
    assert selection.scores.device.type == "meta"
    assert selection.losses is losses


def test_predictions_count() -> None:
    masks = torch.zeros(4, 5, 6, dtype=torch.bool)
    assert len(Predictions(masks, torch.zeros(4, dtype=torch.int64), torch.zeros(4))) == 4


def test_masks_travel_packed_and_come_back_equal() -> None:
    """As between a loader's processes: also where the cells are no multiple of eight."""
    rng = torch.Generator().manual_seed(0)
    masks = torch.randint(0, 2, (2, 3, 5, 7), dtype=torch.uint8, generator=rng)
    bags = Bags(
        boxes=torch.rand(2, 3, 4),
        valid=torch.ones(2, 3, dtype=torch.bool),
        mask_crops=torch.rand(2, 3, 7, 7),
        holds_rival=torch.zeros(2, 3, dtype=torch.bool),
        box_iou=torch.rand(2, 3),
        own_scores=torch.rand(2, 3),
        masks=masks.transpose(2, 3),
        labels=torch.tensor([1, 0]),
        points=torch.rand(2, 2),
        image_index=torch.tensor([0, 0]),
        annotation_ids=torch.tensor([4, 9]),
    )
    again = pickle.loads(pickle.dumps(bags))
    for name, value in vars(bags).items():
        assert torch.equal(getattr(again, name), value), name
    targets = InstanceTargets(
        masks=masks[0],
        boxes=torch.rand(3, 4),
        labels=torch.zeros(3, dtype=torch.int64),
        image_index=torch.zeros(3, dtype=torch.int64),
        ranked_masks=torch.zeros(3, 0, 5, 7, dtype=torch.uint8),
        ranked_valid=torch.zeros(3, 0, dtype=torch.bool),
    )
    again_targets = pickle.loads(pickle.dumps(targets))
    for name, value in vars(targets).items():
        assert torch.equal(getattr(again_targets, name), value), name
    assert again_targets.masks.dtype == torch.uint8


@pytest.mark.parametrize("side", [8, 256])
def test_batches_survive_the_way_from_a_worker(side: int) -> None:
    """Small tensors travel as bytes, large ones through shared memory."""
    images = torch.arange(3 * side * side).view(1, 3, side, side).to(torch.uint8)
    sizes = torch.tensor([[side, side]])
    batch = Batch(images, sizes, sizes, torch.tensor([7]), _bags(2, 3))
    again = pickle.loads(ForkingPickler.dumps(batch))
    assert torch.equal(again.images, images)
    assert again.image_ids.tolist() == [7]
    assert again.bags is not None
    assert again.targets is None
    again.images.zero_()  # writable
    for name, value in vars(batch.bags).items():
        assert torch.equal(getattr(again.bags, name), value), name


def test_packed_masks_are_small() -> None:
    masks = torch.ones(4, 256, 256, dtype=torch.uint8)
    targets = InstanceTargets(
        masks=masks,
        boxes=torch.zeros(4, 4),
        labels=torch.zeros(4, dtype=torch.int64),
        image_index=torch.zeros(4, dtype=torch.int64),
        ranked_masks=torch.zeros(4, 0, 256, 256, dtype=torch.uint8),
        ranked_valid=torch.zeros(4, 0, dtype=torch.bool),
    )
    assert len(pickle.dumps(targets)) < masks.numel() / 4

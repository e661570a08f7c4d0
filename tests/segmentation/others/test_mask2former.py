from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.optim import AdamW

from sapnet.network.model import evaluating
from sapnet.segmentation.config import PredictConfig
from sapnet.segmentation.others.mask2former import Mask2Former
from sapnet.segmentation.others.mask2former_weights import read_architecture
from sapnet.structures.batch import Batch, InstanceTargets


@pytest.fixture
def network(small_mask2former: Path) -> Mask2Former:
    torch.manual_seed(0)
    architecture = read_architecture(str(small_mask2former))
    return Mask2Former(architecture, 2, PredictConfig(max_instances=6, filter_threshold=0.0))


def losses_of(network: Mask2Former, batch: Batch) -> dict[str, torch.Tensor]:
    assert batch.targets is not None
    return network.losses(batch.images, batch.image_sizes, batch.targets)


def test_losses_are_those_of_transformers(network: Mask2Former, squares: Batch) -> None:
    assert squares.targets is not None
    torch.manual_seed(0)
    losses = losses_of(network, squares)
    assert losses.keys() == {"loss_class", "loss_mask", "loss_dice"}
    torch.manual_seed(0)
    expected = network.model(
        pixel_values=network.normalisation(squares.images, squares.image_sizes),
        mask_labels=list(squares.targets.masks[:, None].float()),
        class_labels=list(squares.targets.labels[:, None]),
    ).loss
    total = torch.stack(list(losses.values())).sum()
    assert total.item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_batch_without_objects(
    network: Mask2Former, squares: Batch, without_objects: InstanceTargets
) -> None:
    losses = network.losses(squares.images, squares.image_sizes, without_objects)
    torch.stack(list(losses.values())).sum().backward()
    assert losses["loss_mask"] == losses["loss_dice"] == 0
    assert losses["loss_class"] > 0


def test_half_precision(network: Mask2Former, squares: Batch) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = losses_of(network, squares)
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_predictions_in_the_original_frame(network: Mask2Former, squares: Batch) -> None:
    originals = torch.tensor([[128, 96], [50, 70]])
    with evaluating(network):
        found = network.predict(squares.images, squares.image_sizes, originals)
        some = network.predict(
            squares.images, squares.image_sizes, originals, [torch.tensor([1]), torch.tensor([])]
        )
    for one, size in zip(found, originals.tolist(), strict=True):
        assert list(one.masks.shape[1:]) == size
        assert one.scores.tolist() == sorted(one.scores.tolist(), reverse=True)
    assert set(some[0].labels.tolist()) <= {1}
    assert len(some[1]) == 0


def test_best_pairs_by_hand(network: Mask2Former) -> None:
    scores = torch.tensor([[0.2, 0.7], [0.6, 0.1]])
    logits = torch.full((2, 4, 4), -20.0)
    logits[0, 0] = 20.0  # as sure as can be
    logits[1, 0] = torch.logit(torch.tensor(0.75))
    queries, labels, found = network._best(scores, logits)
    assert queries.tolist() == [0, 1, 0, 1]
    assert labels.tolist() == [1, 0, 0, 1]
    assert found.tolist() == pytest.approx([0.7, 0.45, 0.2, 0.075])


@pytest.mark.slow
def test_learns_two_images(network: Mask2Former, squares: Batch) -> None:
    optimizer = AdamW(network.parameters(), lr=2e-3)
    for _ in range(150):
        total = torch.stack(list(losses_of(network, squares).values())).sum()
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    with evaluating(network):
        found = network.predict(squares.images, squares.image_sizes, squares.original_sizes)
    assert squares.targets is not None
    for label, (one, mask) in enumerate(zip(found, squares.targets.masks.bool(), strict=True)):
        assert one.labels[0] == label
        assert one.scores[0] > 0.8
        assert (one.masks[0] & mask).sum() / (one.masks[0] | mask).sum() > 0.9

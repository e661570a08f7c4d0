"""The running average: its weights, what it sees, and its place in a checkpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.segmentation.partial.seeing import scores_at
from sapnet.structures.batch import Batch, Gaps, InstanceTargets
from sapnet.structures.clicks import Category
from sapnet.training.loop import average
from sapnet.training.loop.average import RunningAverage, decay_at

CATEGORIES = (Category(1, "cat"), Category(2, "dog"))


def make_network(settings: ModelConfig) -> Network:
    torch.manual_seed(0)
    return Network(settings, CATEGORIES)


def make_batch(partial: list[list[bool]]) -> Batch:
    generator = torch.Generator().manual_seed(1)
    number = len(partial)
    images = torch.randint(0, 256, (number, 3, 64, 64), generator=generator).to(torch.uint8)
    sizes = torch.full((number, 2), 64)
    none = torch.zeros(0, dtype=torch.int64)
    gaps = Gaps(torch.tensor(partial), torch.zeros(0, 16, 16, dtype=torch.uint8), none, none)
    return Batch(images, sizes, sizes, torch.arange(number), gaps=gaps)


def with_objects(batch: Batch, labels: list[int]) -> Batch:
    """A batch with an object of 20 px of each label in its first image."""
    number = len(labels)
    masks = torch.zeros(number, 16, 16, dtype=torch.uint8)
    masks[:, 3:8, 3:8] = 1
    targets = InstanceTargets(
        masks,
        torch.tensor([[12.0, 12, 32, 32]]).expand(number, 4),
        torch.tensor(labels, dtype=torch.int64),
        torch.zeros(number, dtype=torch.int64),
        torch.zeros(number, 0, 16, 16, dtype=torch.uint8),
        torch.zeros(number, 0, dtype=torch.bool),
    )
    return replace(batch, targets=targets)


def test_the_usual_score_of_a_class_is_that_of_its_objects(tiny_model: ModelConfig) -> None:
    network = make_network(tiny_model)
    running = RunningAverage(network)
    batch = with_objects(make_batch([[False, False], [True, True]]), [0, 0, 1])
    running.look(batch)
    assert running.usual_scores.tolist() == [0, 0]  # its image is complete
    batch = with_objects(make_batch([[True, False], [True, True]]), [1, 1])
    running.look(batch)
    outputs = network.eval().segmenter(network.features(batch.images))
    middle = torch.tensor([[22.0, 22.0]])
    one = torch.tensor([1])
    expected = scores_at(outputs, middle, one, one - 1)[0]
    torch.testing.assert_close(running.usual_scores, torch.stack([torch.zeros(()), expected]))


def test_the_decay_grows_to_its_limit() -> None:
    assert decay_at(0, 0.99) == 0.1
    assert decay_at(8, 0.99) == 0.5
    assert decay_at(10_000, 0.99) == 0.99


def test_weights_and_statistics_are_averaged(tiny_model: ModelConfig) -> None:
    network = make_network(tiny_model)
    running = RunningAverage(network)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    for step in range(3):
        with torch.no_grad():
            for value in network.state_dict().values():
                value.add_(1)
        running.update(network)
        keep = decay_at(step, average.DECAY)
        for name, value in network.state_dict().items():
            mixed = keep * expected[name] + (1 - keep) * value
            expected[name] = mixed if value.is_floating_point() else value.clone()
    for name, value in running.network.state_dict().items():
        torch.testing.assert_close(value, expected[name])
    assert not any(p.requires_grad for p in running.network.parameters())


def test_only_partial_images_and_classes_are_looked_at(
    tiny_model: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(average, "LEAST_SCORE", 0.0)
    running = RunningAverage(make_network(tiny_model))
    seen = running.look(make_batch([[False, False], [False, True], [True, False]]))
    assert seen is not None
    pairs = set(zip(seen.image_index.tolist(), seen.labels.tolist(), strict=True))
    assert pairs == {(1, 1), (2, 0)}
    assert running.look(make_batch([[False, False]])) is None
    assert running.look(replace(make_batch([[True, True]]), gaps=None)) is None


def test_a_checkpoint_restores_it(tiny_model: ModelConfig) -> None:
    running = RunningAverage(make_network(tiny_model))
    torch.manual_seed(5)
    running.update(Network(tiny_model, CATEGORIES))
    running.look(with_objects(make_batch([[True, True]]), [0]))
    assert running.usual_scores[0] > 0
    restored = RunningAverage(make_network(tiny_model))
    restored.load(running.state())
    assert restored.num_steps == 1
    assert torch.equal(restored.usual_scores, running.usual_scores)
    for name, value in restored.network.state_dict().items():
        assert torch.equal(value, running.network.state_dict()[name])


def test_a_network_without_a_segmenter_is_refused(tiny_model: ModelConfig) -> None:
    with pytest.raises(ValueError, match=r"trained with model\.segmenter false"):
        RunningAverage(make_network(replace(tiny_model, segmenter=False)))

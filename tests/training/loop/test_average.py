"""The running average: its weights, what it sees, and its place in a checkpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.structures.batch import Batch
from sapnet.structures.clicks import Category
from sapnet.structures.gaps import Gaps
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
    monkeypatch.setattr(average, "THRESHOLD", 0.0)
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
    restored = RunningAverage(make_network(tiny_model))
    restored.load(running.state())
    assert restored.num_steps == 1
    for name, value in restored.network.state_dict().items():
        assert torch.equal(value, running.network.state_dict()[name])


def test_a_network_without_a_segmenter_is_refused(tiny_model: ModelConfig) -> None:
    with pytest.raises(ValueError, match=r"trained with model\.segmenter false"):
        RunningAverage(make_network(replace(tiny_model, segmenter=False)))

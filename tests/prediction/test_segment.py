from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sapnet.batches.collate import collate
from sapnet.batches.config import AugmentConfig
from sapnet.batches.images import ImageDataset
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.prediction.segment import plan_batches, segment_batch, segment_images
from sapnet.structures.clicks import Category

AUGMENT = AugmentConfig(short_sides=(64,), max_long_side=128)


@pytest.fixture(scope="module")
def network(tiny_model: ModelConfig) -> Network:
    torch.manual_seed(0)
    return Network(tiny_model, (Category(1, "cup"), Category(2, "cat")))


def test_images_of_one_padded_size_share_a_batch() -> None:
    # Padded to 64 x 96 (three of them), 64 x 128 (two) and 128 x 64.
    sizes = [(32, 40), (32, 64), (32, 44), (64, 32), (32, 48), (16, 32)]
    assert plan_batches(sizes, AUGMENT, 4) == [(0, 2, 4), (1, 5), (3,)]
    assert plan_batches(sizes, AUGMENT, 2) == [(0, 2), (1, 5), (3,), (4,)]
    assert plan_batches(sizes, AUGMENT, 1) == [(i,) for i in range(6)]
    assert plan_batches([], AUGMENT, 4) == []


def _dataset(sizes: list[tuple[int, int]]) -> ImageDataset:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    return ImageDataset(images, AUGMENT, load=lambda image: image)


def test_a_batch_is_segmented_in_evaluation_mode(network: Network) -> None:
    dataset = _dataset([(40, 60), (30, 30)])
    network.train()
    found = segment_batch(network, collate([dataset[0], dataset[1]]))
    assert network.training, "the mode is restored"
    assert [tuple(p.masks.shape[1:]) for p in found] == [(40, 60), (30, 30)]
    assert all((p.scores.diff() <= 0).all() for p in found), "best first"


def test_threads_change_nothing(network: Network) -> None:
    dataset = _dataset([(30, 30), (30, 60), (60, 60), (30, 30)])
    plan = [(0, 2), (1,), (3,)]
    alone = list(segment_images(network, dataset, plan))
    with ThreadPoolExecutor(2) as pool:
        ahead = list(segment_images(network, dataset, plan, pool, ahead=2))
    assert [index for index, _ in alone] == [index for index, _ in ahead] == [0, 2, 1, 3]
    for (_, one), (_, other) in zip(alone, ahead, strict=True):
        assert torch.equal(one.masks, other.masks)
        assert torch.equal(one.scores, other.scores)

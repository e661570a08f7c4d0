from __future__ import annotations

import numpy as np
import pytest

from sapnet.teaching.config import PoolConfig, SourceConfig
from sapnet.teaching.objects import load_pool
from sapnet.teaching.pool import pool_of
from sapnet.teaching.views import object_mask


def test_a_pool_of_some_images_keeps_the_weights(source: SourceConfig) -> None:
    pool = pool_of(load_pool([source], PoolConfig(full_weight_size=1.0)).images[1:])
    assert pool.owner.tolist() == [0, 0]
    assert pool.place.tolist() == [0, 1]
    assert pool.shares.sum() == pytest.approx(1)
    assert pool.shares[0] / pool.shares[1] == pytest.approx(24 / (32 * 36) ** 0.5)


def test_objects_are_drawn_by_their_shares(source: SourceConfig) -> None:
    images = load_pool([source]).images
    pool = pool_of(images, np.array([0.0, 1.0, 0.0, 3.0]))
    np.testing.assert_allclose(pool.shares, [0, 0.25, 0, 0.75])
    rng = np.random.default_rng(0)
    assert {pool.draw(rng)[1] for _ in range(20)} == {1}


def test_the_mask_of_an_object(source: SourceConfig) -> None:
    mask = object_mask(load_pool([source]).images[0].objects[0])
    assert mask.shape == (64, 96)
    assert mask[12, 10] == 255
    assert mask[11, 10] == 0

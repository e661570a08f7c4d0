from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.images import load_image
from sapnet.teaching.config import PoolConfig, SourceConfig
from sapnet.teaching.objects import load_pool
from sapnet.teaching.pool import MarkedImage


def brightest(images: Sequence[MarkedImage]) -> list[int]:
    return [int(load_image(image.path, image.bits).max()) for image in images]


def test_objects_of_a_source(source: SourceConfig) -> None:
    pool = load_pool([source])
    assert len(pool.images) == 2
    assert pool.owner.tolist() == [0, 0, 1, 1]
    assert pool.place.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(pool.shares, 0.25)
    first = pool.images[0].objects[0]
    assert first.area == 24 * 24
    assert first.box.tolist() == [10, 12, 34, 36]


def test_sources_are_drawn_by_their_weights(source: SourceConfig) -> None:
    pool = load_pool([source, replace(source, weight=3.0)])
    assert pool.shares[:4].sum() == pytest.approx(0.25)


def test_a_whole_is_drawn_as_often_as_all_of_its_parts(source: SourceConfig) -> None:
    pool = load_pool([replace(source, whole_category=2)])
    np.testing.assert_allclose(pool.shares, 0.25)
    rng = np.random.default_rng(0)
    drawn = [pool.draw(rng) for _ in range(20)]
    assert {place for _, place in drawn} == {0, 1}


def test_small_objects_are_drawn_less_and_the_smallest_not_at_all(source: SourceConfig) -> None:
    cfg = PoolConfig(full_weight_size=1.0)
    weights = [o.weight for o in load_pool([source], cfg).images[0].objects]
    assert weights == pytest.approx([24 / (64 * 96) ** 0.5, (32 * 36 / (64 * 96)) ** 0.5])
    alike = [
        o.weight for o in load_pool([source], PoolConfig(full_weight_size=0)).images[0].objects
    ]
    assert alike == [1, 1]
    with pytest.raises(ValueError, match="found 0"):
        load_pool([source], PoolConfig(min_area=10_000))


def test_each_source_has_its_own_bit_depth(source: SourceConfig, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name, top in (("1.png", 700), ("2.png", 1000)):
        pixels = np.zeros((64, 96), np.uint16)
        pixels[20:40] = top
        Image.fromarray(pixels).save(other / name)
    deep = replace(source, images=str(other))
    pool = load_pool([source, deep])
    assert [image.bits for image in pool.images] == [None, None, 10, 10]
    assert brightest(pool.images[2:]) == [
        174,
        249,
    ]
    given = load_pool([source, deep], bits=12)
    assert brightest(given.images) == [
        240,
        240,
        44,
        62,
    ]

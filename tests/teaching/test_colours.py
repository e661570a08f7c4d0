from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sapnet.teaching.colours import reduce_detail, vary_colour, vary_look
from sapnet.teaching.config import LookConfig

PLAIN = LookConfig(strength=0.0, gray=0, swapped=0, inverted=0, blurred=0, noisy=0)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (8, 8, 3), np.uint8)


def test_a_window_stays_where_nothing_changes(pixels: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    assert np.abs(vary_look(pixels, PLAIN, rng).astype(int) - pixels).max() <= 1
    assert (vary_look(pixels, LookConfig(strength=0.5), rng) != pixels).any()


def test_gray_has_equal_channels(pixels: np.ndarray) -> None:
    gray = vary_colour(pixels, 0.0, True, np.random.default_rng(0))
    assert (gray == gray[..., :1]).all()
    assert np.abs(gray[..., 0] - pixels.mean(2)).max() <= 1


def test_inverted_is_bright_for_dark(pixels: np.ndarray) -> None:
    inverted = vary_look(pixels, replace(PLAIN, inverted=1), np.random.default_rng(0))
    assert np.abs(inverted.astype(int) + pixels - 255).max() <= 1


def test_swapped_channels_are_the_same_channels(pixels: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    swapped = [vary_look(pixels, replace(PLAIN, swapped=1), rng) for _ in range(8)]
    for one in swapped:
        assert np.abs(np.sort(one, 2).astype(int) - np.sort(pixels, 2)).max() <= 1
    assert any(np.abs(one.astype(int) - pixels).max() > 1 for one in swapped)


def test_less_detail_keeps_the_mean(pixels: np.ndarray) -> None:
    coarse = reduce_detail(pixels, 8.0)
    np.testing.assert_allclose(coarse, np.broadcast_to(pixels.mean((0, 1)), (8, 8, 3)), atol=1)
    assert (reduce_detail(pixels, 1.0) == pixels).all()


def test_noise_has_the_given_size() -> None:
    cfg = replace(PLAIN, noisy=1.0, max_noise=20.0)
    flat = np.full((64, 64, 3), 128, np.uint8)
    rng = np.random.default_rng(0)
    deviations = [float(vary_look(flat, cfg, rng).std()) for _ in range(40)]
    assert max(deviations) < 21
    assert np.mean(deviations) == pytest.approx(10, abs=3)

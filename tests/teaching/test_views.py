from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sapnet.data.images import load_image
from sapnet.teaching.config import LookConfig, SourceConfig, ViewConfig
from sapnet.teaching.objects import load_pool
from sapnet.teaching.views import draw_click, make_view

PLAIN = ViewConfig(look=LookConfig(0.0, 0.0, 0.0, 0.0, 0.0, 0.0), min_side=8.0)


@pytest.mark.parametrize("cfg", [PLAIN, replace(PLAIN, turn_share=1.0, scan_share=0.0)])
def test_clicks_lie_on_what_they_should_give(source: SourceConfig, cfg: ViewConfig) -> None:
    marked = load_pool([source]).images[0]
    image = load_image(marked.path)
    rng = np.random.default_rng(0)
    for place in (0, 1) * 10:
        view = make_view((image, marked, place), 64, cfg, rng)
        assert view.pixels.shape == (64, 64, 3)
        for asked in view.asked:
            assert asked.target.shape == (16, 16)
            column, row = np.clip(asked.point * 16, 0, 15.99).astype(int)
            assert asked.target[row, column] > 0
        # The drawn object is bright or dark, and so are the cells that are all its own.
        inside = view.asked[0].target == 1
        values = view.pixels.reshape(16, 4, 16, 4, 3).mean((1, 3, 4))[inside]
        assert len(values) == 0 or abs(values.mean() - (240, 10)[place]) < 15


def test_visible_and_outside_add_up_to_the_object(source: SourceConfig) -> None:
    marked = load_pool([source]).images[0]
    image = load_image(marked.path)
    cfg = replace(PLAIN, turn_share=0.0, stretch=0.0)
    rng = np.random.default_rng(1)
    for _ in range(20):
        view = make_view((image, marked, 0), 128, cfg, rng)
        side = np.exp(view.log_side) * 96
        first = view.asked[0]
        total = (first.target.mean() + first.outside) * side**2
        assert total == pytest.approx(24 * 24, rel=0.1)


def test_clicks_near_the_middle_are_in_the_mask() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 255
    mask[9:11, 9:11] = 0
    rng = np.random.default_rng(0)
    box = np.array([5.0, 5, 15, 15])
    clicks = np.stack([draw_click(mask, box, 0.0, rng) for _ in range(200)])
    columns, rows = clicks.astype(int).T
    assert (mask[rows, columns] == 255).all()
    assert np.abs(clicks - 10).mean() < 2.2  # uniform clicks would be 2.6 away

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sapnet.data.images import load_image
from sapnet.teaching.batch import Photographs, draw_batch
from sapnet.teaching.config import SourceConfig, ViewConfig
from sapnet.teaching.objects import load_pool


def test_a_batch_is_drawn_and_drawn_again(source: SourceConfig, tmp_path: Path) -> None:
    photographs = Photographs(load_pool([source]), tmp_path / "cache", load_image)
    first, again = (
        draw_batch(photographs, (3, 64), ViewConfig(), np.random.default_rng(5)) for _ in range(2)
    )
    assert first.windows.shape == (3, 64, 64, 3)
    assert first.windows.dtype == torch.uint8
    assert first.targets.shape == (6, 16, 16)
    assert first.outside.shape == (6,)
    assert first.prompts.window_index.tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(first.windows, again.windows)
    assert torch.equal(first.targets, again.targets)


def test_decoded_photographs_are_kept(source: SourceConfig, tmp_path: Path) -> None:
    pool = load_pool([source])
    photographs = Photographs(pool, tmp_path / "cache", load_image)
    pixels = photographs.pixels(pool.images[0])
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.suffix == ".npy"
    assert pixels.shape == (64, 96, 3)
    assert (photographs.pixels(pool.images[0]) == pixels).all()

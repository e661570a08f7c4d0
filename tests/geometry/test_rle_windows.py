from __future__ import annotations

import numpy as np
import pytest

from sapnet.geometry.rle import decode_masks, encode_masks
from sapnet.geometry.rle_windows import cut_rle, cut_rles, place_rle, place_rles


@pytest.mark.parametrize("seed", range(20))
def test_windows_are_cut_and_placed_as_arrays_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 12, 2))
    mask = rng.random((height, width)) < rng.choice([0.2, 0.5, 0.95])
    x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
    size = int(rng.integers(1, height - y + 1)), int(rng.integers(1, width - x + 1))

    part = mask[y : y + size[0], x : x + size[1]]
    cut = cut_rle(encode_masks(mask[None])[0], (x, y), size)
    assert cut == encode_masks(part[None])[0]

    back = place_rle(cut, (x, y), (height, width))
    expected = np.zeros_like(mask)
    expected[y : y + size[0], x : x + size[1]] = part
    assert (decode_masks([back])[0] == expected).all()
    assert back == encode_masks(expected[None])[0]


@pytest.mark.parametrize("seed", range(20))
def test_masks_are_moved_together_as_one_by_one(seed: int) -> None:
    """Empty and full ones, too: a run that ends one mask does not go on in the next."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 9, 2))
    masks = rng.random((6, height, width)) < rng.choice([0, 0.3, 0.9, 1], 6)[:, None, None]
    rles = encode_masks(masks)
    x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
    size = height - y, width - x
    assert cut_rles(rles, (x, y), size) == encode_masks(masks[:, y:, x:])
    assert place_rles(rles, (2, 1), (9, 11)) == tuple(place_rle(r, (2, 1), (9, 11)) for r in rles)
    assert cut_rles((), (0, 0), size) == ()


def test_what_leaves_the_frame_is_cut_off() -> None:
    rle = encode_masks(np.ones((1, 2, 3), bool))[0]
    moved = place_rle(rle, (3, -1), (4, 5))
    expected = np.zeros((4, 5), bool)
    expected[0, 3:5] = True
    assert (decode_masks([moved])[0] == expected).all()


def test_a_mask_without_a_pixel_stays_empty() -> None:
    rle = encode_masks(np.zeros((1, 3, 3), bool))[0]
    assert decode_masks([place_rle(rle, (1, 1), (9, 9))])[0].sum() == 0


def test_huge_frames_cost_no_memory() -> None:
    rle = encode_masks(np.ones((1, 8, 8), bool))[0]
    placed = place_rle(rle, (999_000, 999_000), (1_000_000, 1_000_000))
    assert cut_rle(placed, (999_000, 999_000), (8, 8)) == rle

from __future__ import annotations

import numpy as np
import torch

from sapnet.proposals.click.candidates import (
    Candidates,
    candidate_areas,
    candidate_overlaps,
    paste,
)


def candidates_of(windows: list[list[float]], masks: list[np.ndarray]) -> Candidates:
    logits = torch.from_numpy(np.stack(masks)).float()[:, None] * 2 - 1
    return Candidates(np.array(windows, np.float64), logits, torch.full((len(masks), 1), 0.5))


FULL, EMPTY = np.ones((8, 8)), np.zeros((8, 8))
LEFT = np.repeat([[1.0] * 4 + [0.0] * 4], 8, axis=0)


def test_areas_are_pixels_of_the_image() -> None:
    areas = candidate_areas(candidates_of([[0, 0, 16], [0, 0, 4]], [LEFT, FULL]))
    assert areas.tolist() == [128, 16]


def test_a_window_inside_of_another_overlaps_by_the_share_of_its_area() -> None:
    overlaps = candidate_overlaps(candidates_of([[0, 0, 16], [4, 4, 8]], [FULL, FULL]))
    torch.testing.assert_close(overlaps, torch.tensor([[1, 0.25], [0.25, 1]], dtype=torch.float64))


def test_overlap_is_measured_where_the_masks_are() -> None:
    # The left half of the large window, and the small window that lies on its right half.
    overlaps = candidate_overlaps(candidates_of([[0, 0, 16], [8, 0, 8]], [LEFT, FULL]))
    assert overlaps[0, 1] == overlaps[1, 0] == 0


def test_empty_masks_overlap_with_nothing() -> None:
    overlaps = candidate_overlaps(candidates_of([[0, 0, 8], [0, 0, 8]], [EMPTY, FULL]))
    assert overlaps.tolist() == [[0, 0], [0, 1]]


def test_window_index_follows_the_flattened_scores() -> None:
    both = candidates_of([[0, 0, 8], [0, 0, 8]], [EMPTY, FULL])
    two_each = Candidates(both.windows, both.logits.repeat(1, 2, 1, 1), both.scores.repeat(1, 2))
    assert two_each.window_index.tolist() == [0, 0, 1, 1]
    assert len(two_each) == 4


def test_a_mask_is_pasted_where_its_window_lies() -> None:
    mask = paste(candidates_of([[4, 2, 8]], [LEFT]), 0, (12, 16))
    expected = np.zeros((12, 16), bool)
    expected[2:10, 4:8] = True
    assert (mask == expected).all()


def test_windows_beyond_the_image_are_cut_off() -> None:
    mask = paste(candidates_of([[-4, -4, 8]], [FULL]), 0, (6, 6))
    assert mask[:4, :4].all()
    assert mask.sum() == 16
    assert not paste(candidates_of([[20, 20, 8]], [FULL]), 0, (6, 6)).any()

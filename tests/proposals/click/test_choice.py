from __future__ import annotations

import torch

from sapnet.proposals.click.choice import agreement, best_of_windows_first, suppress

OVERLAPS = torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])


def test_suppress_keeps_the_better_of_two_that_are_the_same() -> None:
    assert suppress(OVERLAPS, torch.tensor([0.5, 0.8, 0.6]), 0.85).tolist() == [1, 2]
    assert suppress(OVERLAPS, torch.tensor([0.5, 0.8, 0.6]), 0.95).tolist() == [1, 2, 0]


def test_suppress_of_nothing_keeps_nothing() -> None:
    assert suppress(torch.zeros(0, 0), torch.zeros(0), 0.5).tolist() == []


def test_each_window_has_one_vote() -> None:
    scores = torch.tensor([1.0, 0.5, 0.5])
    agreed = agreement(OVERLAPS, scores, torch.tensor([0, 0, 1]))
    expected = [
        (max(1.0, 0.9 * 0.25) + 0.1 * 0.25) / 2,
        (max(0.9, 1.0 * 0.25) + 0.2 * 0.25) / 2,
        (max(0.1, 0.2 * 0.25) + 1.0 * 0.25) / 2,
    ]
    torch.testing.assert_close(agreed, torch.tensor(expected))


def test_the_best_of_each_window_comes_first() -> None:
    kept = torch.tensor([4, 3, 0, 1])
    windows = torch.tensor([0, 0, 1, 2, 2])
    assert best_of_windows_first(kept, windows).tolist() == [4, 0, 3, 1]
    assert best_of_windows_first(kept[:0], windows).tolist() == []

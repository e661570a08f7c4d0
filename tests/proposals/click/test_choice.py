from __future__ import annotations

import torch

from sapnet.proposals.click.choice import keep_best, suppress, votes

OVERLAPS = torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])


def test_suppress_keeps_the_better_of_two_that_are_the_same() -> None:
    assert suppress(OVERLAPS, torch.tensor([0.5, 0.8, 0.6]), 0.85).tolist() == [1, 2]
    assert suppress(OVERLAPS, torch.tensor([0.5, 0.8, 0.6]), 0.95).tolist() == [1, 2, 0]


def test_suppress_of_nothing_keeps_nothing() -> None:
    assert suppress(torch.zeros(0, 0), torch.zeros(0), 0.5).tolist() == []


def test_every_mask_has_a_vote() -> None:
    voted = votes(OVERLAPS, torch.tensor([1.0, 0.5, 0.0]))
    torch.testing.assert_close(voted, torch.tensor([1 + 0.9 / 4, 0.9 + 1 / 4, 0.1 + 0.2 / 4]) / 3)


def test_the_favourite_is_kept_whatever_its_score() -> None:
    scores = torch.tensor([0.5, 0.8, 0.6])
    assert keep_best(OVERLAPS, scores, 0, (8, 0.85)).tolist() == [0, 2]
    assert keep_best(OVERLAPS, scores, 2, (2, 0.95)).tolist() == [2, 1]

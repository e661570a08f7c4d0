from __future__ import annotations

import torch

from sapnet.proposals.click.choice import cover, votes

OVERLAPS = torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])


def test_every_mask_votes_for_those_it_agrees_with() -> None:
    voted = votes(OVERLAPS, torch.tensor([1.0, 0.5, 0.0]))
    sums = torch.tensor([1 + 0.729 / 8, 0.729 + 1 / 8, 0.001 + 0.008 / 8])
    own = torch.tensor([1.0, 0.5**0.25, 0.0])
    torch.testing.assert_close(voted, (sums / 3).pow(1 / 3) * own)


def test_votes_are_shares() -> None:
    assert votes(torch.ones(4, 4), torch.ones(4)).tolist() == [1] * 4
    assert votes(torch.zeros(0, 0), torch.zeros(0)).shape == (0,)


def test_what_is_far_from_the_kept_comes_next() -> None:
    scores = torch.tensor([0.9, 0.8, 0.3])
    # The second mask would add 0.1 * 0.64 to its own part, the third 0.9 * 0.09 to its.
    assert cover(OVERLAPS, scores, 0, 2).tolist() == [0, 2]
    assert cover(OVERLAPS, torch.tensor([0.9, 0.8, 0.2]), 0, 2).tolist() == [0, 1]
    assert cover(OVERLAPS, scores, 1, 8).tolist() == [1, 0, 2]


def test_masks_that_add_nothing_are_left_out() -> None:
    assert cover(torch.ones(3, 3), torch.ones(3), 2, 8).tolist() == [2]


def test_the_cover_is_the_greedy_one() -> None:
    generator = torch.Generator().manual_seed(0)
    overlaps = torch.rand(9, 9, generator=generator).triu(1)
    overlaps = overlaps + overlaps.T + torch.eye(9)
    scores = torch.rand(9, generator=generator)
    kept = [4]
    while len(kept) < 5:
        worth = [
            sum(float(overlaps[[*kept, k], j].max()) * float(scores[j]) ** 2 for j in range(9))
            for k in range(9)
        ]
        kept.append(max(range(9), key=worth.__getitem__))
    assert cover(overlaps, scores, 4, 5).tolist() == kept

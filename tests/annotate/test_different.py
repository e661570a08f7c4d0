"""Candidates to offer: few, different, and the best of each size first."""

import numpy as np

from sapnet.annotate.different import MOST_ALIKE, MOST_OFFERED, all_of, few_and_different
from sapnet.geometry.rle import encode_masks, rle_boxes, rle_iou
from sapnet.structures.proposals import Proposals


def squares(sides: list[int], scores: list[float]) -> Proposals:
    masks = np.zeros((len(sides), 100, 100), np.uint8)
    for mask, side in zip(masks, sides, strict=True):
        mask[:side, :side] = 1
    rles = encode_masks(masks)
    return Proposals(rles, rle_boxes(rles), np.float32(scores), ("point",) * len(sides))


def test_alike_candidates_are_left_out_and_sizes_are_mixed() -> None:
    # 50 and 52 are alike (IoU 0.92); 50 and 60 are of one size, 20 and 90 are others.
    found = squares([50, 52, 60, 20, 90], [0.9, 0.8, 0.7, 0.3, 0.4])
    assert few_and_different(found) == [0, 4, 3, 2]
    overlaps = rle_iou(list(found.rles), list(found.rles))
    kept = few_and_different(found)
    assert all(overlaps[a, b] <= MOST_ALIKE for a in kept for b in kept if a != b)
    assert all_of(found) == [0, 4, 3, 2, 1]


def test_a_few_are_offered_and_none_is_lost() -> None:
    found = squares([10, 20, 30, 40, 50, 60, 90], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert len(few_and_different(found)) == MOST_OFFERED
    assert sorted(all_of(found)) == list(range(7))


def test_nothing_to_choose_from() -> None:
    nothing = Proposals((), np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())
    assert few_and_different(nothing) == []
    assert few_and_different(squares([0, 30], [0.9, 0.1])) == [0, 1]

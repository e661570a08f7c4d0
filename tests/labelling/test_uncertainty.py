from __future__ import annotations

import numpy as np
import pytest
import torch

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.labelling.choice import ChosenLabel, chosen_labels, with_overlaps
from sapnet.labelling.uncertainty import segmenter_agreement, selection_agreement, uncertainty
from sapnet.selection.config import ConsensusConfig, SelectionConfig
from sapnet.selection.scoring import bag_membership
from sapnet.store.describe import CLICKED_PIXEL, describe_objects, given_proposal
from sapnet.structures.batch import Bags
from sapnet.structures.clicks import Click
from sapnet.structures.outputs import Predictions, Selection
from sapnet.structures.proposals import Proposals, StoredObject

SIZE = (8, 16)
"""Of the image, and of the grid: as if one cell were one pixel."""


def rectangle(x1: int, x2: int) -> np.ndarray:
    """A mask of the columns x1 to x2."""
    mask = np.zeros(SIZE, np.uint8)
    mask[:, x1:x2] = 1
    return mask


LEFT, WIDE, RIGHT = rectangle(0, 4), rectangle(0, 8), rectangle(12, 16)
"""IoU of LEFT and WIDE is 1/2; RIGHT meets neither."""


def stored(annotation_id: int, masks: list[np.ndarray], prompt: str = "point") -> StoredObject:
    rles = encode_masks(np.stack(masks))
    bag = Proposals(rles, rle_boxes(rles), np.ones(len(rles), np.float32), (prompt,) * len(rles))
    (found,) = describe_objects([Click(annotation_id, 5, 7, ((0.5, 0.5),))], [bag], SIZE)
    return found


def bags_of(masks: list[list[np.ndarray]], holds_rival: torch.Tensor | None = None) -> Bags:
    n, k = len(masks), max(map(len, masks))
    grid = torch.zeros(n, k, *SIZE, dtype=torch.uint8)
    valid = torch.zeros(n, k, dtype=torch.bool)
    for row, members in enumerate(masks):
        grid[row, : len(members)] = torch.from_numpy(np.stack(members))
        valid[row, : len(members)] = True
    return Bags(
        boxes=torch.zeros(n, k, 4),
        valid=valid,
        mask_crops=torch.zeros(n, k, 7, 7),
        holds_rival=torch.zeros(n, k, dtype=torch.bool) if holds_rival is None else holds_rival,
        box_iou=torch.ones(n, k),
        own_scores=torch.ones(n, k),
        masks=grid,
        labels=torch.zeros(n, dtype=torch.int64),
        points=torch.zeros(n, 2),
        image_index=torch.zeros(n, dtype=torch.int64),
        annotation_ids=torch.arange(n),
    )


def chosen(
    bags: Bags, index: list[int], stage_scores: list[list[list[float]]], exclude_rivals: bool = True
) -> Selection:
    scores = torch.tensor(stage_scores)
    rows = torch.tensor(index)
    members = bag_membership(bags, SelectionConfig(exclude_rivals=exclude_rivals)).members
    return Selection(rows, torch.zeros(len(rows), 4), scores[:, 0], scores, members, {})


def instances(masks: list[np.ndarray], labels: list[int]) -> Predictions:
    stacked = torch.from_numpy(np.stack(masks)) > 0 if masks else torch.zeros(0, *SIZE).bool()
    return Predictions(stacked, torch.tensor(labels, dtype=torch.int64), torch.ones(len(masks)))


def test_selection_agrees_as_expected_iou_says() -> None:
    bags = bags_of([[LEFT, WIDE, RIGHT], [LEFT, WIDE, RIGHT], [LEFT]])
    # Joined by the geometric mean: (0.4, 0.4, 0.2), then (0.5, 0, 0.5), then 0.3 alone.
    selection = chosen(
        bags,
        [0, 2, 0],
        [
            [[0.8, 0.2, 0.4], [0.2, 0.8, 0.1]],
            [[0.5, 0.0, 0.5], [0.5, 0.9, 0.5]],
            [[0.3, 0.0, 0.0], [0.3, 0.0, 0.0]],
        ],
    )
    found = selection_agreement(bags, selection)
    np.testing.assert_allclose(found, [0.4 + 0.4 / 2, 0.5, 1], rtol=1e-5)


def test_what_left_the_bag_has_no_say() -> None:
    rivals = torch.tensor([[False, True, True]])
    bags = bags_of([[LEFT, WIDE, RIGHT]], rivals)
    without, with_rivals = (
        chosen(bags, [0], [[[0.1, 0.5, 0.4]]], exclude_rivals) for exclude_rivals in (True, False)
    )
    assert selection_agreement(bags, without) == pytest.approx(1)
    assert selection_agreement(bags, with_rivals) == pytest.approx(0.1 + 0.5 / 2)


def test_segmenter_agrees_where_it_finds_the_same_mask_and_category() -> None:
    def label(image_index: int, category: int) -> ChosenLabel:
        return ChosenLabel(stored(1, [LEFT]), 0, image_index, category)

    labels = [label(0, 0), label(0, 1), label(1, 0), label(2, 0)]
    found = [instances([WIDE, RIGHT, LEFT], [0, 0, 1]), instances([], []), instances([RIGHT], [0])]
    overlaps = [label.overlap for label in with_overlaps(labels, found)]
    agreement = [segmenter_agreement(overlap, 0) for overlap in overlaps if overlap is not None]
    assert agreement == [0.5, 1, 0, 0]


def test_uncertainty_is_what_the_mean_agreement_lacks() -> None:
    objects = dict(enumerate([stored(0, [LEFT, WIDE]), stored(1, [RIGHT])]))
    bags = bags_of([[LEFT, WIDE], [RIGHT]])
    selection = chosen(bags, [1, 0], [[[0.5, 0.5]], [[0.1, 0.0]]])
    labels = chosen_labels(bags, selection.index, objects)
    found = uncertainty(with_overlaps(labels, [instances([LEFT], [0])]), bags, selection)
    # The wide one: 3/4 expected, 1/2 of the segmenter. The right one: 1 in its bag of one, and 0.
    np.testing.assert_allclose(found, [1 - (0.75 + 0.5) / 2, 0.5], rtol=1e-5)

    alone = uncertainty(labels, bags, selection)
    np.testing.assert_allclose(alone, [0.25, 0], rtol=1e-5, atol=1e-6)


def test_own_scores_decide_where_they_count_in_the_choice() -> None:
    rles = encode_masks(np.stack([LEFT, WIDE]))
    bag = Proposals(rles, rle_boxes(rles), np.array([0.9, 0.25], np.float32), ("point",) * 2)
    mask = encode_masks(LEFT[None])[0]
    clicks = [Click(n, 5, 7, ((0.5, 0.5),)) for n in range(2)]
    objects = dict(enumerate(describe_objects(clicks, [bag, given_proposal(mask)], SIZE)))
    bags = bags_of([[LEFT, WIDE], [LEFT]])
    selection = chosen(bags, [1, 0], [[[0.5, 0.5]], [[0.1, 0.0]]])
    labels = with_overlaps(chosen_labels(bags, selection.index, objects), [instances([WIDE], [0])])
    found = uncertainty(labels, bags, selection, ConsensusConfig(prior_power=24.0))
    assert found.tolist() == pytest.approx([1 - 0.25**0.4, 0])
    for power in (None, 0.0):
        without = uncertainty(labels, bags, selection, ConsensusConfig(prior_power=power))
        np.testing.assert_allclose(without, uncertainty(labels, bags, selection))
        assert without[0] == pytest.approx(1 - (0.75 + 1) / 2)


def test_given_masks_are_certain_and_missing_ones_are_not() -> None:
    mask = encode_masks(LEFT[None])[0]
    (given,) = describe_objects([Click(0, 5, 7, ((0.5, 0.5),))], [given_proposal(mask)], SIZE)
    objects = {0: given, 1: stored(1, [LEFT], CLICKED_PIXEL)}
    bags = bags_of([[LEFT], [LEFT]])
    selection = chosen(bags, [0, 0], [[[0.5]], [[0.5]]])
    labels = with_overlaps(chosen_labels(bags, selection.index, objects), [instances([], [])])
    assert uncertainty(labels, bags, selection).tolist() == [0, 1]


@pytest.mark.parametrize("num_proposals", [0, 3])
def test_no_objects(num_proposals: int) -> None:
    bags = bags_of([[LEFT]])
    none = {n: getattr(bags, n)[:0] for n in bags.__dataclass_fields__}
    none = {n: v[:, :0] if n in PER_PROPOSAL and num_proposals == 0 else v for n, v in none.items()}
    selection = Selection(
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(0, 4),
        none["own_scores"],
        none["own_scores"][:, None],
        none["valid"],
        {},
    )
    assert uncertainty([], Bags(**none), selection).shape == (0,)


PER_PROPOSAL = ("boxes", "valid", "mask_crops", "holds_rival", "box_iou", "own_scores", "masks")

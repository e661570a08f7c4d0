from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.labelling.choice import ChosenLabel, with_overlaps
from sapnet.labelling.vote import add_segmenter_vote, segmenter_votes
from sapnet.selection.config import ConsensusConfig
from sapnet.store.describe import describe_objects
from sapnet.structures.batch import Bags
from sapnet.structures.clicks import Click
from sapnet.structures.outputs import Predictions, Selection
from sapnet.structures.proposals import Proposals

SIZE = (12, 20)
CFG = ConsensusConfig()


def random_masks(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, H, W) bool rectangles."""
    masks = np.zeros((count, *SIZE), bool)
    for mask in masks:
        (top, bottom), (left, right) = (np.sort(rng.choice(side + 1, 2, False)) for side in SIZE)
        mask[top:bottom, left:right] = True
    return masks


def make_label(
    masks: np.ndarray, point: tuple[float, float], image_index: int = 0, category: int = 0
) -> ChosenLabel:
    rles = encode_masks(masks)
    bag = Proposals(rles, rle_boxes(rles), np.ones(len(rles), np.float32), ("point",) * len(rles))
    (stored,) = describe_objects([Click(1, 5, 7, (point,))], [bag], SIZE)
    return ChosenLabel(stored, 0, image_index, category)


def make_instances(masks: np.ndarray, labels: list[int], scores: list[float]) -> Predictions:
    return Predictions(
        masks=torch.from_numpy(masks),
        labels=torch.tensor(labels, dtype=torch.int64),
        scores=torch.tensor(scores),
    )


def plain_votes(
    labels: list[ChosenLabel], masks: list[np.ndarray], instances: list[Predictions], k: int
) -> np.ndarray:
    """Object by object, proposal by proposal, instance by instance."""
    votes = np.zeros((len(labels), k))
    for n, (label, own) in enumerate(zip(labels, masks, strict=True)):
        found = instances[label.image_index]
        x, y = (int(value) for value in label.stored.click.point)
        total = 0.0
        for p in range(len(found)):
            mask = found.masks[p].numpy()
            if int(found.labels[p]) != label.label or not mask[y, x]:
                continue
            score = float(found.scores[p])
            total += score
            for j, proposal in enumerate(own):
                votes[n, j] += score * (mask & proposal).sum() / (mask | proposal).sum()
        votes[n] /= total or 1
    return votes


def test_votes_are_those_of_the_plain_loop() -> None:
    rng = np.random.default_rng(0)
    masks = [random_masks(int(count), rng) for count in (3, 1, 4, 2, 3)]
    points = [(5.5, 6.5), (10.2, 3.0), (8.0, 8.0), (19.9, 11.9), (5.0, 5.0)]
    labels = [
        make_label(own, point, n % 2, n % 3 // 2)
        for n, (own, point) in enumerate(zip(masks, points, strict=True))
    ]
    instances = [
        make_instances(random_masks(6, rng), [0, 1, 0, 1, 0, 0], rng.random(6).tolist()),
        make_instances(random_masks(5, rng), [0, 0, 1, 0, 0], rng.random(5).tolist()),
    ]
    found = segmenter_votes(with_overlaps(labels, instances), 4).numpy()
    expected = plain_votes(labels, masks, instances, 4)
    assert (expected > 0).any()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def columns(first: int, last: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[:, first:last] = True
    return mask


PART, WHOLE = columns(0, 4), columns(0, 10)


def bag_of(label: ChosenLabel, k: int = 2) -> Bags:
    valid = torch.arange(k) < len(label.stored.proposals)
    return Bags(
        boxes=torch.arange(4.0 * k).view(1, k, 4),
        valid=valid[None],
        mask_crops=torch.zeros(1, k, 7, 7),
        holds_rival=torch.zeros(1, k, dtype=torch.bool),
        box_iou=torch.ones(1, k),
        own_scores=torch.ones(1, k),
        masks=torch.zeros(1, k, 2, 2, dtype=torch.uint8),
        labels=torch.zeros(1, dtype=torch.int64),
        points=torch.ones(1, 2),
        image_index=torch.zeros(1, dtype=torch.int64),
        annotation_ids=torch.ones(1, dtype=torch.int64),
    )


def chosen(scores: list[float], members: tuple[bool, ...] = (True, True)) -> Selection:
    values, is_member = torch.tensor([scores]), torch.tensor([members])
    return Selection(torch.tensor([0]), torch.zeros(1, 4), values, values[:, None], is_member, {})


def test_the_segmenter_turns_a_choice_that_was_close() -> None:
    label = make_label(np.stack([PART, WHOLE]), (1.5, 1.5))
    labels = with_overlaps([label], [make_instances(WHOLE[None], [0], [0.3])])
    (moved,), selection = add_segmenter_vote(labels, bag_of(label), chosen([0.6, 0.5]), CFG)
    assert (moved.index, selection.index.item()) == (1, 1)
    assert selection.boxes.tolist() == [[4, 5, 6, 7]]
    assert selection.scores[0].tolist() == pytest.approx([(0.6 + 0.4) / 2, (0.5 + 1) / 2])
    light = replace(CFG, segmenter_weight=0.1)
    (kept,), _ = add_segmenter_vote(labels, bag_of(label), chosen([0.6, 0.5]), light)
    assert kept.index == 0
    given = chosen([0.1, 0.0])
    none = replace(CFG, segmenter_weight=0)
    assert add_segmenter_vote(labels, bag_of(label), given, none)[1] is given


def test_what_may_not_be_chosen_is_not() -> None:
    label = make_label(np.stack([PART, WHOLE]), (1.5, 1.5))
    labels = with_overlaps([label], [make_instances(WHOLE[None], [0], [0.3])])
    before = chosen([0.1, 0.0], members=(True, False))
    (moved,), selection = add_segmenter_vote(labels, bag_of(label), before, CFG)
    assert moved.index == 0
    assert selection.scores[0, 0] == pytest.approx(0.1)  # a bag of one keeps its score


@pytest.mark.parametrize(
    "instances",
    [
        make_instances(np.zeros((0, *SIZE), bool), [], []),
        make_instances(WHOLE[None], [1], [0.9]),  # another category
        make_instances(columns(6, 10)[None], [0], [0.9]),  # beside the click
    ],
)
def test_no_vote_changes_nothing(instances: Predictions) -> None:
    label = make_label(np.stack([PART, WHOLE]), (1.5, 1.5))
    labels = with_overlaps([label], [instances])
    (kept,), selection = add_segmenter_vote(labels, bag_of(label), chosen([0.6, 0.5]), CFG)
    assert kept.index == 0
    assert selection.scores[0].tolist() == pytest.approx([0.6, 0.5])


def test_no_objects() -> None:
    empty = make_instances(np.zeros((0, *SIZE), bool), [], [])
    assert segmenter_votes(with_overlaps([], [empty]), 3).shape == (0, 3)

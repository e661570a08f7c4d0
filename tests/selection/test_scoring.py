from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from sapnet.selection.config import SelectionConfig, paper_selection
from sapnet.selection.scoring import (
    bag_membership,
    label_scores,
    narrow_bags,
    score_bags,
    selection_scores,
)
from sapnet.structures.batch import Bags

MakeBags = Callable[..., Bags]


def test_softmax_over_the_valid_proposals_only() -> None:
    torch.manual_seed(0)
    class_logits, instance_logits = torch.randn(2, 4, 3), torch.randn(2, 4, 3)
    valid = torch.tensor([[True, True, False, True], [True, False, False, False]])
    scores = score_bags(class_logits, instance_logits, valid, "softmax")
    for n in range(2):
        kept = valid[n]
        expected = class_logits[n, kept].softmax(1) * instance_logits[n, kept].softmax(0)
        torch.testing.assert_close(scores.proposals[n, kept], expected)
        assert (scores.proposals[n, ~kept] == 0).all()
        torch.testing.assert_close(scores.bags[n], expected.sum(0))


def test_sigmoid_and_factor() -> None:
    zeros = torch.zeros(1, 2, 3)
    valid = torch.ones(1, 2, dtype=torch.bool)
    scores = score_bags(zeros, zeros, valid, "sigmoid", torch.tensor([[1.0, 0.5]]))
    assert scores.proposals[0].tolist() == [[0.25] * 3, [0.125] * 3]
    assert scores.bags.tolist() == [[0.375] * 3]


def test_half_precision_is_scored_in_float32() -> None:
    logits = torch.randn(2, 3, 4, dtype=torch.bfloat16)
    scores = score_bags(logits, logits, torch.ones(2, 3, dtype=torch.bool), "softmax")
    assert scores.bags.dtype == torch.float32


def test_a_bag_without_proposals_scores_zero_and_has_a_gradient() -> None:
    logits = torch.randn(1, 2, 3, requires_grad=True)
    scores = score_bags(logits, logits, torch.zeros(1, 2, dtype=torch.bool), "softmax")
    assert (scores.bags == 0).all()
    scores.bags.sum().backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(0, 3, 4), (0, 0, 4)])
def test_empty(shape: tuple[int, ...]) -> None:
    logits = torch.zeros(shape, requires_grad=True)
    scores = score_bags(logits, logits, torch.ones(shape[:2], dtype=torch.bool), "softmax")
    assert scores.bags.shape == (0, 4)
    labels = torch.zeros(0, dtype=torch.int64)
    assert selection_scores(scores.proposals, labels).shape == shape[:2]


def test_scores_of_the_label() -> None:
    scores = torch.arange(12.0).view(2, 2, 3)
    labels = torch.tensor([2, 0])
    assert selection_scores(scores, labels).tolist() == [[2, 5], [6, 9]]
    assert label_scores(scores[:, 0], labels).tolist() == [2, 6]


def test_boxes_bound_the_bag_before_rivals_do(make_bags: MakeBags) -> None:
    bags = replace(
        make_bags(3, 3),
        valid=torch.tensor([[True, True, True], [True, True, True], [True, True, False]]),
        holds_rival=torch.tensor([[True, False, False], [True, True, False], [False] * 3]),
        box_iou=torch.tensor([[0.9, 0.8, 0.2], [0.9, 0.5, 0.4], [0.1, 0.0, 1.0]]),
    )
    expected = [[False, True, False], [True, True, False], [True, True, False]]
    assert bag_membership(bags, SelectionConfig(min_box_iou=0.5)).members.tolist() == expected
    without = bag_membership(bags, SelectionConfig(min_box_iou=0, exclude_rivals=False)).members
    assert torch.equal(without, bags.valid)


def test_rivals_leave_unless_all_hold_one(make_bags: MakeBags) -> None:
    valid = torch.tensor([[True, True, False], [True, True, False]])
    holds = torch.tensor([[True, False, False], [True, True, False]])
    kept = narrow_bags(valid, [holds])
    assert kept.tolist() == [[False, True, False], [True, True, False]]
    bags = make_bags(6, 4)
    assert torch.equal(bag_membership(bags, paper_selection()).members, bags.valid)
    expected = narrow_bags(bags.valid, [bags.holds_rival])
    assert not torch.equal(expected, bags.valid)
    assert torch.equal(bag_membership(bags, SelectionConfig()).members, expected)

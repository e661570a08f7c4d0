import torch
from plain_selection import nearest

from sapnet.selection.choosing import (
    best_index,
    boxes_to_proposals,
    choose_boxes,
    gather_rows,
    rank_proposals,
    runners_up,
)


def test_best_valid_box_is_taken_unchanged() -> None:
    boxes = torch.rand(2, 3, 4) * 1000
    scores = torch.tensor([[0.1, 0.9, 0.2], [1e-9, 0.0, 0.0]])
    valid = torch.tensor([[True, False, True], [True, True, True]])
    index, chosen = choose_boxes(boxes, scores, valid)
    assert index.tolist() == [2, 0]
    assert torch.equal(chosen, torch.stack([boxes[0, 2], boxes[1, 0]]))


def test_padding_is_never_chosen_even_if_all_scores_are_zero() -> None:
    valid = torch.tensor([[False, True]])
    assert best_index(torch.zeros(1, 2), valid).tolist() == [1]


def test_weighted_mean_of_the_best() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 20, 20], [90, 90, 99, 99]]])
    scores = torch.tensor([[0.6, 0.2, 0.1]])
    valid = torch.ones(1, 3, dtype=torch.bool)
    index, mean = choose_boxes(boxes, scores, valid, top_k=2)
    assert index.tolist() == [0]
    torch.testing.assert_close(mean, torch.tensor([[0.0, 0, 12.5, 12.5]]))
    _, mean = choose_boxes(boxes, torch.zeros(1, 3), valid, top_k=9)
    assert torch.equal(mean, boxes[:, 0])
    one_valid = torch.tensor([[False, True, False]])
    _, mean = choose_boxes(boxes, scores, one_valid, top_k=3)
    torch.testing.assert_close(mean, boxes[:, 1])


def test_empty_batch() -> None:
    for k in (0, 3):
        boxes, scores = torch.zeros(0, k, 4), torch.zeros(0, k)
        for top_k in (1, 2):
            index, chosen = choose_boxes(boxes, scores, scores > 0, top_k)
            assert index.shape == (0,)
            assert chosen.shape == (0, 4)


def test_gather_rows() -> None:
    values = torch.arange(12).view(2, 3, 2)
    assert gather_rows(values, torch.tensor([2, 0])).tolist() == [[4, 5], [6, 7]]


def test_largest_overlap_among_the_valid() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 11], [0, 0, 10, 30]]])
    refined = torch.tensor([[0.0, 0, 10, 10]])
    valid = torch.tensor([[True, True, True]])
    assert boxes_to_proposals(refined, boxes, None, valid).tolist() == [0]
    assert boxes_to_proposals(
        refined, boxes, None, ~valid | valid.new_tensor([0, 1, 1])
    ).tolist() == [1]


def test_equals_a_loop_over_objects() -> None:
    torch.manual_seed(0)
    refined, boxes = (torch.rand(n, 2, 2).sort(1).values.flatten(1) for n in (60, 360))
    boxes = boxes.view(60, 6, 4)
    valid = torch.rand(60, 6) < 0.7
    valid[:, 2] = True
    rows = zip(refined.tolist(), boxes.tolist(), valid.tolist(), strict=True)
    assert boxes_to_proposals(refined, boxes, None, valid).tolist() == [
        nearest(*row) for row in rows
    ]


def test_near_ties_go_to_the_better_score() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 10.2], [0, 0, 10, 30]]])  # IoU 1, .98, .33
    refined = torch.tensor([[0.0, 0, 10, 10]])
    valid = torch.ones(1, 3, dtype=torch.bool)
    scores = torch.tensor([[0.1, 0.2, 0.9]])
    assert boxes_to_proposals(refined, boxes, scores, valid, 0.0).tolist() == [0]
    assert boxes_to_proposals(refined, boxes, scores, valid, 0.05).tolist() == [1]
    only = torch.tensor([[True, False, True]])
    assert boxes_to_proposals(refined, boxes, scores, only, 0.05).tolist() == [0]


def test_a_box_that_meets_no_proposal_still_gets_a_valid_one() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 5, 5]]])
    refined = torch.tensor([[50.0, 50, 60, 60]])
    valid = torch.tensor([[False, True]])
    assert boxes_to_proposals(refined, boxes, None, valid).tolist() == [1]
    assert boxes_to_proposals(refined, boxes, torch.zeros(1, 2), valid, 0.05).tolist() == [1]


def test_rank_leaves_out_padding_and_the_chosen() -> None:
    scores = torch.tensor([[0.3, 0.9, 0.5, 0.7]])
    valid = torch.tensor([[True, True, True, False]])
    order, count = rank_proposals(scores, valid)
    assert order.tolist() == [[1, 2, 0, 3]]
    assert count.tolist() == [3]
    order, count = rank_proposals(scores, valid, torch.tensor([1]))
    assert order[0, :2].tolist() == [2, 0]
    assert count.tolist() == [2]


def test_runners_up_best_worst_middle() -> None:
    scores = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]).repeat(4, 1)
    counts = torch.tensor([6, 4, 2, 1])
    valid = torch.arange(6) < counts[:, None]
    chosen = torch.tensor([5, 0, 0, 0])
    order, exists = runners_up(scores, valid, chosen)
    assert exists.tolist() == [
        [True, True, True],
        [True, True, True],
        [True, False, False],
        [False, False, False],
    ]
    assert order[0].tolist() == [4, 0, 2]
    assert order[1].tolist() == [3, 1, 2]
    assert order[2, 0].tolist() == 1


def test_runners_up_of_small_bags() -> None:
    for k, num_ranks in ((1, 0), (2, 1), (3, 2), (4, 3)):
        scores, valid = torch.rand(2, k), torch.ones(2, k, dtype=torch.bool)
        chosen = torch.zeros(2, dtype=torch.int64)
        order, exists = runners_up(scores, valid, chosen)
        assert order.shape == exists.shape == (2, num_ranks)
        assert exists.all()
        assert (order != 0).all()


def test_empty_bags_map_to_nothing() -> None:
    for k in (0, 3):
        scores = torch.zeros(0, k)
        index = boxes_to_proposals(
            torch.zeros(0, 4), torch.zeros(0, k, 4), scores, scores > 0, 0.05
        )
        assert index.shape == (0,)
        order, exists = runners_up(scores, scores > 0, index)
        assert order.shape == exists.shape == (0, max(min(k - 1, 3), 0))

import torch

from sapnet.selection.choose import best_index, choose_boxes, gather_rows


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

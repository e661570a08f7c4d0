import torch
from torchvision.ops import box_iou

from sapnet.geometry.boxes import (
    boxes_meet,
    broadcast_iou,
    flip_boxes,
    grow_boxes,
    hull_boxes,
    points_in_boxes,
    scale_boxes,
)


def test_broadcast_iou_by_hand() -> None:
    first = torch.tensor([0.0, 0.0, 2.0, 2.0])
    second = torch.tensor([[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
    torch.testing.assert_close(broadcast_iou(first, second), torch.tensor([1 / 7, 1.0, 0.0]))


def test_broadcast_iou_of_two_empty_boxes_is_zero() -> None:
    empty = torch.tensor([3.0, 3.0, 3.0, 3.0])
    assert broadcast_iou(empty, empty).item() == 0


def test_broadcast_iou_agrees_with_torchvision() -> None:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(2, 20, 2, 2, generator=generator).sort(-2).values.flatten(-2) * 50
    pairs = broadcast_iou(corners[0][:, None], corners[1][None])
    torch.testing.assert_close(pairs, box_iou(corners[0], corners[1]))


def test_points_on_the_border_are_outside() -> None:
    box = torch.tensor([0.0, 0.0, 10.0, 10.0])
    points = torch.tensor([[5.0, 5.0], [0.0, 5.0], [5.0, 10.0], [10.1, 5.0]])
    assert points_in_boxes(points, box).tolist() == [True, False, False, False]


def test_boxes_that_touch_do_not_meet() -> None:
    box = torch.tensor([0.0, 0.0, 10.0, 10.0])
    others = torch.tensor([[9.0, 9, 20, 20], [10.0, 0, 20, 10], [0.0, -5, 10, 0], [2.0, 2, 3, 3]])
    assert boxes_meet(box, others).tolist() == [True, False, False, True]
    assert boxes_meet(others, box).tolist() == [True, False, False, True]


def test_hull_leaves_out_padding() -> None:
    boxes = torch.tensor([[[5.0, 6, 7, 8], [0, 0, 0, 0], [6, 2, 20, 3]], [[0.0] * 4] * 3])
    hulls = hull_boxes(boxes)
    assert hulls[0].tolist() == [5, 2, 20, 8]
    assert hulls[1].tolist() == [torch.inf, torch.inf, -torch.inf, -torch.inf]
    assert not boxes_meet(hulls[1], torch.tensor([-1e9, -1e9, 1e9, 1e9]))


def test_flip_is_its_own_inverse_and_keeps_order() -> None:
    boxes = torch.tensor([[1.0, 2.0, 4.0, 8.0]])
    flipped = flip_boxes(boxes, 10.0)
    assert flipped.tolist() == [[6.0, 2.0, 9.0, 8.0]]
    assert flip_boxes(flipped, 10.0).tolist() == boxes.tolist()


def test_scale_and_grow() -> None:
    boxes = torch.tensor([[2.0, 2.0, 4.0, 6.0]])
    assert scale_boxes(boxes, torch.tensor([2.0, 0.5])).tolist() == [[4.0, 1.0, 8.0, 3.0]]
    grown = grow_boxes(boxes[:, None], torch.tensor([[1.0, 2.0]]))
    assert grown.tolist() == [[[2.0, 2.0, 4.0, 6.0], [1.0, 0.0, 5.0, 8.0]]]


def test_empty() -> None:
    none = torch.zeros(0, 4)
    assert broadcast_iou(none, none).shape == (0,)
    assert grow_boxes(none[:, None], torch.ones(0, 3)).shape == (0, 3, 4)
    assert hull_boxes(torch.zeros(0, 3, 4)).shape == (0, 4)
    assert hull_boxes(torch.zeros(2, 0, 4)).isinf().all()

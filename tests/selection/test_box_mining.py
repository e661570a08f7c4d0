import pytest
import torch
from plain_selection import mined
from torch import Tensor

from sapnet.selection.box_mining import mine_boxes
from sapnet.selection.config import MiningConfig


def plain_mining(selected: Tensor, candidates: Tensor, valid: Tensor, cfg: MiningConfig) -> Tensor:
    """Algorithm 2 for one object after the other, in plain numbers."""
    limits = cfg.close_iou, cfg.containment_iou, cfg.containment_tolerance
    rows = zip(selected.tolist(), candidates.tolist(), valid.tolist(), strict=True)
    return torch.tensor([mined(*row, *limits) for row in rows])


@pytest.mark.parametrize("cfg", [MiningConfig(), MiningConfig(close_iou=0.5, containment_iou=0.1)])
def test_equals_a_loop_over_objects(cfg: MiningConfig) -> None:
    torch.manual_seed(0)
    center = 50 + torch.rand(300, 1, 2) * 20
    half = 10 + torch.rand(300, 5, 2) * 15
    shift = torch.rand(300, 5, 2) * 8
    boxes = torch.cat([center + shift - half, center + shift + half], -1)
    valid = torch.rand(300, 4) < 0.8
    found = mine_boxes(boxes[:, 0], boxes[:, 1:], valid, cfg)
    moved = (found != boxes[:, 0]).any(1)
    assert 30 < moved.sum() < 270
    torch.testing.assert_close(found, plain_mining(boxes[:, 0], boxes[:, 1:], valid, cfg))


def test_two_rules_by_hand() -> None:
    box = torch.tensor([[0.0, 0, 10, 10]])
    close = torch.tensor([[[0.0, 0, 10, 12.5]]])  # IoU 0.8
    share = 1 / 1.8
    expected = torch.tensor([[0, 0, 10, 10 + 2.5 * share]])
    torch.testing.assert_close(mine_boxes(box, close, None, MiningConfig()), expected)
    containing = torch.tensor([[[0.0, 0, 10, 20]]])  # IoU 0.5, contains
    expected = torch.tensor([[0, 0, 10, 10 + 10 * 0.5 / 1.5]])
    torch.testing.assert_close(mine_boxes(box, containing, None, MiningConfig()), expected)
    beside = torch.tensor([[[4.0, 0, 19, 10]]])  # IoU 6/19, larger, sticks out by 4
    assert torch.equal(mine_boxes(box, beside, None, MiningConfig()), box)


def test_inputs_stay_as_they_are() -> None:
    box, candidates = torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[[0.0, 0, 10, 12]]])
    before = box.clone(), candidates.clone()
    assert not torch.equal(mine_boxes(box, candidates, None, MiningConfig()), box)
    assert torch.equal(box, before[0])
    assert torch.equal(candidates, before[1])


def test_invalid_and_no_candidates() -> None:
    box, candidates = torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[[0.0, 0, 10, 12]]])
    invalid = torch.tensor([[False]])
    assert torch.equal(mine_boxes(box, candidates, invalid, MiningConfig()), box)
    assert torch.equal(mine_boxes(box, candidates[:, :0], None, MiningConfig()), box)
    assert mine_boxes(box[:0], candidates[:0], None, MiningConfig()).shape == (0, 4)

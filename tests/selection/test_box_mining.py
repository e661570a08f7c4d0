import pytest
import torch
from torch import Tensor

from sapnet.selection.box_mining import mine_boxes
from sapnet.selection.config import MiningConfig


def naive_mining(selected: Tensor, candidates: Tensor, cfg: MiningConfig, valid: Tensor) -> Tensor:
    """Algorithm 2 for one object after the other, in plain numbers."""
    refined = []
    for box, row, ok in zip(selected.tolist(), candidates.tolist(), valid.tolist(), strict=True):
        area, last = (box[2] - box[0]) * (box[3] - box[1]), 0.0
        for candidate, usable in zip(row, ok, strict=True):
            larger = (candidate[2] - candidate[0]) * (candidate[3] - candidate[1])
            if not usable or larger <= area:
                continue
            width = max(min(box[2], candidate[2]) - max(box[0], candidate[0]), 0)
            height = max(min(box[3], candidate[3]) - max(box[1], candidate[1]), 0)
            own = (box[2] - box[0]) * (box[3] - box[1])
            o = width * height / (own + larger - width * height)
            overhang = max(
                candidate[0] - box[0],
                candidate[1] - box[1],
                box[2] - candidate[2],
                box[3] - candidate[3],
            )
            if o > cfg.close_iou and o > last:
                box = [(c + o * b) / (1 + o) for c, b in zip(candidate, box, strict=True)]
            elif o > cfg.containment_iou and o > last and overhang < cfg.containment_tolerance:
                box = [(o * c + b) / (1 + o) for c, b in zip(candidate, box, strict=True)]
            else:
                continue
            area, last = larger, o
        refined.append(box)
    return torch.tensor(refined)


@pytest.mark.parametrize("cfg", [MiningConfig(), MiningConfig(close_iou=0.5, containment_iou=0.1)])
def test_equals_a_loop_over_objects(cfg: MiningConfig) -> None:
    torch.manual_seed(0)
    center = 50 + torch.rand(300, 1, 2) * 20
    half = 10 + torch.rand(300, 5, 2) * 15
    shift = torch.rand(300, 5, 2) * 8
    boxes = torch.cat([center + shift - half, center + shift + half], -1)
    valid = torch.rand(300, 4) < 0.8
    found = mine_boxes(boxes[:, 0], boxes[:, 1:], cfg, valid)
    moved = (found != boxes[:, 0]).any(1)
    assert 30 < moved.sum() < 270
    torch.testing.assert_close(found, naive_mining(boxes[:, 0], boxes[:, 1:], cfg, valid))


def test_two_rules_by_hand() -> None:
    box = torch.tensor([[0.0, 0, 10, 10]])
    close = torch.tensor([[[0.0, 0, 10, 12.5]]])  # IoU 0.8
    share = 1 / 1.8
    expected = torch.tensor([[0, 0, 10, 10 + 2.5 * share]])
    torch.testing.assert_close(mine_boxes(box, close, MiningConfig()), expected)
    containing = torch.tensor([[[0.0, 0, 10, 20]]])  # IoU 0.5, contains
    expected = torch.tensor([[0, 0, 10, 10 + 10 * 0.5 / 1.5]])
    torch.testing.assert_close(mine_boxes(box, containing, MiningConfig()), expected)
    beside = torch.tensor([[[4.0, 0, 19, 10]]])  # IoU 6/19, larger, sticks out by 4
    assert torch.equal(mine_boxes(box, beside, MiningConfig()), box)


def test_inputs_stay_as_they_are() -> None:
    box, candidates = torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[[0.0, 0, 10, 12]]])
    before = box.clone(), candidates.clone()
    assert not torch.equal(mine_boxes(box, candidates, MiningConfig()), box)
    assert torch.equal(box, before[0])
    assert torch.equal(candidates, before[1])


def test_invalid_and_no_candidates() -> None:
    box, candidates = torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[[0.0, 0, 10, 12]]])
    invalid = torch.tensor([[False]])
    assert torch.equal(mine_boxes(box, candidates, MiningConfig(), invalid), box)
    assert torch.equal(mine_boxes(box, candidates[:, :0], MiningConfig()), box)
    assert mine_boxes(box[:0], candidates[:0], MiningConfig()).shape == (0, 4)

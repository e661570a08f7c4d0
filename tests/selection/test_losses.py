import math

import pytest
import torch

from sapnet.selection.losses import bag_loss, global_mean_count, negative_loss, positive_loss


def test_bag_loss_by_hand() -> None:
    scores = torch.tensor([[0.8, 0.1], [0.3, 0.5]])
    loss = bag_loss(scores, torch.tensor([0, 1]), 2)
    expected = -(math.log(0.8) + math.log(0.9) + math.log(0.7) + math.log(0.5)) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_bag_loss_is_bounded_and_has_a_finite_gradient() -> None:
    scores = torch.tensor([[0.0, 1.0 + 1e-7]], requires_grad=True)
    loss = bag_loss(scores, torch.tensor([0]), 1)
    assert loss.item() == 200
    loss.backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


def test_bag_loss_runs_under_autocast() -> None:
    scores = torch.tensor([[0.25]])
    with torch.autocast("cpu", torch.bfloat16):
        loss = bag_loss(scores, torch.tensor([0]), 1)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(4))


def test_positive_loss_by_hand() -> None:
    scores = torch.tensor([[0.8, 0.1], [0.3, 0.5]])
    weights = torch.tensor([0.5, 2.0], requires_grad=True)
    loss = positive_loss(scores, torch.tensor([0, 1]), weights, 2)
    first = 0.04 * math.log(0.8 + 1e-6) + 0.01 * math.log(0.9 + 1e-6)
    second = 0.09 * math.log(0.7 + 1e-6) + 0.25 * math.log(0.5 + 1e-6)
    assert loss.item() == pytest.approx(-(0.5 * first + 2 * second) / 2, rel=1e-6)
    assert not loss.requires_grad  # the weights carry no gradient


def test_negative_loss_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3)]])  # scores 1/2 and 3/4
    expected = -(0.25 * math.log(0.5 + 1e-6) + 0.5625 * math.log(0.25 + 1e-6))
    assert negative_loss(logits, 0.5, 4).item() == pytest.approx(expected * 0.5 / 4, rel=1e-5)


def test_negative_loss_of_a_certain_mistake_is_finite() -> None:
    logits = torch.tensor([[100.0]], requires_grad=True)
    loss = negative_loss(logits, 1.0, 1)
    assert loss.item() == pytest.approx(-math.log(1e-6), rel=1e-3)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_empty_losses_are_zero_with_a_gradient_path() -> None:
    scores = torch.zeros(0, 3, requires_grad=True)
    labels = torch.zeros(0, dtype=torch.int64)
    count = global_mean_count(torch.tensor(0))
    total = (
        bag_loss(scores, labels, count)
        + positive_loss(scores, labels, torch.zeros(0), count)
        + negative_loss(scores, 0.0, count)
    )
    assert total.item() == 0
    total.backward()
    assert scores.grad is not None


def test_counts() -> None:
    assert global_mean_count(torch.tensor(0)).item() == 1
    assert global_mean_count(torch.tensor(7)).item() == 7

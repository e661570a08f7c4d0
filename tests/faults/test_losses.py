"""Every loss against finite differences, on extreme logits, and where there is nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sapnet.segmentation.losses import _dice_of_chunk
from sapnet.selection.losses import bag_loss, negative_loss, positive_loss
from sapnet.teaching.losses import mask_losses

Loss = Callable[[Tensor], Tensor]

LABELS = torch.tensor([0, 2, 1])
MASKS = torch.tensor([[[1, 0, 1, 0]], [[0, 0, 1, 1]]], dtype=torch.uint8)


def _bags(logits: Tensor) -> Tensor:
    return bag_loss(logits.sigmoid(), LABELS[: len(logits)], 3.0)


def _positives(logits: Tensor) -> Tensor:
    weights = torch.tensor([0.2, 0.9, 0.5], dtype=logits.dtype)[: len(logits)]
    return positive_loss(logits.sigmoid(), LABELS[: len(logits)], weights, 3.0)


def _negatives(logits: Tensor) -> Tensor:
    return negative_loss(logits, 0.7, 4.0)


def _dice(logits: Tensor) -> Tensor:
    kernels = logits[:, :2]
    features = torch.tensor([[1.0, 0.2, -1.0, 0.5], [0.3, -0.7, 0.4, 2.0]], dtype=logits.dtype)
    areas = MASKS.sum(2).to(logits.dtype)
    index = torch.tensor([0, 1, 1])[: len(logits)]
    return _dice_of_chunk(kernels, features, MASKS, areas, index, 1e-3).sum()


def _taught(logits: Tensor) -> Tensor:
    targets = torch.tensor([[[1.0, 0.0, 0.25]], [[0.0, 1.0, 1.0]], [[0.5, 0.0, 0.0]]])
    return mask_losses(logits[:, None, None], targets[: len(logits)].to(logits.dtype)).sum()


def _classes(logits: Tensor) -> Tensor:
    from torchvision.ops import sigmoid_focal_loss

    one_hot = functional.one_hot(LABELS[: len(logits)], 3).to(logits.dtype)
    loss: Tensor = sigmoid_focal_loss(logits, one_hot, alpha=0.25, gamma=2.0, reduction="sum")
    return loss


LOSSES: dict[str, Loss] = {
    "bags (Eq. 3)": _bags,
    "positives (Eq. 5)": _positives,
    "negatives (Eq. 6, 7)": _negatives,
    "dice": _dice,
    "classes": _classes,
    "masks of the click segmenter": _taught,
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_equal_finite_differences(name: str) -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(LOSSES[name], (logits,), eps=1e-6, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_give_finite_losses(name: str, dtype: torch.dtype) -> None:
    """As under autocast: logits of half precision, however far off, enter the losses as float32."""
    far = float(torch.finfo(dtype).max) / 8 if dtype != torch.float32 else 1e30
    far = min(far, 1e30)
    for value in (-far, -100.0, 0.0, 100.0, far):
        logits = torch.full((3, 3), value, dtype=dtype).float().requires_grad_()
        loss = LOSSES[name](logits)
        assert torch.isfinite(loss)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", [name for name in LOSSES if "classes" not in name])
def test_no_members_give_zero_with_a_gradient(name: str) -> None:
    logits = torch.zeros(0, 3, requires_grad=True)
    loss = LOSSES[name](logits)
    assert loss == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.shape == (0, 3)


def test_empty_masks_are_learned_as_such() -> None:
    """Of a mask without pixels the dice loss is 1 at most, and falls with the predicted area."""
    masks = torch.zeros(1, 1, 4, dtype=torch.uint8)
    features = torch.ones(1, 4)
    losses = [
        float(
            _dice_of_chunk(
                torch.tensor([[logit]]), features, masks, torch.zeros(1, 1), torch.tensor([0]), 1e-3
            )
        )
        for logit in (5.0, -20.0)
    ]
    assert all(0 <= loss <= 1 for loss in losses)
    far = torch.tensor([5.0, -9.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    taught = mask_losses(far, torch.zeros(2, 2, 2))[:, 0].tolist()
    assert taught[1] < taught[0] < 20


def test_scores_that_are_not_finite_give_nan() -> None:
    """On a GPU torch's own check would end the process."""
    scores = torch.tensor([[0.5, float("nan")]])
    assert torch.isnan(bag_loss(scores, torch.tensor([0]), 1.0))

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sapnet.selection.config import SelectionConfig
from sapnet.selection.heads import BoxEncoder, MilHead

MakeFeatures = Callable[..., list[Tensor]]


def small_encoder(mask_crops: bool, boxes_per_chunk: int) -> BoxEncoder:
    cfg = SelectionConfig(
        hidden_channels=16, mask_crops=mask_crops, boxes_per_chunk=boxes_per_chunk
    )
    return BoxEncoder(4, cfg)


def encode(encoder: BoxEncoder, features: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Hidden vectors of ten boxes, and the gradients of their sum of squares."""
    torch.manual_seed(1)
    corners = torch.rand(10, 2) * 60
    boxes = torch.cat([corners, corners + 5 + torch.rand(10, 2) * 60], 1)
    features = [level.clone().requires_grad_() for level in features]
    hidden = encoder(features, boxes, torch.arange(10) % 2, torch.rand(10, 7, 7))
    inputs = [*features[:2], *encoder.parameters()]
    return hidden, list(torch.autograd.grad(hidden.pow(2).sum(), inputs))


@pytest.mark.parametrize("mask_crops", [True, False])
def test_chunks_change_nothing(make_features: MakeFeatures, mask_crops: bool) -> None:
    torch.manual_seed(0)
    whole = small_encoder(mask_crops, boxes_per_chunk=64)
    chunked = small_encoder(mask_crops, boxes_per_chunk=3)
    chunked.load_state_dict(whole.state_dict())
    expected, expected_gradients = encode(whole, make_features())
    found, gradients = encode(chunked, make_features())
    torch.testing.assert_close(found, expected)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-5)


def test_chunked_training_keeps_no_pooled_features(make_features: MakeFeatures) -> None:
    boxes = torch.tensor([[4.0, 4, 60, 60]]).repeat(10, 1)
    inputs = (boxes, torch.zeros(10, dtype=torch.int64), torch.ones(10, 7, 7))
    kept: dict[int, list[int]] = {}
    for size in (3, 64):
        encoder = small_encoder(mask_crops=True, boxes_per_chunk=size)
        weights = {parameter.numel() for parameter in encoder.parameters()}
        saved: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda value, saved=saved: saved.append(value.numel()) or value, lambda value: value
        ):
            encoder(make_features(), *inputs)
        kept[size] = [numel for numel in saved if numel not in weights]
    pooled_of_one_box = 9 * 7 * 7
    assert max(kept[64]) == 10 * pooled_of_one_box
    assert max(kept[3], default=0) < pooled_of_one_box


def test_mask_crops_matter_only_where_asked(make_features: MakeFeatures) -> None:
    boxes, images = torch.tensor([[4.0, 4, 60, 60]]), torch.tensor([0])
    empty, full = torch.zeros(1, 7, 7), torch.ones(1, 7, 7)
    for mask_crops in (True, False):
        encoder = small_encoder(mask_crops, boxes_per_chunk=8)
        first = encoder(make_features(), boxes, images, empty)
        second = encoder(make_features(), boxes, images, full)
        assert torch.equal(first, second) is not mask_crops


def test_no_boxes_have_a_gradient_path(make_features: MakeFeatures) -> None:
    encoder = small_encoder(mask_crops=True, boxes_per_chunk=8)
    none = torch.zeros(0, dtype=torch.int64)
    hidden = encoder(make_features(), torch.zeros(0, 4), none, torch.zeros(0, 7, 7))
    assert hidden.shape == (0, 16)
    hidden.sum().backward()
    assert all(p.grad is not None and (p.grad == 0).all() for p in encoder.parameters())


def test_mil_head_has_two_branches_of_c_columns() -> None:
    head = MilHead(16, 5)
    logits = head(torch.rand(2, 3, 16))
    assert logits.class_logits.shape == logits.instance_logits.shape == (2, 3, 5)
    assert not torch.equal(logits.class_logits, logits.instance_logits)
    assert {name for name, _ in head.named_children()} == {"classes", "instances"}

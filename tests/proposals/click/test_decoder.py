from __future__ import annotations

import pytest
import torch

from sapnet.proposals.click.decoder import NUM_MASKS, Decoder
from sapnet.proposals.click.encoder import CHANNELS, LEVELS
from sapnet.proposals.click.prompts import Prompts


def features_of(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = [64 // stride for stride in LEVELS]
    shapes = [(count, c, s, s) for c, s in zip(CHANNELS, sizes, strict=True)]
    return [torch.randn(shape, generator=generator) for shape in shapes]


def prompts_of(windows: list[int]) -> Prompts:
    n = len(windows)
    generator = torch.Generator().manual_seed(1)
    return Prompts(
        points=torch.rand(n, 2, 2, generator=generator),
        signs=torch.tensor([[1.0, -1.0]]).repeat(n, 1),
        boxes=torch.zeros(n, 4),
        has_box=torch.zeros(n),
        window_index=torch.tensor(windows, dtype=torch.int64),
    )


@pytest.fixture
def decoder() -> Decoder:
    torch.manual_seed(0)
    return Decoder().eval()


def test_answers_have_the_window_stride_4_cells(decoder: Decoder) -> None:
    answers = decoder(features_of(2), torch.zeros(2), prompts_of([0, 1, 1]))
    assert answers.mask_logits.shape == (3, NUM_MASKS, 16, 16)
    assert answers.iou_logits.shape == (3, NUM_MASKS)


def test_prompts_do_not_see_each_other(decoder: Decoder) -> None:
    features, prompts = features_of(2), prompts_of([0, 1, 1])
    together = decoder(features, torch.tensor([0.0, -1.0]), prompts)
    alone = decoder(features, torch.tensor([0.0, -1.0]), prompts.take(torch.tensor([2])))
    torch.testing.assert_close(together.mask_logits[2:], alone.mask_logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together.iou_logits[2:], alone.iou_logits, atol=1e-4, rtol=1e-4)


def test_no_prompts_give_no_masks_and_a_gradient_of_zero(decoder: Decoder) -> None:
    answers = decoder(features_of(1), torch.zeros(1), prompts_of([]))
    assert answers.mask_logits.shape == (0, NUM_MASKS, 16, 16)
    (answers.mask_logits.sum() + answers.iou_logits.sum()).backward()
    assert decoder.to_masks.weight.grad is not None
    assert not decoder.to_masks.weight.grad.any()


def test_padding_of_clicks_changes_nothing(decoder: Decoder) -> None:
    prompts = prompts_of([0])
    padded = Prompts(
        points=torch.cat([prompts.points, torch.rand(1, 1, 2)], dim=1),
        signs=torch.cat([prompts.signs, torch.zeros(1, 1)], dim=1),
        boxes=prompts.boxes,
        has_box=prompts.has_box,
        window_index=prompts.window_index,
    )
    features = features_of(1)
    plain = decoder(features, torch.zeros(1), prompts)
    torch.testing.assert_close(
        decoder(features, torch.zeros(1), padded).mask_logits, plain.mask_logits
    )

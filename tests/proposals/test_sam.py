from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sapnet.geometry.rle import decode_masks
from sapnet.proposals.config import SamConfig
from sapnet.proposals.sam import (
    CPU_POINTS_PER_CHUNK,
    Prompt,
    SamProposer,
    chunk_prompts,
    make_prompts,
    prompt_tensors,
)
from sapnet.structures.clicks import Click

SIZE = (40, 60)
"""(height, width) of the test images: not square, and not the segmenters' input size."""


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def proposer(checkpoint: Path) -> SamProposer:
    return SamProposer(SamConfig(str(checkpoint), device="cpu", points_per_chunk=16))


def click(
    index: int,
    points: tuple[tuple[float, float], ...] | None = None,
    negative_points: tuple[tuple[float, float], ...] = (),
    box: tuple[float, float, float, float] | None = None,
) -> Click:
    somewhere = (index * 7.3 % SIZE[1], index * 3.1 % SIZE[0])
    return Click(index, 0, 1, points or (somewhere,), negative_points, box)


class Calls:
    """Counts the calls of a method and remembers their keyword arguments."""

    def __init__(self, method: Callable[..., object]) -> None:
        self.method = method
        self.keywords: list[dict[str, Any]] = []

    def __call__(self, *arguments: object, **keywords: object) -> object:
        self.keywords.append(keywords)
        return self.method(*arguments, **keywords)


@pytest.mark.parametrize("num_clicks", [1, 5, 40])
def test_any_number_of_clicks_on_one_embedding(
    proposer: SamProposer, image: np.ndarray, num_clicks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = proposer.segmenter.model
    encoder = Calls(model.vision_encoder.forward)
    monkeypatch.setattr(model.vision_encoder, "forward", encoder)
    bags = proposer.propose(image, [click(i) for i in range(num_clicks)])
    assert len(encoder.keywords) == 1
    assert [len(bag) for bag in bags] == [3] * num_clicks
    for bag in bags:
        assert bag.prompts == ("point",) * 3
        assert all(rle["size"] == list(SIZE) for rle in bag.rles)
        assert bag.scores.dtype == np.float32
        assert ((bag.scores >= 0) & (bag.scores <= 1)).all()
        assert bag.boxes.shape == (3, 4)
    areas = decode_masks([rle for bag in bags for rle in bag.rles]).mean((1, 2))
    assert (areas > 0).any()
    assert (areas < 1).any()


def test_no_clicks_need_no_embedding(proposer: SamProposer, image: np.ndarray) -> None:
    assert proposer.propose(image, []) == []


def test_chunks_do_not_change_the_masks(checkpoint: Path, image: np.ndarray) -> None:
    """Objects with one and several points, negative points and boxes, in chunks of 1, 3 and 64."""
    box = (2.0, 3.0, 30.0, 30.0)
    clicks = [
        click(1),
        click(2, points=((5.5, 6.5), (9.5, 9.5))),
        click(3, negative_points=((50.5, 30.5),)),
        click(4, box=box),
        click(5, points=((5.5, 6.5), (9.5, 9.5), (20.5, 20.5)), box=box),
        click(6),
        click(7),
    ]
    several = [
        SamProposer(SamConfig(str(checkpoint), "cpu", points_per_chunk=size)).propose(image, clicks)
        for size in (1, 3, 64)
    ]
    assert [len(bag) for bag in several[0]] == [3, 3, 3, 6, 6, 3, 3]
    assert several[0][3].prompts == ("point",) * 3 + ("point+box",) * 3
    for bags in several[1:]:
        for one, other in zip(several[0], bags, strict=True):
            assert one.prompts == other.prompts
            np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
            # Sums of floats in another order may tip single pixels on a mask's border.
            different = decode_masks(one.rles) != decode_masks(other.rles)
            assert different.mean() < 0.002


def test_negative_points_and_boxes_matter(proposer: SamProposer, image: np.ndarray) -> None:
    plain, negative, boxed = proposer.propose(
        image,
        [
            click(1, points=((10.5, 10.5), (40.5, 20.5))),
            click(2, points=((10.5, 10.5),), negative_points=((40.5, 20.5),)),
            click(3, points=((10.5, 10.5), (40.5, 20.5)), box=(5.0, 5.0, 45.0, 25.0)),
        ],
    )
    assert np.abs(plain.scores - negative.scores).max() > 1e-6
    np.testing.assert_allclose(boxed.scores[:3], plain.scores, atol=1e-5)
    assert np.abs(boxed.scores[3:] - plain.scores).max() > 1e-6


def test_equals_the_model_run_at_once(sam_checkpoint: Path, image: np.ndarray) -> None:
    """Against transformers' own path: image, points and masks through the whole SAM."""
    from transformers import SamImageProcessor, SamModel, SamProcessor

    model = SamModel.from_pretrained(sam_checkpoint).eval()
    processor = SamProcessor(SamImageProcessor.from_pretrained(sam_checkpoint))
    points = [[12.5, 8.5], [47.0, 33.0]]
    # It takes pixel indices, scales them to 64 x 43 and adds half a pixel there.
    shift_x, shift_y = 0.5 * 60 / 64, 0.5 * 40 / 43
    indices = [[[[x - shift_x, y - shift_y]] for x, y in points]]
    inputs = processor(images=image, input_points=indices, return_tensors="pt")
    with torch.no_grad():
        outputs = model(
            **{k: v.float() for k, v in inputs.items() if k in ("pixel_values", "input_points")}
        )
    (expected,) = processor.image_processor.post_process_masks(
        outputs.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
    )
    found = SamProposer(SamConfig(str(sam_checkpoint), "cpu")).propose(
        image, [click(i, points=(tuple(point),)) for i, point in enumerate(points)]
    )
    for bag, masks, scores in zip(found, expected, outputs.iou_scores[0], strict=True):
        np.testing.assert_array_equal(decode_masks(bag.rles), masks.numpy())
        np.testing.assert_allclose(bag.scores, scores.clamp(0, 1), atol=1e-5)


def test_masks_come_back_to_the_original_frame(
    proposer: SamProposer, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that answers with the left half of the content gives the left half of the image."""
    model = proposer.segmenter.model
    side = 16
    height, width = (11, 16) if proposer.segmenter.model_type in ("sam", "sam_hq") else (16, 16)

    def left_half(input_points: torch.Tensor, **_: object) -> SimpleNamespace:
        count = input_points.shape[1]
        logits = torch.full((1, count, 3, side, side), -8.0)
        logits[..., :height, : width // 2] = 8.0
        return SimpleNamespace(pred_masks=logits, iou_scores=torch.full((1, count, 3), 1.2))

    monkeypatch.setattr(model, "forward", left_half)
    (bag,) = proposer.propose(image, [click(3)])
    assert bag.boxes.tolist() == [[0, 0, 30, 40]] * 3
    np.testing.assert_array_equal(bag.scores, 1)


def test_points_and_boxes_in_the_resized_image() -> None:
    """A 40 x 20 image (width x height) resized to 64 x 32, then to 64 x 64."""
    clicks = [
        click(0, points=((10.0, 5.0),), negative_points=((40.0, 20.0),), box=(0, 0, 20, 10)),
        click(1, points=((0.5, 0.5), (20.0, 10.0)), box=(5, 5, 40, 20)),
    ]
    prompts = [p for p in make_prompts(clicks, SamConfig()) if p.box is not None]
    kept = prompt_tensors(prompts, (20, 40), (32, 64))
    assert kept["input_points"].tolist() == [
        [[[15.5, 7.5], [63.5, 31.5]], [[pytest.approx(0.3), pytest.approx(0.3)], [31.5, 15.5]]]
    ]
    assert kept["input_labels"].tolist() == [[[1, 0], [1, 1]]]
    assert kept["input_boxes"].tolist() == [[[-0.5, -0.5, 31.5, 15.5], [7.5, 7.5, 63.5, 31.5]]]
    stretched = prompt_tensors(prompts, (20, 40), (64, 64))
    assert stretched["input_points"][0, 0].tolist() == [[15.5, 15.5], [63.5, 63.5]]
    assert stretched["input_boxes"][0, 0].tolist() == [-0.5, -0.5, 31.5, 31.5]


def test_chunks_hold_prompts_of_one_shape() -> None:
    clicks = [
        click(i, points=((1.0, 1.0),) * (1 + i % 3), box=(0, 0, 9, 9) if i % 2 else None)
        for i in range(20)
    ]
    prompts = make_prompts(clicks, SamConfig())
    assert len(prompts) == 30
    chunks = list(chunk_prompts(prompts, 4))
    assert sorted(map(id, prompts)) == sorted(id(p) for chunk in chunks for p in chunk)
    for chunk in chunks:
        assert 1 <= len(chunk) <= 4
        assert len({(len(p.points), p.box is None) for p in chunk}) == 1
    for index in range(20):
        names = [p.name for chunk in chunks for p in chunk if p.click_index == index]
        assert names == ["point", "point+box"][: len(names)]
    assert len(make_prompts(clicks, SamConfig(box_prompts=False))) == 20
    assert list(chunk_prompts([], 4)) == []


def test_half_precision_of_the_encoder(checkpoint: Path, image: np.ndarray) -> None:
    """Half precision on the CPU is close to float32, and the decoder gets float32."""
    clicks = [click(i) for i in range(4)]
    full = SamProposer(SamConfig(str(checkpoint), "cpu")).propose(image, clicks)
    half = SamProposer(SamConfig(str(checkpoint), "cpu", "bfloat16"))
    decoder = Calls(half.segmenter.model.mask_decoder.forward)
    half.segmenter.model.mask_decoder.forward = decoder
    for one, other in zip(full, half.propose(image, clicks), strict=True):
        assert (decode_masks(one.rles) != decode_masks(other.rles)).mean() < 0.1
    assert decoder.keywords[0]["image_embeddings"].dtype == torch.float32


def test_pickling_and_settings(sam_checkpoint: Path, image: np.ndarray) -> None:
    proposer = SamProposer(SamConfig(str(sam_checkpoint), "cpu"))
    bags = proposer.propose(image, [click(1)])
    again = pickle.loads(pickle.dumps(proposer))
    assert "segmenter" not in vars(again)
    assert again.propose(image, [click(1)])[0].rles == bags[0].rles
    other = SamProposer(SamConfig(str(sam_checkpoint), "cpu", points_per_chunk=2))
    assert other.settings == proposer.settings == again.settings
    assert json.loads(json.dumps(proposer.settings)) == proposer.settings


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_equals_cpu(checkpoint: Path, image: np.ndarray) -> None:
    clicks = [click(i) for i in range(5)]
    on_cpu = SamProposer(SamConfig(str(checkpoint), "cpu")).propose(image, clicks)
    on_gpu = SamProposer(SamConfig(str(checkpoint), "cuda")).propose(image, clicks)
    for one, other in zip(on_cpu, on_gpu, strict=True):
        assert (decode_masks(one.rles) != decode_masks(other.rles)).mean() < 0.1


def test_chunk_size_is_checked() -> None:
    with pytest.raises(ValueError, match="points_per_chunk: expected at least 1, found 0"):
        SamConfig(points_per_chunk=0)


@pytest.mark.parametrize(("asked", "used"), [(None, CPU_POINTS_PER_CHUNK), (5, 5)])
def test_chunks_on_a_cpu_are_small_unless_asked_otherwise(
    sam_checkpoint: Path,
    image: np.ndarray,
    asked: int | None,
    used: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    def chunks(prompts: Sequence[Prompt], size: int) -> Iterator[list[Prompt]]:
        sizes.append(size)
        return chunk_prompts(prompts, size)

    monkeypatch.setattr("sapnet.proposals.sam.chunk_prompts", chunks)
    proposer = SamProposer(SamConfig(str(sam_checkpoint), "cpu", points_per_chunk=asked))
    assert len(proposer.propose(image, [click(i) for i in range(3)])) == 3
    assert sizes == [used]

"""The proposer `sam`: a SAM-family segmenter, prompted by clicks and boxes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals.checkpoint import Segmenter, find_checkpoint, find_licence, load_segmenter
from sapnet.proposals.config import SamConfig
from sapnet.structures.clicks import RLE, Click
from sapnet.structures.proposals import Proposals
from sapnet.system.device import choose_device, describe_device
from sapnet.system.from_json import JSON

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor

logger = logging.getLogger(__name__)

_PIXEL_CENTER = 0.5
"""Offset that transformers adds to every prompt coordinate, because it expects pixel indices. Our
coordinates contain it already."""

POINTS_PER_CHUNK, CPU_POINTS_PER_CHUNK = 16, 2
"""Default number of objects that go through the decoder together."""

_POSITIVE, _NEGATIVE = 1, 0
"""Labels of points in the SAM prompt encoders."""


@dataclass(frozen=True)
class Prompt:
    """A prompt of the segmenter for one object, original frame.

    Attributes:
        click_index: index of the object's click among those of the image.
        name: "point" or "point+box".
        points: positive points, then negative ones.
        labels: 1 for a positive, 0 for a negative point.
        box: xyxy, or None.
    """

    click_index: int
    name: str
    points: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class Embedding:
    """One encoded image, in the form that the decoder takes.

    Attributes:
        inputs: keyword arguments of the model's forward that represent the image.
        original_size: (height, width) of the image.
        content_size: (height, width) of the resized image inside the padded input.
        sizes: sizes that the image processor needs to resize masks to the original frame.
    """

    inputs: Mapping[str, Any]
    original_size: tuple[int, int]
    content_size: tuple[int, int]
    sizes: Mapping[str, Any]


class SamProposer:
    """Proposer that prompts a frozen segmenter: three masks per prompt, with predicted IoUs.

    Each image goes through the image encoder once, its objects go through the decoder in chunks,
    and the masks of an object are encoded before those of the next are computed. The weights are
    loaded at the first use; pickling keeps only the configuration.

    Raises:
        CheckpointError: the weights are missing or of an unsupported kind.
        ValueError: this machine does not have the device.
    """

    name = "sam"

    def __init__(self, cfg: SamConfig) -> None:
        self.cfg = cfg
        self._device = choose_device(cfg.device)
        self._folder = find_checkpoint(cfg.checkpoint)
        by_device = CPU_POINTS_PER_CHUNK if self._device.type == "cpu" else POINTS_PER_CHUNK
        self._points_per_chunk = cfg.points_per_chunk or by_device

    def __reduce__(self) -> tuple[type[SamProposer], tuple[SamConfig]]:
        return (SamProposer, (self.cfg,))

    @property
    def settings(self) -> Mapping[str, JSON]:
        """The checkpoint and the kinds of prompts."""
        return {"checkpoint": self.cfg.checkpoint, "box_prompts": self.cfg.box_prompts}

    @cached_property
    def segmenter(self) -> Segmenter:
        """The loaded model; the first access logs its device and the license of its weights."""
        segmenter = load_segmenter(self._folder, self._device)
        logger.info(
            "proposer sam: %s (licence of the weights: %s) on %s, image encoder in %s",
            self.cfg.checkpoint,
            find_licence(self.cfg.checkpoint),
            describe_device(self._device),
            str(self._dtype).removeprefix("torch."),
        )
        return segmenter

    @torch.inference_mode()
    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """Return three masks per prompt of each object; see `Proposer.propose`.

        The prompts are all points of the object, positive and negative, and, if its click carries
        a box, the same points together with the box.
        """
        if not clicks:
            return []
        return self.propose_prepared(self.prepare(image), clicks, range(len(clicks)))

    @torch.inference_mode()
    def propose_prepared(
        self, prepared: Embedding, clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        """Return masks for some clicks of an embedded image; see `StagedProposer`."""
        chosen = [clicks[n] for n in indices]
        rles: list[list[RLE]] = [[] for _ in chosen]
        scores: list[list[float]] = [[] for _ in chosen]
        prompts: list[list[str]] = [[] for _ in chosen]
        for chunk in chunk_prompts(make_prompts(chosen, self.cfg), self._points_per_chunk):
            for prompt, masks, predicted_iou in self._decode(prepared, chunk):
                rles[prompt.click_index].extend(encode_masks(masks))
                scores[prompt.click_index].extend(predicted_iou)
                prompts[prompt.click_index].extend([prompt.name] * len(masks))
        return [
            Proposals(tuple(r), rle_boxes(r), np.asarray(s, np.float32), tuple(p))
            for r, s, p in zip(rles, scores, prompts, strict=True)
        ]

    @property
    def _dtype(self) -> torch.dtype:
        if self.cfg.precision != "auto":
            dtype: torch.dtype = getattr(torch, self.cfg.precision)
            return dtype
        if self._device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16

    def _encoder_precision(self) -> AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=self._dtype)

    @torch.inference_mode()
    def prepare(self, image: np.ndarray) -> Embedding:
        """Resize one image (H, W, 3) uint8 and run the image encoder on it."""
        encoding = self.segmenter.image_processor(images=image, return_tensors="pt")
        pixels = encoding["pixel_values"].to(self._device)
        with self._encoder_precision():
            embeddings = self.segmenter.model.get_image_embeddings(pixels)
        sizes = {
            name: encoding[name]
            for name in ("original_sizes", "reshaped_input_sizes")
            if name in encoding
        }
        # SAM and SAM-HQ keep the aspect ratio and pad; later models stretch to the square.
        content = sizes.get("reshaped_input_sizes", [pixels.shape[-2:]])[0]
        return Embedding(
            inputs=_decoder_inputs(embeddings, self.segmenter.model_type),
            original_size=(image.shape[0], image.shape[1]),
            content_size=(int(content[0]), int(content[1])),
            sizes=sizes,
        )

    def _decode(
        self, embedding: Embedding, chunk: Sequence[Prompt]
    ) -> Iterator[tuple[Prompt, np.ndarray, list[float]]]:
        """Yield the masks of each prompt, (3, H, W) bool in the original frame, and their scores.

        All prompts of a chunk have the same number of points, and all or none have a box.
        """
        inputs = prompt_tensors(chunk, embedding.original_size, embedding.content_size)
        inputs = {name: tensor.to(self._device) for name, tensor in inputs.items()}
        outputs = self.segmenter.model(**embedding.inputs, **inputs, multimask_output=True)
        scores = outputs.iou_scores[0].float().clamp(0, 1).tolist()
        # One prompt at a time: at the size of a photograph, a chunk's masks would take gigabytes.
        for index, prompt in enumerate(chunk):
            low_resolution = outputs.pred_masks[:, index : index + 1].float()
            masks = self.segmenter.image_processor.post_process_masks(
                low_resolution, **embedding.sizes
            )[0]
            yield prompt, masks.reshape(-1, *embedding.original_size).cpu().numpy(), scores[index]


def make_prompts(clicks: Sequence[Click], cfg: SamConfig) -> list[Prompt]:
    """Return the prompts of clicks: points, and points with box if there is one."""
    prompts = []
    for index, click in enumerate(clicks):
        points = (*click.points, *click.negative_points)
        labels = (_POSITIVE,) * len(click.points) + (_NEGATIVE,) * len(click.negative_points)
        prompts.append(Prompt(index, "point", points, labels, None))
        if cfg.box_prompts and click.box is not None:
            prompts.append(Prompt(index, "point+box", points, labels, click.box))
    return prompts


def chunk_prompts(prompts: Sequence[Prompt], size: int) -> Iterator[list[Prompt]]:
    """Group prompts that fit in one tensor: equally many points, all or none with a box.

    The segmenters can pad, but their padding is not neutral: padded tokens take part in attention
    and change the masks.

    Args:
        prompts: prompts of one image.
        size: largest number of prompts per chunk, at least 1.

    Yields:
        Chunks of 1 to `size` prompts; the prompts of an object keep their order.
    """
    groups: dict[tuple[bool, int], list[Prompt]] = {}
    for prompt in prompts:
        groups.setdefault((prompt.box is not None, len(prompt.points)), []).append(prompt)
    for _, group in sorted(groups.items()):
        for start in range(0, len(group), size):
            yield group[start : start + size]


def prompt_tensors(
    chunk: Sequence[Prompt], original_size: tuple[int, int], content_size: tuple[int, int]
) -> dict[str, Tensor]:
    """Convert the prompts of a chunk to arguments of the model's forward.

    Coordinates are scaled from the original to the resized image and become pixel indices (the
    center of the first pixel is 0), to which the prompt encoders add half a pixel again.

    Args:
        chunk: n prompts with P points each.
        original_size: (height, width) of the image.
        content_size: (height, width) of the resized image.

    Returns:
        input_points (1, n, P, 2) float32 xy, input_labels (1, n, P) int64, and, if the prompts have
        boxes, input_boxes (1, n, 4) float32 xyxy.
    """
    scale = torch.tensor(content_size[::-1]) / torch.tensor(original_size[::-1])
    points = torch.tensor([prompt.points for prompt in chunk], dtype=torch.float32)
    tensors = {
        "input_points": (points * scale - _PIXEL_CENTER)[None],
        "input_labels": torch.tensor([[prompt.labels for prompt in chunk]]),
    }
    boxes = [prompt.box for prompt in chunk if prompt.box is not None]
    if boxes:
        corners = torch.tensor(boxes, dtype=torch.float32)
        tensors["input_boxes"] = (corners * scale.repeat(2) - _PIXEL_CENTER)[None]
    return tensors


def _decoder_inputs(embeddings: Any, model_type: str) -> dict[str, Any]:  # noqa: ANN401  # by model
    """Return those arguments of the model's forward that represent the image, in float32."""
    match model_type:
        case "sam":
            return {"image_embeddings": embeddings.float()}
        case "sam_hq":
            final, intermediate = embeddings
            return {
                "image_embeddings": final.float(),
                "intermediate_embeddings": [level.float() for level in intermediate],
            }
        case _:
            return {"image_embeddings": [level.float() for level in embeddings]}

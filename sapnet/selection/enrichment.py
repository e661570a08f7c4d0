"""Positive and negative bags (PNPG, Algorithm 1): sampled boxes with mask crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from sapnet.geometry.shares import region_shares
from sapnet.selection.choosing import choose_boxes, gather_rows
from sapnet.selection.features import crop_in_boxes
from sapnet.selection.sampling import clip_boxes, jitter_boxes, sample_background, sample_parts

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.selection.config import NegativesConfig, PositivesConfig
    from sapnet.structures.batch import Bags


@dataclass(frozen=True)
class Choice:
    """The selected proposal of each object.

    Attributes:
        boxes: (N, 4) xyxy selected boxes.
        crop_boxes: (N, 4) xyxy boxes of the best proposals; the same unless several are averaged.
        crops: (N, 7, 7) their mask crops.
        own_scores: (N,) their proposer's scores.
        guidance: (N,) their distance scores.
    """

    boxes: Tensor
    crop_boxes: Tensor
    crops: Tensor
    own_scores: Tensor
    guidance: Tensor


@dataclass(frozen=True)
class SampledBoxes:
    """Boxes that are not proposals, (..., 4), and mask crops to go with them, (..., 7, 7)."""

    boxes: Tensor
    crops: Tensor


@dataclass(frozen=True)
class Negatives(SampledBoxes):
    """M negatives of a batch and the (M,) images they lie in."""

    image_index: Tensor


def choose_proposals(
    bags: Bags, scores: Tensor, members: Tensor, guidance: Tensor, top_k: int
) -> Choice:
    """Choose the box of each object, with the values of its proposal.

    Args:
        bags: N bags.
        scores: (N, K) selection scores.
        members: (N, K) bool, proposals that may be chosen.
        guidance: (N, K) distance scores.
        top_k: proposals averaged into the selected box.

    Returns:
        N choices.
    """
    index, boxes = choose_boxes(bags.boxes, scores, members, top_k)
    return Choice(
        boxes=boxes,
        crop_boxes=gather_rows(bags.boxes, index),
        crops=gather_rows(bags.mask_crops, index),
        own_scores=gather_rows(bags.own_scores, index),
        guidance=gather_rows(guidance, index),
    )


def sample_positives(choice: Choice, sizes: Tensor, cfg: PositivesConfig) -> SampledBoxes:
    """Sample boxes round the selected ones; each crops the selected mask to its own window.

    Args:
        choice: the selected boxes of N objects.
        sizes: (N, 2) height and width of each object's image; boxes are clipped to it.
        cfg: the scales; disabled, there are none.

    Returns:
        (N, K') boxes with crops.
    """
    if cfg.enabled:
        boxes = clip_boxes(jitter_boxes(choice.boxes, choice.guidance, cfg), sizes)
    else:
        boxes = choice.boxes.new_empty(len(choice.boxes), 0, 4)
    return SampledBoxes(boxes, crop_in_boxes(choice.crops, choice.crop_boxes, boxes))


def sample_negatives(
    bags: Bags,
    positive_boxes: Tensor,
    choice: Choice,
    image_sizes: Tensor,
    cfg: NegativesConfig,
    generator: torch.Generator | None = None,
) -> Negatives:
    """Sample the background and part negatives of a batch.

    A background box has no mask. It borrows the crop of any proposal of the batch, so that the
    class branch must reject its features and cannot just reject an empty crop. A part sees the
    selected mask through its own window.

    Args:
        bags: N bags.
        positive_boxes: (N, Q, 4) xyxy enriched bags, of which the background keeps clear.
        choice: the selected boxes, of which parts are taken.
        image_sizes: (B, 2) height and width.
        cfg: numbers and limits.
        generator: of the random draws; None for the global one.

    Returns:
        The M negatives that count.
    """
    uniforms = _draw((len(image_sizes), cfg.num_random, 4), bags.boxes, generator)
    boxes, counts = sample_background(uniforms, image_sizes, positive_boxes, bags.image_index, cfg)
    background_images = counts.nonzero()[:, 0]
    background_crops = _borrow_crops(bags, len(background_images), generator)

    uniforms = _draw((bags.num_objects, cfg.num_parts, 5), bags.boxes, generator)
    short_sides = image_sizes.amin(1)[bags.image_index]
    min_area = (cfg.min_part_side * short_sides) ** 2
    parts, part_counts = sample_parts(uniforms, choice.boxes, min_area, cfg)
    part_crops = crop_in_boxes(choice.crops, choice.crop_boxes, parts)
    part_images = bags.image_index[part_counts.nonzero()[:, 0]]
    return Negatives(
        boxes=torch.cat([boxes[counts], parts[part_counts]]),
        crops=torch.cat([background_crops, part_crops[part_counts]]),
        image_index=torch.cat([background_images, part_images]),
    )


def clear_of_regions(negatives: Negatives, regions: Tensor, share: float) -> Negatives:
    """Leave out the negatives that may show an object: those that regions cover too much.

    Args:
        negatives: M negatives of a batch.
        regions: (B, h, w) bool on the stride-4 grid.
        share: share of a box, in [0, 1]; one that is covered by as much is left out.
    """
    kept = region_shares(negatives.boxes, regions, negatives.image_index) < share
    return Negatives(
        boxes=negatives.boxes[kept],
        crops=negatives.crops[kept],
        image_index=negatives.image_index[kept],
    )


def _draw(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform numbers in [0, 1), drawn where the generator lives."""
    device = like.device if generator is None else generator.device
    return torch.rand(shape, generator=generator, device=device, dtype=like.dtype).to(like.device)


def _borrow_crops(bags: Bags, num_crops: int, generator: torch.Generator | None) -> Tensor:
    """Borrow crops of random proposals of the batch; full ones if it has no proposal."""
    crops = bags.mask_crops[bags.valid]
    if len(crops) == 0:
        return bags.mask_crops.new_ones(num_crops, *bags.mask_crops.shape[2:])
    uniforms = _draw((num_crops,), bags.boxes, generator)
    # A product rounded up to the number of crops would be one too many.
    return crops[(uniforms * len(crops)).long().clamp(max=len(crops) - 1)]

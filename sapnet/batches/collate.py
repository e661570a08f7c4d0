"""Collation: samples of single images joined to one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sapnet.structures.batch import Bags, Batch, Gaps, InstanceTargets
from sapnet.structures.grids import MASK_STRIDE

if TYPE_CHECKING:
    from sapnet.batches.sample import Sample


def collate(samples: Sequence[Sample]) -> Batch:
    """Join samples to one batch.

    Images are padded with zeros to the largest height and width of their views, bags to the largest
    number of proposals. Objects are flattened in the order of the images.

    Args:
        samples: at least one; all with bags, all with targets, or all with neither.

    Returns:
        The batch.

    Raises:
        ValueError: if the list is empty, or samples with and without bags or targets are mixed.
    """
    if not samples:
        raise ValueError("collate: expected at least one sample, found 0")
    height, width = (
        max(sides) for sides in zip(*(s.view.padded_size for s in samples), strict=True)
    )
    bags = [sample.bags for sample in samples if sample.bags is not None]
    targets = [sample.targets for sample in samples if sample.targets is not None]
    if len(bags) not in (0, len(samples)) or len(targets) not in (0, len(samples)):
        raise ValueError(
            f"collate: expected bags and targets in all samples or in none, found {len(bags)} with "
            f"bags and {len(targets)} with targets among {len(samples)}"
        )
    grid = (height // MASK_STRIDE, width // MASK_STRIDE)
    # Masks of targets may have another stride.
    stride = samples[0].view.padded_size[0] // targets[0].masks.shape[1] if targets else 1
    sizes = [(sample.view.input_size, sample.view.original_size) for sample in samples]
    return Batch(
        images=_join([sample.image[None] for sample in samples], (3, height, width)),
        image_sizes=torch.tensor([input_size for input_size, _ in sizes]),
        original_sizes=torch.tensor([original_size for _, original_size in sizes]),
        image_ids=torch.tensor([sample.image_id for sample in samples]),
        bags=_join_bags(bags, grid) if bags else None,
        targets=(_join_targets(targets, (height // stride, width // stride)) if targets else None),
        gaps=_join_gaps([sample.gaps for sample in samples], grid),
    )


def _join_bags(bags: Sequence[Bags], grid: tuple[int, int]) -> Bags:
    num_proposals = max(bag.num_proposals for bag in bags)

    def join(name: str) -> Tensor:
        tensors = [getattr(bag, name) for bag in bags]
        return _join(tensors, (num_proposals, *tensors[0].shape[2:]))

    return Bags(
        boxes=join("boxes"),
        valid=join("valid"),
        mask_crops=join("mask_crops"),
        holds_rival=join("holds_rival"),
        box_iou=join("box_iou"),
        own_scores=join("own_scores"),
        masks=_join([bag.masks for bag in bags], (num_proposals, *grid)),
        labels=torch.cat([bag.labels for bag in bags]),
        points=torch.cat([bag.points for bag in bags]),
        image_index=_image_index([bag.num_objects for bag in bags]),
        annotation_ids=torch.cat([bag.annotation_ids for bag in bags]),
    )


def _join_targets(targets: Sequence[InstanceTargets], grid: tuple[int, int]) -> InstanceTargets:
    num_ranked = max(target.ranked_masks.shape[1] for target in targets)
    return InstanceTargets(
        masks=_join([target.masks for target in targets], grid),
        boxes=torch.cat([target.boxes for target in targets]),
        labels=torch.cat([target.labels for target in targets]),
        image_index=_image_index([target.num_objects for target in targets]),
        ranked_masks=_join([target.ranked_masks for target in targets], (num_ranked, *grid)),
        ranked_valid=_join([target.ranked_valid for target in targets], (num_ranked,)),
    )


def _join_gaps(gaps: Sequence[Gaps | None], grid: tuple[int, int]) -> Gaps | None:
    """Join what the images leave open; None if no image leaves anything open."""
    found = [(image, entry) for image, entry in enumerate(gaps) if entry is not None]
    if not found:
        return None
    num_classes = found[0][1].partial.shape[1]
    partial = torch.zeros(len(gaps), num_classes, dtype=torch.bool)
    for image, entry in found:
        partial[image] = entry.partial[0]
    return Gaps(
        partial=partial,
        masks=_join([entry.masks for _, entry in found], grid),
        labels=torch.cat([entry.labels for _, entry in found]),
        image_index=torch.cat([torch.full_like(e.image_index, image) for image, e in found]),
    )


def _join(tensors: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
    """Join tensors along the first axis to (sum of lengths, *shape), padded with zeros."""
    if all(tensor.shape[1:] == shape and tensor.is_contiguous() for tensor in tensors):
        return torch.cat(list(tensors))
    lengths = [len(tensor) for tensor in tensors]
    joined = torch.zeros(sum(lengths), *shape, dtype=tensors[0].dtype)
    for part, tensor in zip(torch.split(joined, lengths), tensors, strict=True):
        part[(slice(None), *(slice(side) for side in tensor.shape[1:]))] = tensor
    return joined


def _image_index(counts: Sequence[int]) -> Tensor:
    """Return the index of the image of each object, (N,) int64."""
    return torch.repeat_interleave(torch.tensor(counts))

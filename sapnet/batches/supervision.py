"""Conversion of stored objects and masks of one image to bags and targets.

Masks go from their run lengths straight to the grid of the training, all of an image at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from sapnet.batches.augment import view_boxes, view_crops, view_masks, view_points
from sapnet.batches.sample import View
from sapnet.geometry.boxes import broadcast_iou
from sapnet.geometry.rle import rle_boxes
from sapnet.structures.batch import Bags, Gaps, InstanceTargets
from sapnet.structures.clicks import RLE, Coverage
from sapnet.structures.coverage import Unmarked, partial_categories
from sapnet.structures.grids import CROP_SIZE, MASK_STRIDE
from sapnet.structures.proposals import StoredObject

_FULL_COVERAGE = 255  # stored mask crops are 8-bit


def make_bags(objects: Sequence[StoredObject], labels: Sequence[int], view: View) -> Bags:
    """Make the bags of one image, padded to its largest number of proposals.

    Args:
        objects: N objects of the image, at least one proposal each.
        labels: N class indices.
        view: the view of the image.

    Returns:
        N bags in the input frame with image index 0; K is at least 1.
    """
    counts = np.array([len(entry.proposals) for entry in objects], np.int64)
    num_proposals = int(counts.max(initial=1))
    is_valid = np.arange(num_proposals) < counts[:, None]

    def bag(parts: list[np.ndarray], kind: type, tail: tuple[int, ...] = ()) -> Tensor:
        """Pad one (k, *tail) per object to (N, K, *tail); zeros where there is no proposal."""
        filled = np.zeros((*is_valid.shape, *tail), kind)
        if parts:
            filled[is_valid] = np.concatenate(parts)
        return torch.from_numpy(filled)

    boxes = bag([entry.proposals.boxes for entry in objects], np.float32, (4,))
    crops = bag([entry.mask_crops for entry in objects], np.float32, (CROP_SIZE, CROP_SIZE))
    valid = torch.from_numpy(is_valid)
    grids = view_masks([rle for entry in objects for rle in entry.proposals.rles], view)
    if is_valid.all():
        masks = grids.reshape(*is_valid.shape, *view.grid_size())
    else:
        masks = torch.zeros(*is_valid.shape, *view.grid_size(), dtype=torch.uint8)
        masks[valid] = grids
    points = torch.tensor([entry.click.point for entry in objects]).reshape(-1, 2)
    return Bags(
        # Padding stays zero, which a flip would move.
        boxes=view_boxes(boxes, view) * valid[..., None],
        valid=valid,
        mask_crops=view_crops(crops / _FULL_COVERAGE, view),
        holds_rival=bag([entry.holds_rival for entry in objects], bool),
        box_iou=_given_box_iou(objects, boxes, valid),
        own_scores=bag([entry.proposals.scores for entry in objects], np.float32),
        masks=masks,
        labels=torch.tensor(labels, dtype=torch.int64),
        points=view_points(points, view),
        image_index=torch.zeros(len(objects), dtype=torch.int64),
        annotation_ids=torch.tensor(
            [entry.click.annotation_id for entry in objects], dtype=torch.int64
        ),
    )


def _given_box_iou(objects: Sequence[StoredObject], boxes: Tensor, valid: Tensor) -> Tensor:
    """Compute the IoU (N, K) of each proposal with the known box of its click; 1 without.

    An estimated box bounds nothing: it may be far from the object.

    Args:
        objects: N objects.
        boxes: (N, K, 4) xyxy, original frame.
        valid: (N, K) bool.
    """
    found = torch.ones(valid.shape)
    given = [n for n, entry in enumerate(objects) if entry.click.known_box is not None]
    if given:
        limits = torch.tensor([objects[n].click.known_box for n in given])
        found[given] = broadcast_iou(boxes[given], limits[:, None])
    return found.where(valid, torch.ones(()))


def make_targets(
    rles: Sequence[RLE], labels: Sequence[int], view: View, stride: int = MASK_STRIDE
) -> InstanceTargets:
    """Make the targets of one image from masks, one per object; no runners-up.

    Args:
        rles: N masks, original frame.
        labels: N class indices.
        view: the view of the image.
        stride: input pixels per cell of the masks.

    Returns:
        N targets in the input frame with image index 0; boxes are the masks' tight boxes.
    """
    num_objects = len(rles)
    return InstanceTargets(
        masks=view_masks(rles, view, stride),
        boxes=view_boxes(_float_tensor(rle_boxes(rles)), view),
        labels=torch.tensor(labels, dtype=torch.int64),
        image_index=torch.zeros(num_objects, dtype=torch.int64),
        ranked_masks=torch.zeros(num_objects, 0, *view.grid_size(stride), dtype=torch.uint8),
        ranked_valid=torch.zeros(num_objects, 0, dtype=torch.bool),
    )


def make_gaps(
    coverage: Coverage, labels: Mapping[int, int], unmarked: Unmarked, view: View
) -> Gaps | None:
    """Make the gaps of one image: what was not annotated of it.

    Args:
        coverage: of the image.
        labels: class index of each category id.
        unmarked: what the image counts as if nobody marked it.
        view: the view of the image.

    Returns:
        One row of gaps with image index 0; None for a complete image without ignored regions.
    """
    partial_ids = partial_categories(coverage, labels, unmarked)
    partial = [labels[category_id] for category_id in partial_ids if category_id in labels]
    regions = [region for region in coverage.ignored if region.category_id in labels]
    if not partial and not regions:
        return None
    is_partial = torch.zeros(1, len(labels), dtype=torch.bool)
    is_partial[0, partial] = True
    return Gaps(
        partial=is_partial,
        masks=view_masks([region.mask for region in regions], view),
        labels=torch.tensor([labels[region.category_id] for region in regions], dtype=torch.int64),
        image_index=torch.zeros(len(regions), dtype=torch.int64),
    )


def top_proposals(objects: Sequence[StoredObject]) -> list[RLE]:
    """Return each object's mask with the best own score.

    Args:
        objects: N objects, at least one proposal each.

    Returns:
        N masks, original frame; the first of equals.
    """
    return [entry.proposals.rles[int(np.argmax(entry.proposals.scores))] for entry in objects]


def _float_tensor(values: np.ndarray) -> Tensor:
    """Copy to a float32 tensor; stored arrays are read-only views of the file."""
    return torch.tensor(np.asarray(values, np.float32))

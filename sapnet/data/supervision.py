"""From stored objects and masks of one image to the tensors that training learns from.

One object is decoded at a time: its masks exist at the file's resolution only until they are on the
stride-4 grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sapnet.data.augment import View, view_boxes, view_crops, view_masks, view_points
from sapnet.geometry.boxes import broadcast_iou
from sapnet.geometry.rle import decode_masks, rle_boxes
from sapnet.structures import CROP_SIZE, RLE, Bags, InstanceTargets, StoredObject

_FULL_COVERAGE = 255  # stored mask crops are 8-bit


def make_bags(objects: Sequence[StoredObject], labels: Sequence[int], view: View) -> Bags:
    """Bags of one image, padded to its largest number of proposals.

    Args:
        objects: N objects of the image, at least one proposal each.
        labels: N class indices.
        view: how the image enters the network.

    Returns:
        N bags in the input frame with image index 0; K is at least 1.
    """
    num_objects = len(objects)
    num_proposals = max((len(entry.proposals) for entry in objects), default=1)
    shape = (num_objects, num_proposals)
    boxes, own_scores = torch.zeros(*shape, 4), torch.zeros(shape)
    box_iou = torch.ones(shape)
    valid, holds_rival = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
    mask_crops = torch.zeros(*shape, CROP_SIZE, CROP_SIZE)
    masks = torch.zeros(*shape, *view.grid_size, dtype=torch.uint8)
    for n, entry in enumerate(objects):
        k = len(entry.proposals)
        valid[n, :k] = True
        boxes[n, :k] = view_boxes(_float_tensor(entry.proposals.boxes), view)
        own_scores[n, :k] = _float_tensor(entry.proposals.scores)
        holds_rival[n, :k] = torch.tensor(np.asarray(entry.holds_rival))
        if entry.click.box is not None:
            given = torch.tensor(entry.click.box)
            box_iou[n, :k] = broadcast_iou(_float_tensor(entry.proposals.boxes), given)
        mask_crops[n, :k] = view_crops(_float_tensor(entry.mask_crops) / _FULL_COVERAGE, view)
        masks[n, :k] = _grid_masks(entry.proposals.rles, view)
    points = torch.tensor([entry.click.point for entry in objects]).reshape(-1, 2)
    return Bags(
        boxes=boxes,
        valid=valid,
        mask_crops=mask_crops,
        holds_rival=holds_rival,
        box_iou=box_iou,
        own_scores=own_scores,
        masks=masks,
        labels=torch.tensor(labels, dtype=torch.int64),
        points=view_points(points, view),
        image_index=torch.zeros(num_objects, dtype=torch.int64),
        annotation_ids=torch.tensor(
            [entry.click.annotation_id for entry in objects], dtype=torch.int64
        ),
    )


def make_targets(rles: Sequence[RLE], labels: Sequence[int], view: View) -> InstanceTargets:
    """Targets of one image from masks, one per object; no runners-up.

    Args:
        rles: N masks, original frame.
        labels: N class indices.
        view: how the image enters the network.

    Returns:
        N targets in the input frame with image index 0; boxes are the masks' tight boxes.
    """
    num_objects = len(rles)
    return InstanceTargets(
        masks=_grid_masks(rles, view),
        boxes=view_boxes(_float_tensor(rle_boxes(rles)), view),
        labels=torch.tensor(labels, dtype=torch.int64),
        image_index=torch.zeros(num_objects, dtype=torch.int64),
        ranked_masks=torch.zeros(num_objects, 0, *view.grid_size, dtype=torch.uint8),
        ranked_valid=torch.zeros(num_objects, 0, dtype=torch.bool),
    )


def top_proposals(objects: Sequence[StoredObject]) -> list[RLE]:
    """The mask that each object's proposer likes best.

    Args:
        objects: N objects, at least one proposal each.

    Returns:
        N masks, original frame; the first of equals.
    """
    return [entry.proposals.rles[int(np.argmax(entry.proposals.scores))] for entry in objects]


def _grid_masks(rles: Sequence[RLE], view: View) -> Tensor:
    """(K, h, w) uint8 on the stride-4 grid of the padded input; decoded one by one."""
    grids = [view_masks(decode_masks([rle]), view) for rle in rles]
    empty = torch.zeros(0, *view.grid_size, dtype=torch.uint8)
    return torch.cat(grids) if grids else empty


def _float_tensor(values: np.ndarray) -> Tensor:
    """A float32 copy; stored arrays are read-only views of the file."""
    return torch.tensor(np.asarray(values, np.float32))

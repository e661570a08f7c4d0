"""Regions to ignore in the losses of other segmenters: what lies there is no background."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from sapnet.geometry.shares import region_shares
from sapnet.segmentation.others.mask_rcnn import MaskRCNN
from sapnet.structures.seen import union_of_images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from sapnet.segmentation.others.mask2former import Mask2Former
    from sapnet.structures.batch import Gaps

MAX_COVERED = 0.5
"""Share of a box or a mask in regions to ignore from which on it is no background."""

_SURE = 100.0  # logit of "no object" whose loss and gradient are 0


def ignored_regions(gaps: Gaps | None) -> Tensor | None:
    """Join the regions of each image, of all classes: (B, h, w) bool at stride 4.

    Returns:
        None without any region. Classes that are partial have none.
    """
    if gaps is None or not len(gaps.labels):
        return None
    return union_of_images(gaps.masks, gaps.image_index, len(gaps.partial))


@contextmanager
def regions_spared(segmenter: MaskRCNN | Mask2Former, gaps: Gaps | None) -> Iterator[None]:
    """Let the losses of a segmenter leave regions to ignore out.

    Args:
        segmenter: whose losses are computed meanwhile.
        gaps: of the batch. Classes that are partial are not left out. None without any.
    """
    regions = ignored_regions(gaps)
    if isinstance(segmenter, MaskRCNN):
        with boxes_spared(segmenter.model, regions):
            yield
    else:
        with queries_spared(segmenter.model.criterion, regions):
            yield


@contextmanager
def boxes_spared(model: Any, regions: Tensor | None) -> Iterator[None]:  # noqa: ANN401  # torchvision's
    """Let a Mask R-CNN of torchvision draw no negative box in regions to ignore.

    Args:
        model: the network; anchors and proposals that the regions cover are discarded as those
            between its thresholds are, unless they are of an object.
        regions: (B, h, w) bool at stride 4; None for none.
    """
    if regions is None:
        yield
        return
    rpn, heads = model.rpn, model.roi_heads
    of_anchors, of_proposals = rpn.assign_targets_to_anchors, heads.assign_targets_to_proposals

    def anchors(boxes: list[Tensor], targets: Any) -> Any:  # noqa: ANN401
        labels, matched = of_anchors(boxes, targets)
        return _without_negatives(labels, boxes, regions), matched

    def proposals(boxes: list[Tensor], *targets: Any) -> Any:  # noqa: ANN401
        matched, labels = of_proposals(boxes, *targets)
        return matched, _without_negatives(labels, boxes, regions)

    rpn.assign_targets_to_anchors, heads.assign_targets_to_proposals = anchors, proposals
    try:
        yield
    finally:
        del rpn.assign_targets_to_anchors, heads.assign_targets_to_proposals


def _without_negatives(
    labels: Sequence[Tensor], boxes: Sequence[Tensor], regions: Tensor
) -> list[Tensor]:
    """Label the negatives that regions cover as discarded: -1 in the place of 0.

    If nothing else is left in the batch, the least covered one stays: torchvision's mean over no
    box is NaN.
    """
    image_index = torch.arange(len(boxes), device=regions.device)
    counts = torch.tensor([len(own) for own in boxes], device=regions.device)
    places = image_index.repeat_interleave(counts)
    shares = region_shares(torch.cat(list(boxes)).float(), regions, places)
    given = torch.cat(list(labels))
    found = given.masked_fill((given == 0) & (shares >= MAX_COVERED), -1)
    if len(found) and bool((found < 0).all()) and bool((given == 0).any()):
        least = shares.masked_fill(given != 0, torch.inf).argmin()
        found[least] = 0
    return list(torch.split(found, counts.tolist()))


@contextmanager
def queries_spared(criterion: Any, regions: Tensor | None) -> Iterator[None]:  # noqa: ANN401
    """Let the loss of a Mask2Former of transformers leave queries in regions to ignore out.

    Args:
        criterion: its loss. A query that no object is matched to learns no class if its mask lies
            mostly in the regions.
        regions: (B, h, w) bool at stride 4; None for none.
    """
    if regions is None:
        yield
        return
    of_masks, of_labels = criterion.loss_masks, criterion.loss_labels
    is_covered = torch.zeros(0)

    def masks(logits: Tensor, *targets: Any) -> Any:  # noqa: ANN401
        nonlocal is_covered
        is_covered = _covered(logits.detach(), regions)
        return of_masks(logits, *targets)

    def labels(logits: Tensor, wanted: list[Tensor], indices: Any) -> Any:  # noqa: ANN401
        spared = is_covered.clone()
        for index, (queries, _) in enumerate(indices):
            spared[index, torch.as_tensor(queries, dtype=torch.int64)] = False
        sure = torch.zeros_like(logits[0, 0])
        sure[-1] = _SURE
        return of_labels(torch.where(spared[..., None], sure, logits), wanted, indices)

    criterion.loss_masks, criterion.loss_labels = masks, labels
    try:
        yield
    finally:
        del criterion.loss_masks, criterion.loss_labels


def _covered(logits: Tensor, regions: Tensor) -> Tensor:
    """Tell which masks (B, Q, h', w') lie mostly in the regions of their image: (B, Q) bool."""
    size = logits.shape[-2:]
    inside = functional.interpolate(regions[:, None].float(), size, mode="area") > MAX_COVERED
    masks = logits > 0
    areas = masks.sum((2, 3))
    return ((masks & inside).sum((2, 3)) >= MAX_COVERED * areas) & (areas > 0)

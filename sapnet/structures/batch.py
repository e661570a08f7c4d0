"""A batch as the loader gives it: images with bags of proposals or with target masks.

Letters: B images, N objects of the whole batch, K proposals of an object (padded), C classes,
H x W pixels of the padded network input, h x w its stride-4 grid. Boxes are xyxy pixel edges.
Frames: *original* (pixels of the upright file) and *input* (resized, padded tensor).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from sapnet.structures.grids import CROP_SIZE
from sapnet.structures.tensors import PacksTensors, TensorFields

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Bags(PacksTensors, TensorFields):
    """All proposals of all objects of a batch, input frame.

    Attributes:
        boxes: (N, K, 4) float32 xyxy, input frame; zeros where not valid.
        valid: (N, K) bool, False for padding. Every object has at least one valid proposal.
        mask_crops: (N, K, 7, 7) float32 in [0, 1], the mask inside its box.
        holds_rival: (N, K) bool, the mask holds a rival click.
        box_iou: (N, K) float32 in [0, 1], IoU of the proposal's box with the known box that came
            with the click; 1 where none did.
        own_scores: (N, K) float32 in [0, 1], the proposer's own score; 0 where not valid.
        masks: (N, K, h, w) uint8 0/1 on the stride-4 grid.
        labels: (N,) int64 class index 0..C-1.
        points: (N, 2) float32 (x, y), input frame.
        image_index: (N,) int64 non-decreasing, index of the object's image in the batch.
        annotation_ids: (N,) int64, the object's id in the data set.
    """

    boxes: Tensor
    valid: Tensor
    mask_crops: Tensor
    holds_rival: Tensor
    box_iou: Tensor
    own_scores: Tensor
    masks: Tensor
    labels: Tensor
    points: Tensor
    image_index: Tensor
    annotation_ids: Tensor

    def __post_init__(self) -> None:
        n, k = self.valid.shape
        expected = {
            "boxes": (n, k, 4),
            "mask_crops": (n, k, CROP_SIZE, CROP_SIZE),
            "holds_rival": (n, k),
            "box_iou": (n, k),
            "own_scores": (n, k),
            "labels": (n,),
            "points": (n, 2),
            "image_index": (n,),
            "annotation_ids": (n,),
        }
        for name, shape in expected.items():
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise ValueError(f"Bags.{name}: expected shape {shape}, found {found}")
        if self.masks.ndim != 4 or tuple(self.masks.shape[:2]) != (n, k):
            raise ValueError(
                f"Bags.masks: expected shape ({n}, {k}, h, w), found {tuple(self.masks.shape)}"
            )

    @property
    def num_objects(self) -> int:
        """N."""
        return self.valid.shape[0]

    @property
    def num_proposals(self) -> int:
        """K, padding included."""
        return self.valid.shape[1]


@dataclass(frozen=True)
class InstanceTargets(PacksTensors, TensorFields):
    """Masks the segmenter learns from; it does not know where they came from.

    Attributes:
        masks: (N, h, w) uint8 0/1 on a grid of the padded input: stride 4 for SOLOv2, 1 for other
            segmenters.
        boxes: (N, 4) float32 xyxy, input frame; SOLOv2 uses their size alone (level assignment).
        labels: (N,) int64 class index.
        image_index: (N,) int64 index of the object's image in the batch.
        ranked_masks: (N, R, h, w) uint8, runners-up for multi-mask supervision; R = 0 without.
        ranked_valid: (N, R) bool.
    """

    masks: Tensor
    boxes: Tensor
    labels: Tensor
    image_index: Tensor
    ranked_masks: Tensor
    ranked_valid: Tensor

    def __post_init__(self) -> None:
        n = self.masks.shape[0]
        if self.masks.ndim != 3:
            raise ValueError(
                f"InstanceTargets.masks: expected (N, h, w), found {tuple(self.masks.shape)}"
            )
        for name, shape in {"boxes": (n, 4), "labels": (n,), "image_index": (n,)}.items():
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise ValueError(f"InstanceTargets.{name}: expected {shape}, found {found}")
        if tuple(self.ranked_masks.shape[:2]) != tuple(self.ranked_valid.shape):
            raise ValueError(
                f"InstanceTargets: ranked masks {tuple(self.ranked_masks.shape)} and their "
                f"validity {tuple(self.ranked_valid.shape)} disagree"
            )

    @property
    def num_objects(self) -> int:
        """N."""
        return self.masks.shape[0]


@dataclass(frozen=True)
class Gaps(PacksTensors, TensorFields):
    """Parts of the images of a batch that were not annotated, Q ignored regions among them.

    Attributes:
        partial: (B, C) bool, some objects of this class may not be clicked in this image.
        masks: (Q, h, w) uint8 0/1, ignored regions.
        labels: (Q,) int64 class index of each region.
        image_index: (Q,) int64 image of each region.
    """

    partial: Tensor
    masks: Tensor
    labels: Tensor
    image_index: Tensor

    def __post_init__(self) -> None:
        q = len(self.labels)
        sizes = (tuple(self.image_index.shape), tuple(self.masks.shape[:1]), self.masks.ndim)
        if self.partial.ndim != 2 or sizes != ((q,), (q,), 3):
            raise ValueError(
                f"Gaps: expected partial (B, C) and {q} masks (Q, h, w) with as many images, found "
                f"{tuple(self.partial.shape)}, {tuple(self.masks.shape)} and "
                f"{tuple(self.image_index.shape)}"
            )


@dataclass(frozen=True)
class Batch(PacksTensors, TensorFields):
    """The images of one step, with bags or targets.

    Attributes:
        images: (B, 3, H, W) uint8 RGB, padded with zeros on the right and bottom.
        image_sizes: (B, 2) int64 (height, width) of each image's content in the input frame.
        original_sizes: (B, 2) int64 (height, width) of the upright files.
        image_ids: (B,) int64 ids of the data set.
        bags: proposals, when selection chooses the masks; else None.
        targets: masks, when they are given; else None.
        gaps: categories that are not all clicked, and ignored regions; None where all images are
            complete and without such regions.
    """

    images: Tensor
    image_sizes: Tensor
    original_sizes: Tensor
    image_ids: Tensor
    bags: Bags | None = None
    targets: InstanceTargets | None = None
    gaps: Gaps | None = None

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """Return the same batch on `device`."""
        moved = super().to(device, non_blocking=non_blocking)
        return replace(
            moved,
            bags=None if self.bags is None else self.bags.to(device, non_blocking=non_blocking),
            targets=(
                None if self.targets is None else self.targets.to(device, non_blocking=non_blocking)
            ),
            gaps=None if self.gaps is None else self.gaps.to(device, non_blocking=non_blocking),
        )

"""What passes between the rooms: frozen dataclasses, checked when they are built.

Letters: B images, N objects of the whole batch, K proposals of an object (padded), C classes,
H x W pixels of the padded network input, h x w its stride-4 grid. Boxes are xyxy pixel edges.
Frames: *original* (pixels of the upright file) and *input* (resized, padded tensor).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self, TypedDict

import torch

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

MASK_STRIDE = 4
"""Input pixels per cell of the grid on which masks live during training (SOLOv2's mask stride)."""

CROP_SIZE = 7
"""Side of a proposal's mask crop; equals the RoIAlign output so that both can be multiplied."""


GIVEN_MASK = "given mask"
"""Prompt name of the only proposal of an object whose mask was given: there is no choice."""


class RLE(TypedDict):
    """A mask as COCO compressed run lengths."""

    size: list[int]  # [height, width]
    counts: bytes


@dataclass(frozen=True)
class Category:
    """A category of the data set: its id in the files and its name."""

    category_id: int
    name: str


@dataclass(frozen=True)
class ImageRecord:
    """An image of the data set; width and height are those of the upright image."""

    image_id: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True)
class Click:
    """What the annotator gave for one object, in the original frame.

    Attributes:
        annotation_id: the object's id; unique in the data set.
        image_id: the image it lies on.
        category_id: the id of its category in the file.
        points: at least one (x, y) on the object; the first one is the object's point.
        negative_points: (x, y) that do not belong to the object.
        box: xyxy box of the object where one is known (a second prompt), else None.
        mask: the object's mask where one is known, of its image's size, else None. It is kept as
            the object's label.
        box_score: in [0, 1], how sure an estimated box is; None where the box is known. An
            estimate is a prompt and nothing else.
    """

    annotation_id: int
    image_id: int
    category_id: int
    points: tuple[tuple[float, float], ...]
    negative_points: tuple[tuple[float, float], ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: RLE | None = None
    box_score: float | None = None

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError(f"object {self.annotation_id}: expected at least one point, found 0")
        if self.box_score is not None and (self.box is None or not 0 <= self.box_score <= 1):
            raise ValueError(
                f"object {self.annotation_id}: expected a box score in [0, 1] beside a box, found "
                f"{self.box_score} beside {self.box}"
            )

    @property
    def point(self) -> tuple[float, float]:
        """The object's point: its first click."""
        return self.points[0]

    @property
    def known_box(self) -> tuple[float, float, float, float] | None:
        """The box, unless it is an estimate: what may bound the object."""
        return self.box if self.box_score is None else None


@dataclass(frozen=True)
class ClickSet:
    """A data set of clicks: images, categories and one click per object."""

    images: tuple[ImageRecord, ...]
    categories: tuple[Category, ...]
    clicks: tuple[Click, ...]


@dataclass(frozen=True)
class Proposals:
    """Candidate masks of one object, original frame.

    Attributes:
        rles: K masks.
        boxes: (K, 4) float32 tight xyxy boxes, pixel edges.
        scores: (K,) float32 the proposer's own score, in [0, 1].
        prompts: K names of what made each mask ("point", "box", or the proposer's own word;
            `GIVEN_MASK` for a mask that came with the click).
    """

    rles: tuple[RLE, ...]
    boxes: np.ndarray
    scores: np.ndarray
    prompts: tuple[str, ...]

    def __post_init__(self) -> None:
        k = len(self.rles)
        if self.boxes.shape != (k, 4) or self.scores.shape != (k,) or len(self.prompts) != k:
            raise ValueError(
                f"Proposals: {k} masks, but boxes {self.boxes.shape}, scores {self.scores.shape} "
                f"and {len(self.prompts)} prompts; expected ({k}, 4), ({k},) and {k}"
            )

    def __len__(self) -> int:
        return len(self.rles)


@dataclass(frozen=True)
class StoredObject:
    """One object of a proposal store: the click and its candidates.

    Attributes:
        click: the click, original frame.
        proposals: its K candidates.
        mask_crops: (K, 7, 7) uint8, mean coverage of the mask in each bin of its tight box, 0..255.
        holds_rival: (K,) bool, whether the mask holds the point of another object of the same
            category.
    """

    click: Click
    proposals: Proposals
    mask_crops: np.ndarray
    holds_rival: np.ndarray

    def __post_init__(self) -> None:
        k = len(self.proposals)
        if self.mask_crops.shape != (k, CROP_SIZE, CROP_SIZE) or self.holds_rival.shape != (k,):
            raise ValueError(
                f"object {self.click.annotation_id}: {k} proposals, but mask crops "
                f"{self.mask_crops.shape} and rival flags {self.holds_rival.shape}"
            )

    @property
    def has_given_mask(self) -> bool:
        """Whether the object's mask came with its click."""
        return self.proposals.prompts == (GIVEN_MASK,)


class _TensorFields:
    """Moving a dataclass of tensors between devices."""

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """The same values on `device`."""
        moved = {
            f.name: value.to(device, non_blocking=non_blocking)
            for f in fields(self)  # type: ignore[arg-type]  # only dataclasses mix this in
            if isinstance(value := getattr(self, f.name), torch.Tensor)
        }
        return replace(self, **moved)  # type: ignore[type-var]  # likewise


class _PacksMasks:
    """Pickled with eight cells of a mask per byte, the way a loader's workers send batches."""

    def __reduce__(self) -> tuple[Any, ...]:
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]  # dataclasses only
        values = [getattr(self, name) for name in names]
        pairs = zip(names, values, strict=True)
        packed = tuple(_pack_bits(v) if name.endswith("masks") else v for name, v in pairs)
        return _unpickle, (type(self), packed)


@dataclass(frozen=True)
class _Bits:
    """A uint8 tensor of 0 and 1: eight of its values per byte, and its shape."""

    packed: Tensor
    shape: torch.Size


def _pack_bits(values: Tensor) -> _Bits | Tensor:
    if values.device.type != "cpu" or values.dtype != torch.uint8:
        return values
    import numpy as np

    packed = np.packbits(values.contiguous().numpy())
    return _Bits(torch.from_numpy(packed), values.shape)


def _unpickle(kind: type[Any], values: tuple[Any, ...]) -> Any:  # noqa: ANN401  # any of the two
    import numpy as np

    def unpack(value: Any) -> Any:  # noqa: ANN401  # a tensor, or one as bits
        if not isinstance(value, _Bits):
            return value
        bits = np.unpackbits(value.packed.numpy(), count=value.shape.numel())
        return torch.from_numpy(bits).reshape(value.shape)

    return kind(*map(unpack, values))


@dataclass(frozen=True)
class Bags(_PacksMasks, _TensorFields):
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
class InstanceTargets(_PacksMasks, _TensorFields):
    """Masks the segmenter learns from; it does not know where they came from.

    Attributes:
        masks: (N, h, w) uint8 0/1 on the stride-4 grid of the padded input.
        boxes: (N, 4) float32 xyxy, input frame; only their size is used (level assignment).
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
class Batch(_TensorFields):
    """What the data loader hands to a training step.

    Attributes:
        images: (B, 3, H, W) uint8 RGB, padded with zeros on the right and bottom.
        image_sizes: (B, 2) int64 (height, width) of each image's content in the input frame.
        original_sizes: (B, 2) int64 (height, width) of the upright files.
        image_ids: (B,) int64 ids of the data set.
        bags: proposals, when selection chooses the masks; else None.
        targets: masks, when they are given; else None.
    """

    images: Tensor
    image_sizes: Tensor
    original_sizes: Tensor
    image_ids: Tensor
    bags: Bags | None = None
    targets: InstanceTargets | None = None

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """The same batch on `device`."""
        moved = super().to(device, non_blocking=non_blocking)
        return replace(
            moved,
            bags=None if self.bags is None else self.bags.to(device, non_blocking=non_blocking),
            targets=(
                None if self.targets is None else self.targets.to(device, non_blocking=non_blocking)
            ),
        )


@dataclass(frozen=True)
class Selection(_TensorFields):
    """What selection chose for each object.

    Attributes:
        index: (N,) int64, the chosen proposal of the bag.
        boxes: (N, 4) float32 refined box, input frame.
        scores: (N, K) float32 final selection scores of the bag's proposals; 0 where not valid.
        stage_scores: (N, S, K) float32 scores at the object's label that selection and, as the
            second of S = 2 stages, refinement gave the bag's proposals; 0 where they had no vote.
        losses: scalar float32 tensors by name, already weighted; empty outside training.
    """

    index: Tensor
    boxes: Tensor
    scores: Tensor
    stage_scores: Tensor
    losses: dict[str, Tensor]


@dataclass(frozen=True)
class Predictions(_TensorFields):
    """Final instances of one image, original frame, best first.

    Attributes:
        masks: (P, H, W) bool.
        labels: (P,) int64 class index.
        scores: (P,) float32 in [0, 1].
    """

    masks: Tensor
    labels: Tensor
    scores: Tensor

    def __len__(self) -> int:
        return self.masks.shape[0]

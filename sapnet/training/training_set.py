"""The images that a run learns from, with proposals or with masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sapnet.data.coco import InstanceSet, load_instances
from sapnet.data.corrections import load_corrections
from sapnet.store.reader import ProposalStore

if TYPE_CHECKING:
    from pathlib import Path

    from sapnet.structures.clicks import Category
    from sapnet.training.config import TrainConfig
    from sapnet.training.inputs import TrainInputs


@dataclass(frozen=True)
class HeldOut:
    """Held-out images and their true instances.

    Attributes:
        images: folder of the images.
        truth: their true instances.
    """

    images: Path
    truth: InstanceSet


@dataclass(frozen=True)
class TrainingSet:
    """Training images with either proposals or masks.

    Attributes:
        images: folder of the training images.
        store: proposals of the clicks.
        masks: instances, ground truth or exported labels.
    """

    images: Path
    store: ProposalStore | None = None
    masks: InstanceSet | None = None

    def __post_init__(self) -> None:
        if (self.store is None) == (self.masks is None):
            raise ValueError(
                "TrainingSet: expected either proposals or masks, found "
                + ("neither" if self.store is None else "both")
            )

    @property
    def source(self) -> ProposalStore | InstanceSet:
        """The one of `store` and `masks` that is given."""
        source = self.masks if self.store is None else self.store
        return cast("ProposalStore | InstanceSet", source)

    @property
    def categories(self) -> tuple[Category, ...]:
        """Categories in the order of the labels: by their id."""
        return tuple(sorted(self.source.categories, key=lambda category: category.category_id))


def open_training_set(inputs: TrainInputs, cfg: TrainConfig) -> TrainingSet:
    """Open the training images with the kind of supervision that the settings name.

    Raises:
        ValueError: the file that this kind of supervision needs was not given, or is unfit.
    """
    if cfg.supervision == "masks":
        masks = None if inputs.masks is None else load_instances(inputs.masks)
        return TrainingSet(inputs.images, masks=masks)
    corrections = None if inputs.corrections is None else load_corrections(inputs.corrections)
    store = None if inputs.proposals is None else ProposalStore(inputs.proposals, corrections)
    return TrainingSet(inputs.images, store=store)


def open_held_out(inputs: TrainInputs) -> HeldOut | None:
    """Open the held-out images; None if none are given."""
    if inputs.val_images is None or inputs.val_truth is None:
        return None
    return HeldOut(inputs.val_images, load_instances(inputs.val_truth))

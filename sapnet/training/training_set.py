"""The images that a run learns from, with proposals or with masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from sapnet.batches.parts import parts_of, with_parts
from sapnet.data.coco import InstanceSet, load_instances
from sapnet.data.corrections import load_corrections
from sapnet.data.image_files.depth import depth_line, find_depth
from sapnet.data.tiles.grid import Parts
from sapnet.data.tiles.instances import tile_instances
from sapnet.store.reader import ProposalStore
from sapnet.store.views.corrected import open_corrected
from sapnet.training.loop.announce import announce

if TYPE_CHECKING:
    from pathlib import Path

    from sapnet.network.config import ModelConfig
    from sapnet.structures.clicks import Category
    from sapnet.structures.coverage import Unmarked
    from sapnet.training.config import TrainConfig
    from sapnet.training.inputs import TrainInputs
    from sapnet.training.run_folder import RunFolder


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

    def has_partial(self, unmarked: Unmarked) -> bool:
        """Return True if some images may hold objects that nobody clicked.

        Args:
            unmarked: what images count as that nobody marked.
        """
        source = self.source
        if isinstance(source, ProposalStore):
            marked = {key: c.partial for key, c in source.coverage.items() if c.partial is not None}
        else:
            marked = dict(source.partial)
        if any(marked.values()):
            return True
        return unmarked == "partial" and len(marked) < len(source.images)


def open_training_set(inputs: TrainInputs, cfg: TrainConfig) -> TrainingSet:
    """Open the training images with the kind of supervision that the settings name.

    Raises:
        ValueError: the file that this kind of supervision needs was not given, is unfit, or has no
            object.
    """
    if cfg.supervision == "masks":
        masks = None if inputs.masks is None else load_instances(inputs.masks)
        _check_any(0 if masks is None else len(masks.instances), str(inputs.masks))
        if masks is not None:
            masks = tile_instances(masks, _parts_of_masks(masks, cfg))
        return TrainingSet(inputs.images, masks=masks)
    corrections = None if inputs.corrections is None else load_corrections(inputs.corrections)
    store = None if inputs.proposals is None else open_corrected(inputs.proposals, corrections)
    _check_any(0 if store is None else len(store), str(inputs.proposals))
    if store is not None:
        _check_parts(store, cfg)
    return TrainingSet(inputs.images, store=store)


def _parts_of_masks(masks: InstanceSet | None, cfg: TrainConfig) -> Parts:
    """Return the windows that are named, and the bands: those named, else those of the file."""
    noted = None if masks is None else masks.bands
    return Parts.of(cfg.tile, cfg.overlap, noted if cfg.bands is None else cfg.bands)


def _check_parts(store: ProposalStore, cfg: TrainConfig) -> None:
    """Raise a ValueError if other windows or bands are named than those of the proposals."""
    stored = store.parts.to_settings()
    for name, value in (
        ("tile", cfg.tile),
        ("overlap", cfg.overlap),
        ("bands", list(cfg.bands or ())),
    ):
        if value and value != stored.get(name):
            raise ValueError(
                f"--{name}: expected {stored.get(name, 'none')}, as the proposals of {store.path} "
                f"have it, found {value}. Leave it out, or propose again."
            )


def _check_any(num_objects: int, source: str) -> None:
    if num_objects == 0:
        raise ValueError(
            f"{source}: no object to learn from. Click some and propose for them, or name a file "
            "that has objects."
        )


def with_depth(
    training_set: TrainingSet, model_cfg: ModelConfig, cfg: TrainConfig, folder: RunFolder
) -> ModelConfig:
    """Fill in the bit depth of the input, and the windows and bands that it is of.

    Args:
        training_set: the training images.
        model_cfg: the network; its `augment.bits` may be open.
        cfg: the training; its `bits` wins.
        folder: the run folder; an unfinished run in it keeps its depth.

    Returns:
        The settings with the windows and bands of the store, else those given; and with the depth
        as given, else that of the run to resume, else that of the store, else that of the largest
        value of the images; None where all have 8 bits.

    Raises:
        ValueError: the network's settings name other windows or bands.
    """
    given = cfg.bits or model_cfg.augment.bits
    bits = given
    stored = folder.stored_settings()
    if bits is None and stored is not None:
        bits = stored.get("model", {}).get("augment", {}).get("bits")
    elif bits is None:
        bits = _depth_of(training_set)
        announce(line for line in (depth_line(bits, is_given=False),) if line)
    if training_set.store is not None:
        parts = training_set.store.parts
    else:
        parts = _parts_of_masks(training_set.masks, cfg)
    named = parts_of(model_cfg.augment)
    if named and named != parts:
        raise ValueError(
            "--model.augment.tile, overlap and bands follow from the images. Leave them out, and "
            "name --tile, --overlap and --bands"
        )
    augment = with_parts(replace(model_cfg.augment, bits=bits), parts)
    return replace(model_cfg, augment=augment)


def _depth_of(training_set: TrainingSet) -> int | None:
    source = training_set.source
    if isinstance(source, ProposalStore) and source.bits is not None:
        return source.bits
    return find_depth(training_set.images / image.file_name for image in source.images)


def open_held_out(inputs: TrainInputs, parts: Parts) -> HeldOut | None:
    """Open the held-out images in their windows; None if none are given."""
    if inputs.val_images is None or inputs.val_truth is None:
        return None
    truth = tile_instances(load_instances(inputs.val_truth), parts)
    return HeldOut(inputs.val_images, truth)

"""Data sets of training: one image per index, as the network sees it.

`ClickDataset` gives proposals (or the best of them as masks), `MaskDataset` gives masks. The view
of a training image depends on the seed, the epoch and its index alone, so that a resumed run sees
the same images as one that was not stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from torch.utils.data import Dataset

from sapnet.batches.augment import evaluation_view, sample_view, view_content
from sapnet.batches.config import AugmentConfig
from sapnet.batches.epoch import SharedEpoch
from sapnet.batches.sample import Sample, View
from sapnet.batches.supervision import make_bags, make_gaps, make_targets, top_proposals
from sapnet.data.coco_json import label_of_category
from sapnet.data.image_files.inside import image_path
from sapnet.data.images import load_image
from sapnet.geometry.rle import rle_areas
from sapnet.structures.clicks import Coverage, IgnoredRegion, ImageRecord
from sapnet.structures.coverage import Unmarked, coverage_of, with_ignored
from sapnet.structures.grids import MASK_STRIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.data.coco import Instance, InstanceSet
    from sapnet.store.reader import ProposalStore
    from sapnet.structures.batch import Gaps
    from sapnet.structures.proposals import StoredObject

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class DatasetConfig:
    """Content of the data sets of training.

    Attributes:
        supervision: of a `ClickDataset`: "clicks" gives bags of proposals, "top1" the mask of
            each object's proposal with the best own score.
        seed: of views and random subsets.
        keep_empty: keep images without objects in the data set.
        max_objects: most objects of an image in training, a random subset beyond; None for all. The
            others are regions to ignore.
        mask_stride: input pixels per cell of target masks, 1 or an even number; bags of proposals
            are at stride 4.
        augment: sizes, flips and colours.
        unmarked: what images count as that nobody marked as complete or partial; in training.
    """

    supervision: Literal["clicks", "top1"] = "clicks"
    seed: int = 0
    keep_empty: bool = True
    max_objects: int | None = None
    mask_stride: int = MASK_STRIDE
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    unmarked: Unmarked = "complete"

    def __post_init__(self) -> None:
        if self.supervision not in ("clicks", "top1"):
            raise ValueError(
                "DatasetConfig.supervision: expected 'clicks' or 'top1', "
                f"found {self.supervision!r}"
            )
        if self.seed < 0 or (self.max_objects is not None and self.max_objects < 1):
            raise ValueError(
                "DatasetConfig: expected a seed of 0 or more and max_objects of 1 or more, found "
                f"{self.seed} and {self.max_objects}"
            )


class ClickDataset(Dataset[Sample]):
    """Clicked images with the proposals of their objects.

    Args:
        images_dir: the folder that the store's file names are relative to.
        store: the proposals. Objects without any proposal are left out.
        cfg: settings of the samples.
        train: vary images and subsample objects.
    """

    def __init__(
        self, images_dir: Path | str, store: ProposalStore, cfg: DatasetConfig, *, train: bool
    ) -> None:
        self.images_dir = Path(images_dir)
        self.store = store
        self.cfg = cfg
        self.train = train
        self._epoch = SharedEpoch()
        self._labels = label_of_category(store.categories)
        counts = store.num_objects_of_image
        self._indices = np.arange(len(counts)) if cfg.keep_empty else np.flatnonzero(counts)

    def __len__(self) -> int:
        return len(self._indices)

    def set_epoch(self, epoch: int) -> None:
        """Choose the views of this epoch, 0 being the first."""
        self._epoch.set(epoch)

    def __getitem__(self, index: int) -> Sample:
        store_index = int(self._indices[index])
        record = self.store.images[store_index]
        rng = _generator(self.cfg, self._epoch, index)
        image = _load(self.images_dir, record, self.cfg.augment.bits)
        view = _draw_view(record, self.cfg, rng, train=self.train)
        objects = [entry for entry in self.store.objects_of_image(store_index) if entry.proposals]
        others: list[StoredObject] = []
        if self.train:
            objects, others = _part(objects, self.cfg.max_objects, rng)
        labels = [self._labels[entry.click.category_id] for entry in objects]
        pixels = view_content(image, view)
        sample = Sample(pixels, view, record.image_id, gaps=self._gaps(record, view, others))
        if self.cfg.supervision == "top1":
            targets = make_targets(top_proposals(objects), labels, view, self.cfg.mask_stride)
            return replace(sample, targets=targets)
        return replace(sample, bags=make_bags(objects, labels, view))

    def _gaps(self, record: ImageRecord, view: View, others: Sequence[StoredObject]) -> Gaps | None:
        """Return what is left out of a training image: what nobody annotated, and other objects."""
        if not self.train:
            return None
        coverage = coverage_of(self.store.coverage, record)
        regions = [
            IgnoredRegion(entry.click.category_id, mask)
            for entry, mask in zip(others, top_proposals(others), strict=True)
        ]
        return make_gaps(with_ignored(coverage, regions), self._labels, self.cfg.unmarked, view)


class MaskDataset(Dataset[Sample]):
    """Images with masks: ground truth or exported labels.

    Args:
        images_dir: the folder that the file names are relative to.
        instances: the masks. Crowds are ignored regions; masks without a pixel are left out.
        cfg: settings of the samples; `supervision` is not used.
        train: vary images and subsample objects.
    """

    def __init__(
        self, images_dir: Path | str, instances: InstanceSet, cfg: DatasetConfig, *, train: bool
    ) -> None:
        self.images_dir = Path(images_dir)
        self.cfg = cfg
        self.train = train
        self._epoch = SharedEpoch()
        self._labels = label_of_category(instances.categories)
        groups = instances.instances_by_image()
        self._objects: dict[int, list[Instance]] = {
            image_id: [instance for instance in group if not instance.is_crowd]
            for image_id, group in groups.items()
        }
        self._crowds: dict[int, list[Instance]] = {
            image_id: [instance for instance in group if instance.is_crowd]
            for image_id, group in groups.items()
        }
        self._partial = instances.partial
        self._records = [
            image for image in instances.images if cfg.keep_empty or self._objects[image.image_id]
        ]

    def __len__(self) -> int:
        return len(self._records)

    def set_epoch(self, epoch: int) -> None:
        """Choose the views of this epoch, 0 being the first."""
        self._epoch.set(epoch)

    def __getitem__(self, index: int) -> Sample:
        record = self._records[index]
        rng = _generator(self.cfg, self._epoch, index)
        image = _load(self.images_dir, record, self.cfg.augment.bits)
        view = _draw_view(record, self.cfg, rng, train=self.train)
        objects = self._objects[record.image_id]
        rles = [instance.rle() for instance in objects]
        kept: list[int] = np.flatnonzero(rle_areas(rles)).tolist()
        others: list[int] = []
        if self.train:
            kept, others = _part(kept, self.cfg.max_objects, rng)
        labels = [self._labels[objects[i].category_id] for i in kept]
        targets = make_targets([rles[i] for i in kept], labels, view, self.cfg.mask_stride)
        gaps = self._gaps(record, view, [objects[i] for i in others])
        return Sample(view_content(image, view), view, record.image_id, targets=targets, gaps=gaps)

    def _gaps(self, record: ImageRecord, view: View, others: Sequence[Instance]) -> Gaps | None:
        """Return what is left out of a training image; regions are made on demand."""
        if not self.train:
            return None
        ignored = [*self._crowds.get(record.image_id, ()), *others]
        regions = tuple(IgnoredRegion(entry.category_id, entry.rle()) for entry in ignored)
        coverage = Coverage(self._partial.get(record.image_id), regions)
        return make_gaps(coverage, self._labels, self.cfg.unmarked, view)


def _generator(cfg: DatasetConfig, epoch: SharedEpoch, index: int) -> np.random.Generator:
    return np.random.default_rng([cfg.seed, int(epoch), index])


def _draw_view(
    record: ImageRecord, cfg: DatasetConfig, rng: np.random.Generator, *, train: bool
) -> View:
    size = (record.height, record.width)
    return sample_view(size, cfg.augment, rng) if train else evaluation_view(size, cfg.augment)


def _load(images_dir: Path, record: ImageRecord, bits: int | None) -> np.ndarray:
    path = image_path(images_dir, record.file_name)
    image = load_image(path, bits)
    height, width = image.shape[:2]
    if (height, width) != (record.height, record.width):
        raise ValueError(
            f"{path}: expected {record.width} x {record.height} px as listed, found {width} x "
            f"{height} px. Name the folder of images that the proposals or masks were made for."
        )
    return image


def _part(
    entries: Sequence[Entry], limit: int | None, rng: np.random.Generator
) -> tuple[list[Entry], list[Entry]]:
    """Draw a random subset of at most `limit`; it and the rest, in order."""
    if limit is None or len(entries) <= limit:
        return list(entries), []
    drawn = set(rng.choice(len(entries), size=limit, replace=False).tolist())
    chosen = [entry for index, entry in enumerate(entries) if index in drawn]
    return chosen, [entry for index, entry in enumerate(entries) if index not in drawn]

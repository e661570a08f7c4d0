"""The loader of samples, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from sapnet.batches.collate import collate
from sapnet.structures.left_out import UnusableImageError
from sapnet.system.processes.interrupts import postponed_interrupts
from sapnet.system.processes.workers import worker_context

if TYPE_CHECKING:
    from sapnet.batches.sample import Sample


@runtime_checkable
class HasEpoch(Protocol):
    """A data set whose samples differ from epoch to epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, 0 being the first."""


@dataclass(frozen=True)
class UnusableImage:
    """An image that a data set could not load.

    Attributes:
        index: its index in the data set.
        message: what is wrong, in one line.
    """

    index: int
    message: str


class GuardedImages(Dataset[Any]):
    """A data set that gives an `UnusableImage` where loading fails.

    An error that is raised in a process that loads images arrives as a page of its trace; a value
    arrives as it is.

    Args:
        dataset: of known length.
    """

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(cast("Sized", self.dataset))

    def __getitem__(self, index: int) -> Any:  # noqa: ANN401  # a sample of any data set
        try:
            return self.dataset[index]
        except (OSError, ValueError) as error:
            return UnusableImage(index, str(error))


@dataclass(frozen=True)
class GuardedCollate:
    """Joining of samples that passes on the images that could not be loaded.

    Attributes:
        collate: joins samples to a batch.
    """

    collate: Callable[[list[Any]], Any]

    def __call__(self, samples: Sequence[Any]) -> tuple[Any, list[UnusableImage]]:
        """Return the batch of the loaded samples, None without any, and the others."""
        unusable = [sample for sample in samples if isinstance(sample, UnusableImage)]
        loaded = [sample for sample in samples if not isinstance(sample, UnusableImage)]
        return (self.collate(loaded) if loaded else None), unusable


class ImageLoader(DataLoader[Any]):
    """Loader of batches in which an unusable image is one line, in any process.

    Args:
        dataset: of known length.
        collate: joins samples to a batch.
        sampler: the order of the indices.
        batch_size: images per batch; the last batch may be smaller.
        workers: processes that load images; 0 loads in this one.
        skip_errors: leave unusable images out and collect them in `left_out`; else the first one
            raises its error.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        collate: Callable[[list[Any]], Any],
        sampler: Sampler[int],
        batch_size: int,
        *,
        workers: int = 0,
        skip_errors: bool = False,
    ) -> None:
        super().__init__(
            GuardedImages(dataset),
            batch_size=batch_size,
            sampler=sampler,
            num_workers=workers,
            multiprocessing_context=worker_context() if workers else None,
            collate_fn=GuardedCollate(collate),
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
        )
        self.skip_errors = skip_errors
        self.left_out: list[UnusableImage] = []

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch's own iterator inside
        """Yield the batches; batches without a usable image are left out.

        Raises:
            UnusableImageError: an image cannot be used, and none is to be skipped.
        """
        with postponed_interrupts():  # torch cannot clear up after half a start of its workers
            batches = super().__iter__()
        return self._usable(batches)  # loading has begun now, not at the first batch

    def _usable(self, batches: Iterator[tuple[Any, list[UnusableImage]]]) -> Iterator[Any]:
        for batch, unusable in batches:
            if unusable and not self.skip_errors:
                raise UnusableImageError(unusable[0].message)
            self.left_out += unusable
            if batch is not None:
                yield batch


class EpochSampler(Sampler[int]):
    """Every index once, in an order drawn from the seed and the epoch.

    `set_epoch`, which Lightning calls before each epoch, also reaches the data set: order and
    views of an epoch are the same in a resumed run.

    Args:
        dataset: of known length.
        shuffle: draw a random order; ascending otherwise.
        seed: of the order, 0 or more.
        share: (rank, number of ranks) of a distributed run. Each rank gets every n-th index of
            the common order; where they cannot be shared out evenly, the first ones come twice: a
            rank with fewer steps would make the others wait for ever.
    """

    def __init__(
        self, dataset: Sized, *, shuffle: bool, seed: int = 0, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0
        self._rank, self._num_ranks = share
        self._done = (0, 0)

    def __len__(self) -> int:
        return -(-len(self.dataset) // self._num_ranks)

    def __iter__(self) -> Iterator[int]:
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        even = np.resize(order, len(self) * self._num_ranks)
        epoch, done = self._done
        start = done if epoch == self.epoch else 0
        return iter(even[self._rank :: self._num_ranks][start:].tolist())

    def leave_out(self, epoch: int, done: int) -> None:
        """Skip the first indices of this rank in one epoch: a stopped run has seen them.

        The length stays that of a whole epoch, which is what progress is counted in.

        Args:
            epoch: the epoch that was stopped.
            done: indices of this rank that were done in it.
        """
        self._done = (epoch, done)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch, 0 being the first."""
        self.epoch = epoch
        if isinstance(self.dataset, HasEpoch):
            self.dataset.set_epoch(epoch)


def build_loader(
    dataset: Dataset[Sample],
    batch_size: int,
    *,
    shuffle: bool = False,
    workers: int = 0,
    seed: int = 0,
    share: tuple[int, int] = (0, 1),
) -> ImageLoader:
    """Build a loader of batches.

    Args:
        dataset: of known length, as the data sets of this package.
        batch_size: images per batch; the last batch may be smaller.
        shuffle: draw a random order, another one in each epoch.
        workers: processes that load images; 0 loads in this one.
        seed: of the order, 0 or more.
        share: (rank, number of ranks) of a distributed run.

    Returns:
        A loader of `Batch`; its `sampler.set_epoch` chooses order and views of an epoch.
    """
    sampler = EpochSampler(cast("Sized", dataset), shuffle=shuffle, seed=seed, share=share)
    return ImageLoader(dataset, collate, sampler, batch_size, workers=workers)

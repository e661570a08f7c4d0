"""The loader of samples, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from sapnet.batches.collate import collate

if TYPE_CHECKING:
    from sapnet.batches.sample import Sample


@runtime_checkable
class HasEpoch(Protocol):
    """A data set whose samples differ from epoch to epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch, 0 being the first."""


class EpochSampler(Sampler[int]):
    """Every index once, in an order drawn from the seed and the epoch.

    `set_epoch`, which Lightning calls before each epoch, also reaches the data set: order and
    views of an epoch are the same in a resumed run.

    Args:
        dataset: what is sampled.
        shuffle: whether the order is random; ascending otherwise.
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
        """Skips the first indices of this rank in one epoch: a stopped run has seen them.

        The length stays that of a whole epoch, which is what progress is counted in.

        Args:
            epoch: the epoch that was stopped.
            done: indices of this rank that were done in it.
        """
        self._done = (epoch, done)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of this epoch, 0 being the first."""
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
) -> DataLoader[Sample]:
    """A loader of batches.

    Args:
        dataset: of known length, as the data sets of this package.
        batch_size: images per batch; the last batch may be smaller.
        shuffle: whether the order is random, another one in each epoch.
        workers: processes that load images; 0 loads in this one.
        seed: of the order, 0 or more.
        share: (rank, number of ranks) of a distributed run.

    Returns:
        A loader of `Batch`; its `sampler.set_epoch` chooses order and views of an epoch.
    """
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=EpochSampler(cast("Sized", dataset), shuffle=shuffle, seed=seed, share=share),
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
    )

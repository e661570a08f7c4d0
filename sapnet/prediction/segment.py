"""Segmentation of batches, for prediction and for validation during training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sapnet.batches.augment import evaluation_view
from sapnet.batches.collate import collate
from sapnet.system.processes.parallel import map_ahead

if TYPE_CHECKING:
    from sapnet.batches.config import AugmentConfig
    from sapnet.batches.images import ImageDataset
    from sapnet.batches.sample import Sample
    from sapnet.prediction.predictor import Predictor
    from sapnet.structures.batch import Batch
    from sapnet.structures.outputs import Predictions


def segment_batch(network: Predictor, batch: Batch) -> list[Predictions]:
    """Segment the images of a batch.

    Args:
        network: a trained network with a segmenter.
        batch: images, on any device.

    Returns:
        B predictions, original frame, best first, on the network's device.

    Raises:
        ValueError: the network has no segmenter.
    """
    moved = batch.to(network.device)
    return network.segment(moved.images, moved.image_sizes, moved.original_sizes)


def plan_batches(
    original_sizes: Iterable[tuple[int, int]], augment: AugmentConfig, batch_size: int
) -> list[tuple[int, ...]]:
    """Group images into batches in which no image is padded more than it would be alone.

    More padding would change the results: the segmenter's grid covers the padded image.

    Args:
        original_sizes: (height, width) of each image.
        augment: sizes of the input.
        batch_size: most images of a batch.

    Returns:
        Indices of the images of each batch; batches come in the order of their first images.
    """
    open_batches: dict[tuple[int, int], list[int]] = {}
    batches: list[list[int]] = []
    for index, size in enumerate(original_sizes):
        padded = evaluation_view(size, augment).padded_size
        batch = open_batches.get(padded)
        if batch is None or len(batch) == batch_size:
            batch = open_batches[padded] = []
            batches.append(batch)
        batch.append(index)
    return [tuple(batch) for batch in batches]


def segment_images(
    network: Predictor,
    dataset: ImageDataset,
    plan: Sequence[tuple[int, ...]],
    pool: Executor | None = None,
    ahead: int = 0,
    on_error: Callable[[int, Exception], None] | None = None,
) -> Iterator[tuple[int, Predictions]]:
    """Segment the images of a data set, batch by batch.

    Args:
        network: a trained network with a segmenter.
        dataset: the images.
        plan: indices of the images of each batch, see `plan_batches`.
        pool: reads batches while the network works on others; None reads them in between.
        ahead: batches that are read in advance.
        on_error: takes the index of an image that cannot be read, and the reason; the image is then
            left out. None raises the error.

    Yields:
        The index of an image and its predictions, in the order of the plan.

    Raises:
        ValueError: the network has no segmenter, or an image cannot be read.
    """

    def load(indices: tuple[int, ...]) -> _Loaded:
        found: list[tuple[int, Sample]] = []
        errors: list[tuple[int, Exception]] = []
        for index in indices:
            try:
                found.append((index, dataset[index]))
            except (OSError, ValueError) as error:
                errors.append((index, error))
        batch = collate([sample for _, sample in found]) if found else None
        return _Loaded([index for index, _ in found], batch, errors)

    for loaded in map(load, plan) if pool is None else map_ahead(pool, load, plan, ahead):
        for index, error in loaded.errors:
            if on_error is None:
                raise error
            on_error(index, error)
        if loaded.batch is not None:
            yield from zip(loaded.indices, segment_batch(network, loaded.batch), strict=True)


@dataclass(frozen=True)
class _Loaded:
    """The readable images of a batch, and the errors of the others."""

    indices: list[int]
    batch: Batch | None
    errors: list[tuple[int, Exception]]

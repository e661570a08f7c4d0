"""Segmentation of batches, for prediction and for validation during training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from sapnet.batches.augment import evaluation_view
from sapnet.batches.collate import collate
from sapnet.network.model import Network, evaluating
from sapnet.system.parallel import map_ahead

if TYPE_CHECKING:
    from sapnet.batches.config import AugmentConfig
    from sapnet.batches.images import ImageDataset
    from sapnet.structures.batch import Batch
    from sapnet.structures.outputs import Predictions


def segment_batch(network: Network, batch: Batch) -> list[Predictions]:
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
    with evaluating(network):
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
    network: Network,
    dataset: ImageDataset,
    plan: Sequence[tuple[int, ...]],
    pool: Executor | None = None,
    ahead: int = 0,
) -> Iterator[tuple[int, Predictions]]:
    """Segment the images of a data set, batch by batch.

    Args:
        network: a trained network with a segmenter.
        dataset: the images.
        plan: indices of the images of each batch, see `plan_batches`.
        pool: reads batches while the network works on others; None reads them in between.
        ahead: batches that are read in advance.

    Yields:
        The index of an image and its predictions, in the order of the plan.

    Raises:
        ValueError: the network has no segmenter, or an image cannot be read.
    """

    def load(indices: tuple[int, ...]) -> Batch:
        return collate([dataset[index] for index in indices])

    batches = map(load, plan) if pool is None else map_ahead(pool, load, plan, ahead)
    for indices, batch in zip(plan, batches, strict=True):
        yield from zip(indices, segment_batch(network, batch), strict=True)

"""Looking at images with a run's segmenter, in a process of low priority."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.annotate.preview import PREVIEW_SIDE
from sapnet.annotate.reduced import load_reduced
from sapnet.annotate.suggest.seen import SeenImage, SeenInstance
from sapnet.annotate.wire import full_size
from sapnet.data.image_files.header import upright_size
from sapnet.data.images import load_image
from sapnet.geometry.middles import middle_pixels
from sapnet.geometry.rle import encode_masks, rle_areas
from sapnet.labelling.config import MIN_MISSED_SCORE
from sapnet.system.processes.parallel import num_cores

if TYPE_CHECKING:
    from sapnet.network.model import Network
    from sapnet.structures.clicks import RLE

_NICENESS = 10
_DESCRIBING_LEVEL = 3
"""Level of the feature pyramid, P5, whose mean describes an image: whole objects, no textures."""


class Seer:
    """A run that looks at one image after another; it is loaded at the first one.

    Args:
        run: run folder, or USER/NAME on the hub.
        device: of the network.
        bits: bit depth of images of more than 8 bits.
    """

    def __init__(self, run: str, device: str = "auto", bits: int | None = None) -> None:
        self._run, self._device, self._bits = run, device, bits
        self._network: Network | None = None

    def __call__(self, path: Path) -> SeenImage:
        """Return the instances of an image that have a score of `MIN_MISSED_SCORE` or more.

        Raises:
            FileNotFoundError, ValueError: the image cannot be read, or the network is damaged.
        """
        import torch

        from sapnet.batches.collate import collate
        from sapnet.batches.images import ImageDataset
        from sapnet.network.model import evaluating

        network = self._network = self._network or self._load()
        size = upright_size(path)
        dataset = ImageDataset([path], network.augment, load=lambda file: self._pixels(file, size))
        batch = collate([dataset[0]]).to(network.device)
        with torch.no_grad(), evaluating(network):
            features = network.features(batch.images)
            outputs = network.segmenter(features)
            (found,) = network.segmenter.predict(outputs, batch.image_sizes, batch.original_sizes)
        level = features[min(_DESCRIBING_LEVEL, len(features) - 1)]
        vector = level.float().mean((2, 3))[0].cpu().numpy()
        kept = (found.scores >= MIN_MISSED_SCORE).cpu()
        rles = encode_masks(found.masks.cpu()[kept].numpy().astype(np.uint8))
        instances = _instances(
            [full_size_of(rle, size) for rle in rles],
            [network.categories[label].name for label in found.labels.cpu()[kept].tolist()],
            found.scores.cpu()[kept].tolist(),
        )
        return SeenImage(instances, vector / max(float(np.linalg.norm(vector)), 1e-9))

    def _load(self) -> Network:
        import torch

        from sapnet.network.loading import load_model

        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
        torch.set_num_threads(max(1, num_cores() // 2))  # the clicks' candidates have the others
        network = load_model(self._run, self._device)
        network.check_segments()
        return network

    def _pixels(self, path: Path, size: tuple[int, int]) -> np.ndarray:
        factor = PREVIEW_SIDE / max(size)
        if factor >= 1:
            return load_image(path, self._bits)
        reduced = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
        return np.asarray(load_reduced(path, reduced, self._bits))


def full_size_of(rle: RLE, size: tuple[int, int]) -> RLE | None:
    """Return a mask at the (height, width) of its image; None for a mask without pixels."""
    height, width = rle["size"]
    return full_size(rle["counts"].decode("ascii"), (height, width), size)


def _instances(
    masks: list[RLE | None], categories: list[str], scores: list[float]
) -> tuple[SeenInstance, ...]:
    present = [
        (mask, category, score)
        for mask, category, score in zip(masks, categories, scores, strict=True)
        if mask is not None and rle_areas([mask])[0]
    ]
    middles = middle_pixels([mask for mask, _, _ in present]) + 0.5
    return tuple(
        SeenInstance(category, float(score), (float(x), float(y)), mask)
        for (mask, category, score), (x, y) in zip(present, middles, strict=True)
    )

"""Looking at images with a run's segmenter, in a process of low priority."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.annotate.preview.stage import PREVIEW_SIDE
from sapnet.annotate.suggest.seen import SeenImage, SeenInstance
from sapnet.data.image_files.address import file_of, with_bands
from sapnet.data.image_files.header import whole_size
from sapnet.data.images import load_image, load_reduced
from sapnet.geometry.enlarging import enlarge_rle
from sapnet.geometry.middles import middle_pixels
from sapnet.geometry.rle import encode_masks, rle_areas
from sapnet.labelling.config import MIN_MISSED_SCORE
from sapnet.prediction.config import PredictionConfig
from sapnet.system.processes.parallel import num_cores

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.data.tiles.grid import Tiling
    from sapnet.network.model import Network
    from sapnet.structures.batch import Batch
    from sapnet.structures.clicks import RLE
    from sapnet.structures.outputs import FoundObjects

_NICENESS = 10
_DESCRIBING_LEVEL = 3
"""Level of the feature pyramid, P5, whose mean describes an image: whole objects, no textures."""


class Seer:
    """A run that looks at one image after another; it is loaded at the first one.

    Args:
        run: run folder, or USER/NAME on the hub.
        cfg: `bits`, `tile`, `overlap` and `bands` are used.
        device: of the network.
    """

    def __init__(self, run: str, cfg: PredictionConfig | None = None, device: str = "auto") -> None:
        self._run, self._device = run, device
        self._cfg = replace(cfg or PredictionConfig(), score_threshold=MIN_MISSED_SCORE)
        self._network: Network | None = None

    def __call__(self, path: Path) -> SeenImage:
        """Return the instances of an image that have a score of `MIN_MISSED_SCORE` or more.

        Bands are those of the settings, else of the training, whatever an address names. Large
        images are looked at in the windows that `sapnet predict` would take.

        Raises:
            FileNotFoundError, ValueError: the image cannot be read, or the network is damaged.
        """
        import torch

        from sapnet.batches.collate import collate
        from sapnet.batches.images import ImageDataset
        from sapnet.batches.parts import parts_of
        from sapnet.network.model import evaluating
        from sapnet.prediction.windows.objects import find_objects

        network = self._network = self._network or self._load()
        file, size = file_of(path), whole_size(path)
        parts = self._cfg.parts(parts_of(network.augment))
        shown = with_bands(file, parts.bands)
        dataset = ImageDataset([shown], network.augment, load=lambda file: self._pixels(file, size))
        batch = collate([dataset[0]]).to(network.device)
        is_cut = self._is_cut(parts.tiling, size)
        with torch.no_grad(), evaluating(network):
            features = network.features(batch.images)
            found = None if is_cut else _segmented(network, features, batch, size)
        level = features[min(_DESCRIBING_LEVEL, len(features) - 1)]
        vector = level.float().mean((2, 3))[0].cpu().numpy()
        if found is None:
            found = next(find_objects(network, [file], self._cfg))
        names = [network.categories[label].name for label in found.labels]
        instances = _instances(found.rles, names, found.scores)
        return SeenImage(instances, vector / max(float(np.linalg.norm(vector)), 1e-9))

    def _is_cut(self, tiling: Tiling | None, size: tuple[int, int]) -> bool:
        from sapnet.prediction.windows.tiles import windows_of_size

        automatic = self._cfg.tile is None and tiling is None
        return bool(windows_of_size(size, tiling, automatic=automatic))

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
            return load_image(path, self._cfg.bits)
        reduced = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
        return np.asarray(load_reduced(path, reduced, self._cfg.bits))


def _segmented(
    network: Network, features: list[Tensor], batch: Batch, size: tuple[int, int]
) -> FoundObjects:
    """Return what is seen on all of an image, at its (height, width)."""
    from sapnet.structures.outputs import FoundObjects

    outputs = network.segmenter(features)
    (found,) = network.segmenter.predict(outputs, batch.image_sizes, batch.original_sizes)
    kept = (found.scores >= MIN_MISSED_SCORE).cpu()
    rles = encode_masks(found.masks.cpu()[kept].numpy().astype(np.uint8))
    return FoundObjects(
        tuple(enlarge_rle(rle, size) for rle in rles),
        tuple(found.labels.cpu()[kept].tolist()),
        tuple(found.scores.cpu()[kept].tolist()),
    )


def _instances(
    masks: Sequence[RLE], categories: Sequence[str], scores: Sequence[float]
) -> tuple[SeenInstance, ...]:
    present = [
        (mask, category, score)
        for mask, category, score in zip(masks, categories, scores, strict=True)
        if rle_areas([mask])[0]
    ]
    middles = middle_pixels([mask for mask, _, _ in present]) + 0.5
    return tuple(
        SeenInstance(category, float(score), (float(x), float(y)), mask)
        for (mask, category, score), (x, y) in zip(present, middles, strict=True)
    )

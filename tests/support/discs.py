"""A large image of discs, clicks on them, their true masks, and a proposer that finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
import torch

from sapnet.batches.config import AugmentConfig
from sapnet.batches.parts import with_parts
from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.tiles.grid import Parts
from sapnet.geometry.rle import encode_masks, rle_boxes, rle_to_json
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.outputs import Predictions
from sapnet.structures.proposals import Proposals

CATEGORIES = (Category(1, "disc"),)


@dataclass(frozen=True)
class Discs:
    """Discs on one image.

    Attributes:
        centers: (N, 3) x, y, radius.
        height: of the image.
        width: of the image.
        name: file name of the image.
    """

    centers: tuple[tuple[float, float, float], ...]
    height: int
    width: int
    name: str = "discs.tif"

    @property
    def record(self) -> ImageRecord:
        return ImageRecord(3, self.name, self.width, self.height)

    def masks(self) -> np.ndarray:
        y, x = np.mgrid[: self.height, : self.width] + 0.5
        return np.array([(x - a) ** 2 + (y - b) ** 2 < r * r for a, b, r in self.centers])

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((self.height, self.width, 3), np.uint8)
        pixels[self.masks().any(0)] = 200
        tifffile.imwrite(
            folder / self.name, pixels, photometric="rgb", tile=(64, 64), compression="deflate"
        )
        return folder / self.name

    def clicks(self) -> ClickSet:
        clicks = tuple(Click(n, 3, 1, ((x, y),)) for n, (x, y, _) in enumerate(self.centers, 1))
        return ClickSet((self.record,), CATEGORIES, clicks)

    def truth(self) -> InstanceSet:
        instances = tuple(
            Instance(n, self.record, 1, False, rle_to_json(rle), Path("truth.json"))
            for n, rle in enumerate(encode_masks(self.masks()), 1)
        )
        return InstanceSet((self.record,), CATEGORIES, instances)


class BlobProposer:
    """Proposer of the bright blob under each click, and of all bright pixels as a second choice."""

    name = "blobs"
    settings: Mapping[str, Any] = {}

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        bright = (image[:, :, 0] > 100).astype(np.uint8)
        _, blobs = cv2.connectedComponents(bright, connectivity=4)
        found = []
        for click in clicks:
            x, y = click.point
            masks = np.stack([blobs == blobs[int(y), int(x)], bright != 0])
            rles = encode_masks(masks)
            scores = np.array([0.9, 0.2], np.float32)
            found.append(Proposals(rles, rle_boxes(rles), scores, ("point", "point")))
        return found


class BlobPredictor:
    """Predictor that finds every bright blob of an image, the larger the surer.

    Args:
        side: side of the windows, which it sees at their own size.
        parts: windows and bands of its training.
    """

    categories = CATEGORIES
    device = torch.device("cpu")

    def __init__(self, side: int, parts: Parts | None = None) -> None:
        self.augment = with_parts(AugmentConfig((side,), 10 * side), parts or Parts())
        self.seen: list[tuple[int, ...]] = []

    def check_segments(self) -> None:
        """Nothing is missing."""

    def segment(
        self, images: torch.Tensor, image_sizes: torch.Tensor, original_sizes: torch.Tensor
    ) -> list[Predictions]:
        found = []
        sizes = original_sizes.int().tolist()
        for image, content, (height, width) in zip(images, image_sizes, sizes, strict=True):
            self.seen.append((height, width))
            rows, columns = content.int().tolist()
            pixels = image[0, :rows, :columns].numpy()
            bright = (cv2.resize(pixels, (width, height)) > 100).astype(np.uint8)
            count, blobs = cv2.connectedComponents(bright, connectivity=4)
            masks = torch.from_numpy(np.array([blobs == n for n in range(1, count)], bool))
            masks = masks.reshape(-1, height, width)
            areas = masks.sum((1, 2)).float()
            labels = torch.zeros(len(masks), dtype=torch.int64)
            found.append(Predictions(masks, labels, areas / (areas + 100)))
        return found

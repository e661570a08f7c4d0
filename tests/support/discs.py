"""A large image of discs, clicks on them, their true masks, and a proposer that finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile

from sapnet.data.coco import Instance, InstanceSet
from sapnet.geometry.rle import encode_masks, rle_boxes, rle_to_json
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
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

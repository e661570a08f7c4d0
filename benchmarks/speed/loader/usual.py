"""Loading the usual way: OpenCV, and masks decoded at the size of the file.

This is the way of mmdetection's pipeline. OpenCV reads and resizes the image, pycocotools decodes
every mask at the size of the file, and OpenCV resizes it to the input. The batch carries these
masks to the training process, where the loss brings them to the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor
from torch.utils.data import Dataset

from sapnet.batches.augment import evaluation_view
from sapnet.batches.config import AugmentConfig
from sapnet.batches.sample import View
from sapnet.structures.clicks import RLE, ImageRecord
from sapnet.structures.grids import MASK_STRIDE

PROPOSALS = 6
"""Proposals of an object."""

AUGMENT = AugmentConfig(short_sides=(800,))


@dataclass(frozen=True)
class UsualSample:
    """Sample of the usual way: image (3, H, W) uint8 and masks (N, K, ...) uint8."""

    image: Tensor
    masks: Tensor


class UsualDataset(Dataset[UsualSample]):
    """Images and masks read the usual way; run lengths are held in memory, as in a json.

    Args:
        images: folder of the images.
        records: the images.
        rles: N x K masks of each image.
        reduce: True brings masks to the grid here; else they keep the size of the input.
    """

    def __init__(
        self, images: Path, records: list[ImageRecord], rles: list[list[RLE]], *, reduce: bool
    ) -> None:
        self.images, self.records, self.rles, self.reduce = images, records, rles, reduce

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> UsualSample:
        record = self.records[index]
        view = evaluation_view((record.height, record.width), AUGMENT)
        height, width = view.input_size
        pixels = cv2.imread(str(self.images / record.file_name))
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        padded = np.zeros((*view.padded_size, 3), np.uint8)
        padded[:height, :width] = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        image = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))
        masks = usual_masks(self.rles[index], view)
        if self.reduce:
            masks = reduced_masks(masks, view)
        return UsualSample(image, torch.from_numpy(masks.reshape(-1, PROPOSALS, *masks.shape[1:])))


def usual_masks(rles: list[RLE], view: View) -> np.ndarray:
    """Decode masks at full size, resize them to the input, pad: (N * K, H, W) uint8."""
    height, width = view.input_size
    masks = np.zeros((len(rles), *view.padded_size), np.uint8)
    decoded = np.ascontiguousarray(np.moveaxis(coco_mask.decode(rles), 2, 0))
    for mask, padded in zip(decoded, masks, strict=True):
        padded[:height, :width] = cv2.resize(
            mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
        )
    return masks


def reduced_masks(masks: np.ndarray, view: View) -> np.ndarray:
    """Bring masks to the stride-4 grid as mmdetection's loss does: (N * K, h, w) uint8."""
    size = view.grid_size[::-1]
    grids = [cv2.resize(mask * 255, size, interpolation=cv2.INTER_LINEAR) >= 128 for mask in masks]
    return np.stack(grids).astype(np.uint8)


def looked_up_masks(rles: list[RLE], view: View) -> np.ndarray:
    """Bring decoded masks to the grid without OpenCV's rounding: (N * K, h, w) uint8."""
    decoded = np.moveaxis(coco_mask.decode(rles), 2, 0)
    for axis, size in ((1, view.input_size[0]), (2, view.input_size[1])):
        source = decoded.shape[axis]
        nearest = ((np.arange(size) + 0.5) * source / size).astype(np.int64)
        decoded = np.take(decoded, np.minimum(nearest, source - 1), axis)
    (height, width), (h, w) = view.input_size, view.grid_size
    padding = ((0, 0), (0, MASK_STRIDE * h - height), (0, MASK_STRIDE * w - width))
    cells = np.pad(decoded, padding).reshape(len(decoded), h, MASK_STRIDE, w, MASK_STRIDE)
    return np.asarray(cells[:, :, 1:3, :, 1:3].sum((2, 4)) >= 2, np.uint8)


def join(samples: list[UsualSample]) -> tuple[Tensor, Tensor]:
    """Join samples of the usual way into a batch; all images have one size here."""
    return torch.stack([s.image for s in samples]), torch.cat([s.masks for s in samples])

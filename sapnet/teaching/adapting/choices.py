"""The click segmenter's own choices for some clicks of a data set, as masks to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapnet.data.clicked_images import check_images
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.images import load_image
from sapnet.geometry.rle import rle_areas, rle_boxes, rles_hold_points
from sapnet.proposals.click.proposer import ClickProposer
from sapnet.store.describe import rival_points
from sapnet.structures.clicks import RLE, Click, ClickSet, ImageRecord
from sapnet.structures.proposals import Proposals
from sapnet.teaching.adapting.config import AdaptConfig
from sapnet.teaching.pool import MarkedImage, MarkedObject

MIN_AREA = 16
"""Smallest mask that is learned from, square pixels."""


@dataclass(frozen=True)
class AskedImage:
    """An image, and which of its clicks are answered.

    Attributes:
        image: the image.
        clicks: all of its clicks; the others are rivals.
        asked: places of the clicks that are answered.
    """

    image: ImageRecord
    clicks: tuple[Click, ...]
    asked: tuple[int, ...]


@dataclass(frozen=True)
class ChooseMasks:
    """Function object that chooses masks on one image; it runs in worker processes.

    Attributes:
        proposer: asked for the masks.
        folder: of the images.
        bits: bit depth of images of more than 8 bits; None if there are none.
        max_pixels: most pixels of an image; None for Pillow's limit.
    """

    proposer: ClickProposer
    folder: Path
    bits: int | None = None
    max_pixels: int | None = None

    def __call__(self, asked: AskedImage) -> MarkedImage | None:
        """Return the image with the chosen masks.

        None without any, and for an image that cannot be used, which proposing reports.
        """
        path = self.folder / asked.image.file_name
        try:
            with allowing_pixels(self.max_pixels):
                found = check_images(ClickSet((asked.image,), (), asked.clicks), self.folder)
                pixels = load_image(path, self.bits)
        except (OSError, ValueError):
            return None
        masks = choose_masks(self.proposer, pixels, found.clicks, asked.asked)
        objects = tuple(
            MarkedObject(mask, box, int(area), weight=1.0)
            for mask, box, area in zip(masks, rle_boxes(masks), rle_areas(masks), strict=True)
            if area >= MIN_AREA
        )
        return MarkedImage(path, objects, self.bits) if objects else None


def draw_clicks(clicks: ClickSet, cfg: AdaptConfig) -> tuple[AskedImage, ...]:
    """Draw clicks evenly from some images of a data set.

    Args:
        clicks: the data set.
        cfg: limits of the draw, and its seed.
    """
    rng = np.random.default_rng(cfg.seed)
    of_image: dict[int, list[Click]] = {}
    for click in clicks.clicks:
        of_image.setdefault(click.image_id, []).append(click)
    clicked = [image for image in clicks.images if image.image_id in of_image]
    places = rng.permutation(len(clicked))[: cfg.max_images]
    pixels = np.cumsum([clicked[place].height * clicked[place].width for place in places])
    fitting = max(1, int((pixels <= cfg.max_pixels).sum()))
    images = [clicked[place] for place in sorted(places[:fitting])]
    owners = np.repeat(np.arange(len(images)), [len(of_image[im.image_id]) for im in images])
    drawn = np.zeros(len(owners), bool)
    drawn[rng.permutation(len(owners))[: cfg.max_clicks]] = True
    return tuple(
        AskedImage(image, tuple(of_image[image.image_id]), tuple(np.flatnonzero(mine).tolist()))
        for place, image in enumerate(images)
        if (mine := drawn[owners == place]).any()
    )


def choose_masks(
    proposer: ClickProposer, pixels: np.ndarray, clicks: Sequence[Click], asked: Sequence[int]
) -> list[RLE]:
    """Choose a mask for some clicks of an image.

    It is the mask that came with the click, else the favourite of those that hold no rival click;
    where all hold one, the object is left out.

    Args:
        proposer: asked for the masks.
        pixels: (H, W, 3) uint8 RGB, upright.
        clicks: all clicks of the image, upright frame.
        asked: places of those to choose for.
    """
    given = [mask for place in asked if (mask := clicks[place].mask) is not None]
    unknown = [place for place in asked if clicks[place].mask is None]
    if not unknown:
        return given
    bags = proposer.propose_prepared(proposer.prepare(pixels), clicks, unknown)
    free = (
        _free_masks(bag, rival_points(clicks, place))
        for bag, place in zip(bags, unknown, strict=True)
    )
    return [*given, *(masks[0] for masks in free if masks)]


def _free_masks(bag: Proposals, rivals: np.ndarray) -> list[RLE]:
    """Return the masks that are not empty and hold no rival, the favourite first."""
    pairs = list(zip(bag.rles, bag.boxes, strict=True))
    full = [rle for rle, box in pairs if box[2] > box[0] and box[3] > box[1]]
    if not len(rivals) or not full:
        return full
    held = rles_hold_points(full, rivals)
    return [rle for rle, of_rivals in zip(full, held, strict=True) if not of_rivals.any()]

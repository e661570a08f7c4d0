"""Script that makes photographs.jpg: clicks on photographs, and masks of `click`.

    python docs/figures/make_photographs.py COCO

COCO is a folder that holds the four images named below, anywhere in it. Each mask is the proposer's
first choice for its click; nothing is trained. The four images are of val2017: the proposer's
weights were trained on images of train2017, among others. Sources and licences:
docs/figures/README.md.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sapnet.data.images import load_image
from sapnet.geometry.rle import decode_masks
from sapnet.prediction.drawing import PALETTE
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.config import StagedConfig
from sapnet.proposals.proposer import Proposer
from sapnet.structures.clicks import Click

OUT = Path(__file__).with_name("photographs.jpg")
HEIGHT = 320
"""Height of one photograph in the picture, px."""

GAP, QUALITY = 8, 82
FILL = 0.45
"""Share of the colour in the pixels of a mask."""

OUTLINE, DOT = 3, 6
"""Width of outlines and radius of clicks, px of the picture."""


@dataclass(frozen=True)
class Photograph:
    """A file of COCO 2017 and the clicks on it, (x, y) in its own pixels."""

    file_name: str
    clicks: tuple[tuple[float, float], ...]


ROWS = (
    (
        Photograph("000000547336.jpg", ((318.5, 203.5), (187.5, 248.5), (535.5, 257.5))),
        Photograph("000000343937.jpg", ((331.5, 238.5),)),
    ),
    (
        Photograph("000000030213.jpg", ((572.5, 222.5), (453.5, 390.5), (108.5, 246.5))),
        Photograph("000000311303.jpg", ((135.5, 27.5), (209.5, 207.5), (162.5, 143.5))),
    ),
)


def main() -> None:
    """Propose, draw, and save the picture."""
    folder = Path(sys.argv[1])
    proposer = build_staged_proposer(StagedConfig("click"))
    rows = [[draw(find(folder, photo.file_name), photo, proposer) for photo in row] for row in ROWS]
    join(rows).save(OUT, quality=QUALITY, optimize=True)


def find(folder: Path, file_name: str) -> Path:
    """Find a file anywhere in a folder; raises SystemExit without it."""
    found = next(folder.rglob(file_name), None)
    if found is None:
        raise SystemExit(f"{folder}: no {file_name} in it. Its address: docs/figures/README.md")
    return found


def draw(path: Path, photo: Photograph, proposer: Proposer) -> Image.Image:
    """Draw masks and clicks on a photograph scaled to `HEIGHT`."""
    image = load_image(path)
    clicks = [Click(n, 1, 1, (point,)) for n, point in enumerate(photo.clicks)]
    bags = proposer.propose(image, clicks)
    masks = decode_masks([bag.rles[int(bag.scores.argmax())] for bag in bags])
    scale = HEIGHT / image.shape[0]
    size = round(image.shape[1] * scale), HEIGHT
    picture = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    # Large masks first, so that a small one on top of them stays visible.
    for n in np.argsort([-np.count_nonzero(mask) for mask in masks]):
        picture = paint(picture, Image.fromarray(masks[n] * np.uint8(255)).resize(size), PALETTE[n])
    pen = ImageDraw.Draw(picture)
    for x, y in photo.clicks:
        circle = (x * scale - DOT, y * scale - DOT, x * scale + DOT, y * scale + DOT)
        pen.ellipse(circle, fill="#facc15", outline="black", width=2)
    return picture


def paint(picture: Image.Image, mask: Image.Image, color: str) -> Image.Image:
    """Fill a mask (L, 0 to 255) with a colour and draw its outline."""
    solid = Image.new("RGB", picture.size, color)
    inside = np.asarray(mask) > 127
    edge = np.zeros_like(inside)
    for step in range(1, OUTLINE + 1):
        for axis in (0, 1):
            for direction in (-step, step):
                edge |= inside & ~np.roll(inside, direction, axis)
    share = np.where(edge, 1.0, FILL * inside)
    return Image.composite(solid, picture, Image.fromarray(np.uint8(255 * share)))


def join(rows: list[list[Image.Image]]) -> Image.Image:
    """Join pictures into rows of one width, on white."""
    width = max(sum(p.width for p in row) + GAP * (len(row) - 1) for row in rows)
    height = HEIGHT * len(rows) + GAP * (len(rows) - 1)
    sheet = Image.new("RGB", (width, height), "white")
    for number, row in enumerate(rows):
        free = width - sum(picture.width for picture in row)
        gap = free // max(len(row) - 1, 1)
        x = 0
        for picture in row:
            sheet.paste(picture, (x, number * (HEIGHT + GAP)))
            x += picture.width + gap
    return sheet


if __name__ == "__main__":
    main()

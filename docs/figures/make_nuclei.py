"""Script that makes nuclei.jpg: clicks on nuclei, their candidates, and the chosen masks.

    sapnet demo --parts '[nuclei]' --out runs/demo
    python docs/figures/make_nuclei.py runs/demo/nuclei/run/labels.json

Each row is one microscope image that ships with sapnet: its clicks, the outlines of all candidates
of a few clicks, and the chosen mask of every click. Origin and licence: docs/figures/README.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from make_photographs import join, paint
from PIL import Image, ImageDraw

from sapnet.data.images import load_image
from sapnet.demo.parts import NUCLEI
from sapnet.geometry.rle import decode_masks, to_rle
from sapnet.prediction.drawing import PALETTE

OUT = Path(__file__).with_name("nuclei.jpg")
FILES = ("ebc18868864ad075.jpg", "f0a75e0322f11cea.jpg")
HEIGHT = 320
"""Height of one picture, px; `join` of make_photographs.py expects it."""

QUALITY = 85
SHOWN = 3
"""Clicks of an image whose candidates are drawn: those nearest to its middle."""

DOT = 4
"""Radius of a click, px of the picture."""


def main() -> None:
    """Draw and save the picture."""
    labels = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    ids = {Path(image["file_name"]).name: image["id"] for image in labels["images"]}
    rows = []
    for name in FILES:
        own = [one for one in labels["annotations"] if one["image_id"] == ids[name]]
        rows.append(draw_row(load_image(NUCLEI / "images" / "train" / name), own))
    join(rows).save(OUT, quality=QUALITY, optimize=True)


def draw_row(image: np.ndarray, labels: list[dict[str, Any]]) -> list[Image.Image]:
    """Draw clicks, candidates and chosen masks of an image, (H, W, 3)."""
    scale = HEIGHT / image.shape[0]
    size = round(image.shape[1] * scale), HEIGHT
    plain = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    chosen = plain
    order = sorted(labels, key=lambda one: -one["area"])
    for number, one in enumerate(order):
        chosen = paint(chosen, scaled(one["segmentation"], image, size), PALETTE[number % 8])
    candidates = plain
    middle = np.array(image.shape[1::-1]) / 2
    shown = sorted(labels, key=lambda one: np.hypot(*(np.array(one["point"]) - middle)))[:SHOWN]
    for number, one in enumerate(shown):
        for segmentation in one["candidates"]["segmentations"]:
            mask = scaled(segmentation, image, size)
            candidates = outline(candidates, mask, PALETTE[number])
    every = [one["point"] for one in labels]
    return [
        dots(plain, every, scale),
        dots(candidates, [one["point"] for one in shown], scale),
        dots(chosen, every, scale),
    ]


def scaled(segmentation: dict[str, Any], image: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Return a mask (L, 0 to 255) at the size of the picture."""
    mask = decode_masks([to_rle(segmentation, *image.shape[:2])])[0]
    return Image.fromarray(mask * np.uint8(255)).resize(size, Image.Resampling.BILINEAR)


def outline(picture: Image.Image, mask: Image.Image, color: str) -> Image.Image:
    """Draw the outline of a mask, 2 px wide."""
    inside = np.asarray(mask) > 127
    edge = np.zeros_like(inside)
    for axis in (0, 1):
        for step in (-1, 1):
            edge |= inside & ~np.roll(inside, step, axis)
    solid = Image.new("RGB", picture.size, color)
    return Image.composite(solid, picture, Image.fromarray(np.uint8(255 * edge)))


def dots(picture: Image.Image, points: list[tuple[float, float]], scale: float) -> Image.Image:
    """Draw clicks, given in pixels of the image."""
    picture = picture.copy()
    pen = ImageDraw.Draw(picture)
    for x, y in points:
        circle = (x * scale - DOT, y * scale - DOT, x * scale + DOT, y * scale + DOT)
        pen.ellipse(circle, fill="#facc15", outline="black")
    return picture


if __name__ == "__main__":
    main()

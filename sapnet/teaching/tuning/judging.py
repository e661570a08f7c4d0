"""Judging of a click segmenter by marked objects: its favourite and the best of its masks."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sapnet.data.images import load_image
from sapnet.geometry.rle import rle_iou
from sapnet.proposals.click.choice import choose_proposals
from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.segmenter import ClickSegmenter
from sapnet.teaching.pool import MarkedImage
from sapnet.teaching.tuning.split import asked_click


@dataclass(frozen=True)
class Judgement:
    """Mean IoU of some objects with the masks that a click gives.

    Attributes:
        favourite: of the mask that comes first.
        best: of the best of all masks that are kept.
        num_objects: that were asked for.
    """

    favourite: float
    best: float
    num_objects: int

    @property
    def mean(self) -> float:
        """Mean of favourite and best."""
        return (self.favourite + self.best) / 2

    def __str__(self) -> str:
        return f"favourite {self.favourite:.3f}, best {self.best:.3f}"


def judge(
    network: ClickNetwork,
    images: Sequence[MarkedImage],
    limit: int | None = None,
    cfg: ClickConfig | None = None,
) -> Judgement:
    """Ask for the objects of some images, as a user would.

    Args:
        network: on any device; asked on the CPU.
        images: with at least one object in all.
        limit: most objects to ask for, drawn evenly; None asks for all.
        cfg: how the segmenter is asked.
    """
    cfg = cfg or ClickConfig()
    segmenter = ClickSegmenter(copy.deepcopy(network).to("cpu").eval(), cfg)
    pairs = [(im, place) for im, image in enumerate(images) for place in range(len(image.objects))]
    if limit is not None and limit < len(pairs):
        drawn = np.random.default_rng(0).choice(len(pairs), limit, replace=False)
        pairs = [pairs[index] for index in sorted(drawn.tolist())]
    figures = []
    for index in dict.fromkeys(index for index, _ in pairs):
        image = images[index]
        prepared = segmenter.prepare(load_image(image.path, image.bits))
        for place in (place for owner, place in pairs if owner == index):
            click = asked_click(image, place)
            candidates = segmenter.candidates(prepared, click)
            given = choose_proposals(candidates, click, prepared.pyramid.size, cfg)
            ious = rle_iou([image.objects[place].rle], given.rles)[0]
            figures.append((ious[int(given.scores.argmax())], ious.max()))
    favourite, best = np.mean(figures, axis=0).tolist()
    return Judgement(favourite, best, len(figures))

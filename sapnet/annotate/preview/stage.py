"""The worker's side of a preview: proposes masks in the parts of an image, kept prepared."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.annotate.preview.views import Windows, holds
from sapnet.data.image_files.address import ImageAddress, Window, file_of, parse_address
from sapnet.data.image_files.header import whole_size
from sapnet.data.image_files.raster import raster_size
from sapnet.data.images import DECODED_PIXELS, load_image, load_reduced, shrink
from sapnet.data.tiles.clicks import click_in_window
from sapnet.geometry.enlarging import enlarge_rle
from sapnet.geometry.rle import rle_boxes
from sapnet.geometry.rle_windows import place_rles
from sapnet.proposals.proposer import StagedProposer
from sapnet.structures.clicks import Click, ImageRecord
from sapnet.structures.proposals import Proposals

PREVIEW_SIDE = 2048
"""Long side, in pixels, of the frame in which candidates of larger parts are drawn. It is sharper
than a screen that shows the whole image, and proposers work in a smaller frame anyway."""

PREPARED_KEPT = 8
"""Number of prepared parts that are kept: images or windows, the current one and neighbours."""


@dataclass(frozen=True)
class PreviewTask:
    """A request to the worker.

    Attributes:
        path: the image file.
        clicks: all clicks of the image, original frame.
        index: index of the click whose candidates are wanted; None only prepares the image.
        windows: windows of the images.
    """

    path: Path
    clicks: tuple[Click, ...] = ()
    index: int | None = None
    windows: Windows = field(default_factory=Windows)


class PreviewStage:
    """The worker's side of a preview: proposes masks, and keeps the last few parts prepared.

    Args:
        proposer: the proposer of the candidates.
        bits: bit depth of images of more than 8 bits.
    """

    def __init__(self, proposer: StagedProposer, bits: int | None = None) -> None:
        self._proposer = proposer
        self._bits = bits
        self._decoded: tuple[Path, np.ndarray] | None = None
        self._prepared: OrderedDict[tuple[Path, Window], tuple[Any, tuple[int, int]]] = (
            OrderedDict()
        )

    def __call__(self, task: PreviewTask) -> Proposals | None:
        """Return the candidates, in the frame of the image; None without an index."""
        size = whole_size(task.path)
        click = None if task.index is None else task.clicks[task.index]
        parts = task.windows.of(size, click)
        if task.index is None:
            for part in parts:
                self._prepare(task.path, part, size)
            return None
        return _joined([self._propose(task, task.index, part, size) for part in parts])

    def _propose(
        self, task: PreviewTask, index: int, part: Window, size: tuple[int, int]
    ) -> Proposals:
        """Return the candidates that a part of the image shows, in the frame of the image."""
        prepared, frame = self._prepare(task.path, part, size)
        clicks, place = _clicks_of(task.clicks, index, part, size)
        smaller = [_to_reduced(click, (part.height, part.width), frame) for click in clicks]
        found = self._proposer.propose_prepared(prepared, smaller, [place])[0]
        own = [enlarge_rle(rle, (part.height, part.width)) for rle in found.rles]
        rles = place_rles(own, (part.x, part.y), size)
        return replace(found, rles=rles, boxes=rle_boxes(rles))

    def _prepare(
        self, path: Path, part: Window, size: tuple[int, int]
    ) -> tuple[Any, tuple[int, int]]:
        """Return a prepared part, and the (height, width) that the proposer sees it in."""
        key = (path, part)
        if key not in self._prepared:
            frame = _reduced_size((part.height, part.width))
            pixels = self._pixels(path, part, size, frame)
            self._prepared[key] = self._proposer.prepare(pixels), frame
            while len(self._prepared) > PREPARED_KEPT:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(key)
        return self._prepared[key]

    def _pixels(
        self, path: Path, part: Window, size: tuple[int, int], frame: tuple[int, int]
    ) -> np.ndarray:
        """Return the pixels of a part in the (height, width) that the proposer sees it in."""
        if (part.height, part.width) == size:
            if frame == size:
                return load_image(path, self._bits)
            return np.asarray(load_reduced(path, frame, self._bits))
        return np.asarray(shrink(self._window(path, part, size), frame))

    def _window(self, path: Path, part: Window, size: tuple[int, int]) -> np.ndarray:
        """Return the pixels of a window; a photograph stays decoded for the next one."""
        if size[0] * size[1] > DECODED_PIXELS or raster_size(file_of(path)) is not None:
            return load_image(str(replace(parse_address(path), window=part)), self._bits)
        if self._decoded is None or self._decoded[0] != path:
            self._decoded = path, load_image(path, self._bits)
        rows, columns = slice(part.y, part.y + part.height), slice(part.x, part.x + part.width)
        return np.ascontiguousarray(self._decoded[1][rows, columns])


def _clicks_of(
    clicks: Sequence[Click], index: int, part: Window, size: tuple[int, int]
) -> tuple[Sequence[Click], int]:
    """Return the clicks that a part shows, in its frame, and the new place of one of them."""
    if (part.height, part.width) == size:
        return clicks, index
    record = ImageRecord(0, str(ImageAddress("image", part)), part.width, part.height)
    shown = [n for n, click in enumerate(clicks) if n == index or holds(part, click.point)]
    bare = (replace(clicks[n], mask=None) for n in shown)  # masks do not matter for candidates
    cut = [click_in_window(click, record, click.annotation_id) for click in bare]
    return cut, shown.index(index)


def _joined(several: Sequence[Proposals]) -> Proposals:
    return Proposals(
        rles=tuple(rle for one in several for rle in one.rles),
        boxes=np.concatenate([one.boxes for one in several]),
        scores=np.concatenate([one.scores for one in several]),
        prompts=tuple(prompt for one in several for prompt in one.prompts),
    )


def _reduced_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) with a long side of at most `PREVIEW_SIDE`."""
    factor = min(1.0, PREVIEW_SIDE / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _to_reduced(click: Click, original: tuple[int, int], reduced: tuple[int, int]) -> Click:
    """Return the click in the reduced frame; sizes are (height, width)."""
    if original == reduced:
        return click
    scale_y, scale_x = (r / o for r, o in zip(reduced, original, strict=True))

    def scaled(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        return tuple((x * scale_x, y * scale_y) for x, y in points)

    box = click.box
    return replace(
        click,
        points=scaled(click.points),
        negative_points=scaled(click.negative_points),
        box=None
        if box is None
        else (box[0] * scale_x, box[1] * scale_y, box[2] * scale_x, box[3] * scale_y),
        mask=None,
    )

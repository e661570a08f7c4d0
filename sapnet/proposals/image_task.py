"""Proposing for one image: fetch it, check it, propose, and describe the proposals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.image_files.limit import allowing_pixels
from sapnet.proposals.depth import require_depth
from sapnet.proposals.proposer import Proposer, StagedProposer
from sapnet.proposals.sources import ImageSource
from sapnet.store.describe import describe_objects, given_proposal
from sapnet.structures.clicks import Click, ClickSet, ImageRecord
from sapnet.structures.proposals import Proposals, StoredObject
from sapnet.system.locations import local_file

if TYPE_CHECKING:
    import numpy as np

SKIP_HINT = "(--skip-errors leaves such images out.)"


@dataclass(frozen=True)
class ImageTask:
    """One image to propose for, with all its clicks."""

    image: ImageRecord
    clicks: tuple[Click, ...]


@dataclass(frozen=True)
class DescribedImage:
    """The content of a store for one image: the image, of upright size, and its objects."""

    image: ImageRecord
    objects: list[StoredObject]


def make_tasks(clicks: ClickSet) -> list[ImageTask]:
    """Return a task for each image of a click set, in its order."""
    of_image = clicks_of_images(clicks)
    return [ImageTask(image, of_image[image.image_id]) for image in clicks.images]


def clicks_of_images(clicks: ClickSet) -> Mapping[int, tuple[Click, ...]]:
    """Return the clicks of each image id; an empty tuple for an image without clicks."""
    grouped: dict[int, list[Click]] = {image.image_id: [] for image in clicks.images}
    for click in clicks.clicks:
        if click.image_id in grouped:
            grouped[click.image_id].append(click)
    return {image_id: tuple(entries) for image_id, entries in grouped.items()}


@dataclass(frozen=True)
class DescribeImage:
    """Function object that proposes for one image; it runs in the worker processes.

    Attributes:
        proposer: the proposer of the masks.
        source: locations of the images.
        skip_errors: True to return the problem of an unusable image instead of raising it.
        is_checked: True if the headers of all images were checked before.
        bits: bit depth of images of more than 8 bits; None if there are none.
        max_pixels: most pixels of an image; None for Pillow's limit. Processes of another machine
            do not inherit it.
    """

    proposer: Proposer
    source: ImageSource
    skip_errors: bool
    is_checked: bool
    bits: int | None = None
    max_pixels: int | None = None

    def __call__(self, task: ImageTask) -> DescribedImage | str:
        """Return the image with its objects; with `skip_errors`, a problem as text instead."""
        if not task.clicks and self.is_checked:
            return DescribedImage(task.image, [])
        try:
            with allowing_pixels(self.max_pixels):
                return self._describe(task)
        except (OSError, ValueError) as error:
            place = self._place(task)
            reason = str(error).removeprefix(f"{place}: ")
            if self.skip_errors:
                return reason
            raise ValueError(
                f"image {task.image.image_id}, {place}: {reason} {SKIP_HINT}"
            ) from error

    def _describe(self, task: ImageTask) -> DescribedImage:
        from sapnet.data.images import load_image

        with local_file(self.source.locate(task.image.file_name)) as path:
            image, clicks = _upright(task, path)
            if not clicks:
                return DescribedImage(image, [])
            pixels = load_image(path, self.bits)
            require_depth(path, self.bits)
        size = (image.height, image.width)
        return DescribedImage(image, describe_objects(clicks, self._bags(pixels, clicks), size))

    def _bags(self, pixels: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """Return a bag per click; the proposer runs only for objects without a known mask."""
        unknown = [n for n, click in enumerate(clicks) if click.mask is None]
        proposed = iter(self._propose(pixels, clicks, unknown))
        return [
            next(proposed) if click.mask is None else given_proposal(click.mask) for click in clicks
        ]

    def _propose(
        self, pixels: np.ndarray, clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        if len(indices) == len(clicks):
            return self.proposer.propose(pixels, clicks)
        if not indices:
            return []
        if isinstance(self.proposer, StagedProposer):  # the other clicks still matter as rivals
            return self.proposer.propose_prepared(self.proposer.prepare(pixels), clicks, indices)
        return self.proposer.propose(pixels, [clicks[n] for n in indices])

    def _place(self, task: ImageTask) -> str:
        try:
            return str(self.source.locate(task.image.file_name))
        except FileNotFoundError:
            return task.image.file_name


def _upright(task: ImageTask, path: Path) -> tuple[ImageRecord, Sequence[Click]]:
    """Return the image and its clicks in the upright frame, checked against the file's header."""
    from sapnet.data.clicked_images import check_images

    listed = ClickSet((replace(task.image, file_name=path.name),), (), task.clicks)
    checked = check_images(listed, path.parent)
    return replace(checked.images[0], file_name=task.image.file_name), checked.clicks

"""From images and clicks to a proposal store: resumable, in one process or many."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.proposals.build import build_proposer
from sapnet.proposals.config import ProposeConfig, ProposerName, RunConfig
from sapnet.proposals.describe import describe_objects, given_proposal
from sapnet.proposals.given import GivenCounts, count_given
from sapnet.proposals.manifest import describe_run
from sapnet.proposals.proposer import Proposer, StagedProposer
from sapnet.proposals.store_writer import ProposalWriter
from sapnet.proposals.workers import map_in_order, num_cores
from sapnet.structures import Click, ClickSet, ImageRecord, Proposals, StoredObject

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

_SKIP_HINT = "(--skip-errors leaves such images out.)"


@dataclass(frozen=True)
class SkippedImage:
    """An image left out on request, and why."""

    image_id: int
    file_name: str
    reason: str


@dataclass(frozen=True)
class ProposeSummary:
    """What a run did.

    Attributes:
        store: folder of the proposal store.
        num_images: images proposed for in this run.
        num_objects: objects proposed for in this run.
        num_proposals: masks made in this run.
        num_images_before: images the store held already.
        given: how many objects of the data set came with a mask or a box.
        skipped: images left out; empty unless skipping was asked for.
    """

    store: Path
    num_images: int
    num_objects: int
    num_proposals: int
    num_images_before: int
    given: GivenCounts
    skipped: tuple[SkippedImage, ...] = ()


@dataclass(frozen=True)
class ImageTask:
    """One image to propose for, with all its clicks."""

    path: Path
    image: ImageRecord
    clicks: tuple[Click, ...]


def propose(cfg: ProposeConfig) -> ProposeSummary:
    """Reads the clicks, builds the proposer and proposes; what `sapnet propose` runs.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a wrong setting, click, image, or store.
    """
    from sapnet.data.clicks import load_clicks

    clicks = load_clicks(cfg.clicks)
    run = RunConfig(
        workers=default_workers(cfg.proposer) if cfg.workers is None else cfg.workers,
        shard_images=cfg.shard_images,
        skip_errors=cfg.skip_errors,
    )
    return propose_dataset(cfg.images, clicks, cfg.out, build_proposer(cfg, clicks), run)


def default_workers(proposer: ProposerName) -> int:
    """The cores of this machine for proposers that compute on the CPU, else 1."""
    return num_cores() if proposer in ("regions", "simulated") else 1


def propose_dataset(
    images_dir: Path, clicks: ClickSet, out: Path, proposer: Proposer, run: RunConfig | None = None
) -> ProposeSummary:
    """Proposes for every image that the store does not hold yet.

    The store's content does not depend on the number of workers, nor on how often the run was
    stopped. Worker processes are spawned: a script that asks for them must guard its own top level
    by `if __name__ == "__main__":`.

    Args:
        images_dir: folder that the images' file names are relative to.
        clicks: images, categories and clicks, as `load_clicks` gives them. Images without clicks
            are recorded without being decoded.
        out: folder of the store, new or begun by an equal run.
        proposer: makes the masks.
        run: how to go through the images.

    Returns:
        What was done, and which images were skipped if that was asked for.

    Raises:
        ValueError: an image is missing, cannot be read, or has another size than listed. What the
            files' headers tell is found before any work starts.
        StoreError: `out` was made of other settings or data.
    """
    run = run or RunConfig()
    # Opened first: a refusal must not wait for a look at each of the images.
    with ProposalWriter(out, describe_run(proposer, clicks), run.shard_images) as writer:
        todo = replace(
            clicks,
            images=tuple(i for i in clicks.images if i.image_id not in writer.done_image_ids),
        )
        readable, skipped = _check_images(todo, images_dir, run.skip_errors)
        tasks = _make_tasks(readable, images_dir)
        counts = _Counts()
        describe = _DescribeImage(proposer, run.skip_errors)
        with closing(_with_progress(tasks, describe, run.workers)) as results:
            for task, result in results:
                if isinstance(result, str):
                    skipped.append(SkippedImage(task.image.image_id, task.image.file_name, result))
                    continue
                writer.add(task.image, result)
                counts.add(result)
    for image in skipped:
        logger.warning("skipped image %d, %s: %s", image.image_id, image.file_name, image.reason)
    return ProposeSummary(
        store=out,
        num_images=counts.num_images,
        num_objects=counts.num_objects,
        num_proposals=counts.num_proposals,
        num_images_before=len(writer.done_image_ids),
        given=count_given(clicks.clicks),
        skipped=tuple(skipped),
    )


@dataclass
class _Counts:
    num_images: int = 0
    num_objects: int = 0
    num_proposals: int = 0

    def add(self, objects: list[StoredObject]) -> None:
        self.num_images += 1
        self.num_objects += len(objects)
        self.num_proposals += sum(len(stored.proposals) for stored in objects)


@dataclass(frozen=True)
class _DescribeImage:
    """Proposes for one image; runs in the worker processes."""

    proposer: Proposer
    skip_errors: bool

    def __call__(self, task: ImageTask) -> list[StoredObject] | str:
        """The image's objects; with `skip_errors`, the reason why there are none."""
        if not task.clicks:
            return []
        try:
            return self._describe(task)
        except (OSError, ValueError) as error:
            if self.skip_errors:
                return str(error)
            raise ValueError(
                f"image {task.image.image_id}, {task.path}: {error} {_SKIP_HINT}"
            ) from error

    def _describe(self, task: ImageTask) -> list[StoredObject]:
        from sapnet.data.images import load_image

        image = load_image(task.path)
        expected, found = (task.image.height, task.image.width), image.shape[:2]
        if found != expected:
            raise ValueError(f"expected height and width {expected} as listed, found {found}")
        return describe_objects(task.clicks, self._bags(image, task.clicks), expected)

    def _bags(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """A bag per click; the proposer is asked only for objects whose mask is not known."""
        unknown = [n for n, click in enumerate(clicks) if click.mask is None]
        proposed = iter(self._propose(image, clicks, unknown))
        return [
            next(proposed) if click.mask is None else given_proposal(click.mask) for click in clicks
        ]

    def _propose(
        self, image: np.ndarray, clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        if len(indices) == len(clicks):
            return self.proposer.propose(image, clicks)
        if not indices:
            return []
        if isinstance(self.proposer, StagedProposer):  # the others still matter as rivals
            return self.proposer.propose_prepared(self.proposer.prepare(image), clicks, indices)
        return self.proposer.propose(image, [clicks[n] for n in indices])


def _check_images(
    clicks: ClickSet, images_dir: Path, skip_errors: bool
) -> tuple[ClickSet, list[SkippedImage]]:
    """Looks at each image file and turns its clicks upright, before the long work starts."""
    from sapnet.data.clicks import check_images

    of_image = _clicks_of_images(clicks)
    parts: list[ClickSet] = []
    skipped: list[SkippedImage] = []
    for image in clicks.images:
        part = ClickSet((image,), clicks.categories, of_image[image.image_id])
        try:
            parts.append(check_images(part, images_dir))
        except (OSError, ValueError) as error:
            skipped.append(SkippedImage(image.image_id, image.file_name, str(error)))
    if skipped and not skip_errors:
        first = skipped[0]
        raise ValueError(
            f"{len(skipped)} of {len(clicks.images)} images cannot be used; the first is image "
            f"{first.image_id}, {first.file_name}: {first.reason} {_SKIP_HINT}"
        )
    readable = ClickSet(
        images=tuple(image for part in parts for image in part.images),
        categories=clicks.categories,
        clicks=tuple(click for part in parts for click in part.clicks),
    )
    return readable, skipped


def _clicks_of_images(clicks: ClickSet) -> dict[int, tuple[Click, ...]]:
    """The clicks of each image id; an empty tuple for an image without."""
    grouped: dict[int, list[Click]] = {image.image_id: [] for image in clicks.images}
    for click in clicks.clicks:
        if click.image_id in grouped:
            grouped[click.image_id].append(click)
    return {image_id: tuple(entries) for image_id, entries in grouped.items()}


def _make_tasks(clicks: ClickSet, images_dir: Path) -> list[ImageTask]:
    of_image = _clicks_of_images(clicks)
    return [
        ImageTask(Path(images_dir) / image.file_name, image, of_image[image.image_id])
        for image in clicks.images
    ]


def _with_progress(
    tasks: list[ImageTask],
    describe: Callable[[ImageTask], list[StoredObject] | str],
    workers: int,
) -> Generator[tuple[ImageTask, list[StoredObject] | str]]:
    """Each task with its result, in order, under a bar that counts objects."""
    from tqdm import tqdm

    num_objects = sum(len(task.clicks) for task in tasks)
    with (
        closing(map_in_order(describe, tasks, workers)) as results,
        tqdm(total=num_objects, desc="propose", unit=" objects", smoothing=0.1) as bar,
    ):
        for task, result in zip(tasks, results, strict=True):
            yield task, result
            bar.update(len(task.clicks))

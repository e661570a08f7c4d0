"""Proposing for a data set: fills a proposal store, resumable, on one or many machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sapnet.data.clicked_images import check_images, check_whole_images
from sapnet.data.image_files.depth import depth_line
from sapnet.data.image_files.limit import allowing_pixels, given_limit
from sapnet.data.tiles.clicks import own_clicks, parts_line, tile_clicks
from sapnet.data.tiles.coverage import coverage_in_windows
from sapnet.data.tiles.grid import Parts
from sapnet.proposals.automatic import check_tiles_with
from sapnet.proposals.config import ProposerName, RunConfig
from sapnet.proposals.depth import find_source_depth
from sapnet.proposals.image_task import (
    SKIP_HINT,
    DescribedImage,
    DescribeImage,
    ImageTask,
    clicks_of_images,
    make_tasks,
)
from sapnet.proposals.proposer import Proposer
from sapnet.proposals.sources import ImageSource, open_images
from sapnet.proposals.updating import StoreUpdate, take_out_outdated
from sapnet.store.given import GivenCounts, count_given
from sapnet.store.manifest import (
    BITS,
    FORMAT_VERSION,
    PLAIN_FORMAT_VERSION,
    Manifest,
    fingerprint,
)
from sapnet.store.part import Part
from sapnet.store.writer import ProposalWriter, find_manifest
from sapnet.structures.clicks import ClickSet, Coverage, ImageRecord
from sapnet.structures.coverage import NOTHING_SAID, only_images
from sapnet.structures.proposals import StoredObject
from sapnet.system.locations import Location, as_location
from sapnet.system.processes.parallel import map_in_order, num_cores
from sapnet.system.progress import progress

logger = logging.getLogger(__name__)

OBJECTS_PER_PROCESS = 50
"""Fewest objects for which another process of `click` is started."""


@dataclass(frozen=True)
class SkippedImage:
    """An image that was left out on request, and the reason."""

    image_id: int
    file_name: str
    reason: str


@dataclass(frozen=True)
class ProposeSummary:
    """Summary of a run.

    Attributes:
        store: folder of the proposal store, or its URL.
        num_images: number of images proposed for in this run.
        num_objects: number of objects proposed for in this run.
        num_proposals: number of masks made in this run.
        num_images_before: number of images of this run that the store held before.
        given: numbers of objects of the data set that came with a mask or a box.
        skipped: images left out; empty unless skipping was requested.
        updated: changes of a store whose clicks have changed; None if they had not.
    """

    store: Location
    num_images: int
    num_objects: int
    num_proposals: int
    num_images_before: int
    given: GivenCounts
    skipped: tuple[SkippedImage, ...] = ()
    updated: StoreUpdate | None = None


def check_any_click(clicks: ClickSet) -> None:
    """Raise a ValueError for a data set without any click."""
    if not clicks.clicks:
        raise ValueError(
            f"expected clicks to propose for, found none on {len(clicks.images)} images. Click "
            "some objects, or name another clicks file."
        )


def describe_run(
    proposer: Proposer, clicks: ClickSet, bits: int | None = None, parts: Parts | None = None
) -> Manifest:
    """Return the manifest of a run that starts now.

    Args:
        proposer: the proposer of the masks.
        clicks: the data set.
        bits: bit depth of its images of more than 8 bits; None without such images.
        parts: windows and bands that the data set is of; None for whole images.
    """
    settings = dict(proposer.settings) | ({} if bits is None else {BITS: bits})
    settings |= {} if parts is None else parts.to_settings()
    has_estimates = any(click.box_score is not None for click in clicks.clicks)
    return Manifest(
        proposer=proposer.name,
        # Through json and back, so that it equals what a later run reads from the file.
        settings=json.loads(json.dumps(settings)),
        data_fingerprint=fingerprint(clicks),
        categories=clicks.categories,
        num_images=len(clicks.images),
        num_objects=len(clicks.clicks),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        format_version=FORMAT_VERSION if has_estimates else PLAIN_FORMAT_VERSION,
    )


def default_workers(proposer: ProposerName, num_objects: int) -> int:
    """Return the number of cores for proposers that compute on the CPU, else 1.

    A process of `click` imports torch, which takes as long as some ten clicks: few objects get
    fewer processes.
    """
    if proposer not in ("click", "regions", "simulated"):
        return 1
    fair = num_objects // OBJECTS_PER_PROCESS if proposer == "click" else num_objects
    return max(min(num_cores(), fair), 1)


def propose_dataset(
    images_dir: Location,
    clicks: ClickSet,
    out: Location,
    proposer: Proposer,
    run: RunConfig | None = None,
) -> ProposeSummary:
    """Propose for every image that the store does not hold yet, or holds with other clicks.

    Images that are no longer in the data set are dropped. The store's content does not depend on
    the engine, on the number of workers or parts, or on how often the run was stopped. Worker
    processes are spawned: a script that uses them must protect its top level with
    `if __name__ == "__main__":`.

    Args:
        images_dir: folder that the images' file names are relative to, its URL, or a manifest of
            images; see `open_images`.
        clicks: images, categories and clicks, as returned by `load_clicks`. Images without clicks
            are recorded without being decoded.
        out: folder of the store or its URL, new or begun by a run with equal settings.
        proposer: the proposer of the masks.
        run: settings of the pass over the images.

    Returns:
        A summary, with the skipped images if skipping was requested.

    Raises:
        ValueError: there is no click, or an image is missing, cannot be read, or has another size
            than listed. In a
            local folder, all files' headers are checked before any work starts.
        StoreError: `out` was made with other settings or from another data set, or another process
            is writing it.
    """
    run = run or RunConfig()
    check_any_click(clicks)
    with allowing_pixels(run.max_pixels):
        source, cut = open_images(images_dir), list[SkippedImage]()
        if run.parts:
            check_tiles_with(proposer.name)
            clicks, cut = _in_parts(source, clicks, run)
        summary = _propose(source, clicks, out, proposer, run)
    return replace(summary, skipped=(*cut, *summary.skipped))


def _in_parts(
    source: ImageSource, clicks: ClickSet, run: RunConfig
) -> tuple[ClickSet, list[SkippedImage]]:
    """Return the clicks of the windows of the images, with the images that cannot be cut."""
    folder = source.local_folder
    if folder is None:
        raise ValueError(
            f"windows and bands ({run.parts.to_settings()}): expected images in a folder of this "
            f"machine, found {source.folder}. Copy the images, or leave out --tile, --bands and "
            "the bands that the clicks file notes."
        )
    checked, skipped = check_each_image(clicks, folder, run.skip_errors, check_whole_images)
    tiled = tile_clicks(checked, run.parts)
    logger.info("%s", parts_line(checked, tiled, run.parts))
    coverage = coverage_in_windows(_upright_coverage(source, clicks), tiled.images)
    return replace(tiled, coverage=coverage), skipped


def _propose(
    source: ImageSource, clicks: ClickSet, out: Location, proposer: Proposer, run: RunConfig
) -> ProposeSummary:
    """Propose for every image that the store does not hold yet; see `propose_dataset`."""
    mine = run.part.of(clicks.images)
    bits = _bits(source, clicks, run)
    manifest = describe_run(proposer, clicks, bits, run.parts)
    updated = _update(source, clicks, out, manifest, run)
    # The store is opened first, so that an error does not wait until all images are checked.
    with ProposalWriter(out, manifest, run.shard_images, run.part) as writer:
        todo = tuple(i for i in mine if i.image_id not in writer.done_image_ids)
        part, skipped = replace(clicks, images=todo), list[SkippedImage]()
        # For remote images, or on a cluster, checking all files here would take too long.
        writer.write_coverage(_upright_coverage(source, clicks))
        folder = source.local_folder if run.engine == "local" else None
        if folder is not None:
            part, skipped = check_each_image(part, folder, run.skip_errors)
        checked = folder is not None
        describe = DescribeImage(proposer, source, run.skip_errors, checked, bits, given_limit())
        counts, unusable = _fill(writer, make_tasks(part), describe, run)
        skipped += unusable
    for image in skipped:
        logger.warning("skipped image %d, %s: %s", image.image_id, image.file_name, image.reason)
    return ProposeSummary(
        store=out,
        num_images=counts.num_images,
        num_objects=counts.num_objects,
        num_proposals=counts.num_proposals,
        num_images_before=len(mine) - len(todo),
        given=count_given(own_clicks(clicks)),
        skipped=tuple(skipped),
        updated=updated,
    )


def _update(
    source: ImageSource, clicks: ClickSet, out: Location, manifest: Manifest, run: RunConfig
) -> StoreUpdate | None:
    """Take the images with other clicks than before out of a store of this machine, if any.

    Stores in object storage, and those that several jobs fill, are refused by the writer instead.
    """
    place = as_location(out)
    found = find_manifest(place) if isinstance(place, Path) and run.part == Part() else None
    if found is None or found.data_fingerprint == manifest.data_fingerprint:
        return None
    folder = source.local_folder
    if folder is not None:
        clicks, _ = check_each_image(clicks, folder, run.skip_errors)
    return take_out_outdated(Path(place), found, manifest, clicks)


def _bits(source: ImageSource, clicks: ClickSet, run: RunConfig) -> int | None:
    """Return the bit depth of the data set: as given, or as its images show."""
    bits = run.bits or find_source_depth(source, clicks)
    if line := depth_line(bits, run.bits is not None):
        logger.info("%s", line)
    return bits


def _upright_coverage(source: ImageSource, clicks: ClickSet) -> Mapping[int, Coverage]:
    """Return what was annotated, with regions in the frame of the upright images.

    Files of images with regions are looked at for it. Remote ones are not: where a turn swaps
    their sides, their regions fit no more and are left out.
    """
    from sapnet.data.clicked_images import check_images

    folder = source.local_folder
    with_regions = tuple(i for i in clicks.images if _has_regions(clicks, i))
    if folder is None or not with_regions:
        return clicks.coverage
    found = dict(clicks.coverage)
    for image in with_regions:
        alone = only_images(clicks.coverage, [image.image_id])
        try:
            found |= check_images(ClickSet((image,), (), (), alone), folder).coverage
        except (OSError, ValueError):  # reported for all images at once, or skipped
            continue
    return found


def _has_regions(clicks: ClickSet, image: ImageRecord) -> bool:
    return bool(clicks.coverage.get(image.image_id, NOTHING_SAID).ignored)


@dataclass
class _Counts:
    num_images: int = 0
    num_objects: int = 0
    num_proposals: int = 0

    def add(self, objects: list[StoredObject]) -> None:
        self.num_images += 1
        self.num_objects += len(objects)
        self.num_proposals += sum(len(stored.proposals) for stored in objects)


def _fill(
    writer: ProposalWriter, tasks: Sequence[ImageTask], describe: DescribeImage, run: RunConfig
) -> tuple[_Counts, list[SkippedImage]]:
    """Propose for all tasks and write the results; return the counts and the skipped images."""
    counts, skipped = _Counts(), list[SkippedImage]()
    with closing(_with_progress(tasks, describe, run)) as results:
        for task, result in results:
            if isinstance(result, str):
                skipped.append(SkippedImage(task.image.image_id, task.image.file_name, result))
                continue
            writer.add(result.image, result.objects)
            counts.add(result.objects)
    return counts, skipped


def check_each_image(
    clicks: ClickSet,
    images_dir: Path,
    skip_errors: bool,
    check: Callable[[ClickSet, Path], ClickSet] = check_images,
) -> tuple[ClickSet, list[SkippedImage]]:
    """Check each image file and turn its clicks upright, before the long work starts.

    Args:
        clicks: images and their clicks.
        images_dir: folder that the file names are relative to.
        skip_errors: True to leave images out that cannot be used.
        check: of the images one by one.

    Returns:
        The clicks of the images that can be used, and the others.

    Raises:
        ValueError: an image cannot be used, and is not to be left out.
    """
    of_image = clicks_of_images(clicks)
    parts: list[ClickSet] = []
    skipped: list[SkippedImage] = []
    for image in clicks.images:
        part = ClickSet((image,), clicks.categories, of_image[image.image_id])
        try:
            parts.append(check(part, images_dir))
        except (OSError, ValueError) as error:
            reason = str(error).removeprefix(f"{images_dir / image.file_name}: ")
            if isinstance(error, FileNotFoundError):  # whose message is on several images
                reason = (
                    f"not in {images_dir}. Name the folder that the file names are relative to."
                )
            skipped.append(SkippedImage(image.image_id, image.file_name, reason))
    if skipped and not skip_errors:
        first = skipped[0]
        raise ValueError(
            f"{len(skipped)} of {len(clicks.images)} images cannot be used; the first is image "
            f"{first.image_id}, {first.file_name}: {first.reason} {SKIP_HINT}"
        )
    readable = ClickSet(
        images=tuple(image for part in parts for image in part.images),
        categories=clicks.categories,
        clicks=tuple(click for part in parts for click in part.clicks),
    )
    return readable, skipped


def _with_progress(
    tasks: Sequence[ImageTask], describe: DescribeImage, run: RunConfig
) -> Generator[tuple[ImageTask, DescribedImage | str]]:
    """Yield each task with its result, in order, and show a progress bar of objects."""
    num_objects = sum(len(task.clicks) for task in tasks)
    with (
        closing(_results(tasks, describe, run)) as results,
        progress(num_objects, "propose", " objects", smoothing=0.1) as count,
    ):
        for task, result in zip(tasks, results, strict=True):
            yield task, result
            count(len(task.clicks))


def _results(
    tasks: Sequence[ImageTask], describe: DescribeImage, run: RunConfig
) -> Generator[DescribedImage | str]:
    """Return the results of the tasks, computed by the engine of the run."""
    match run.engine:
        case "local":
            return map_in_order(describe, tasks, run.workers or 1)
        case "ray":
            from sapnet.proposals.ray_engine import RayConfig, map_with_ray

            gpus = run.gpus_per_worker
            return map_with_ray(describe, tasks, RayConfig(run.ray_address, run.workers, gpus))

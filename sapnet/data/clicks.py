"""Reading and writing of clicks files, which are COCO-style json."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from sapnet.data.click_annotations import (
    TRUTH_KEY,
    click_annotations,
    is_region,
    merge_clicks,
    object_key,
    read_click,
    read_region,
    region_records,
)
from sapnet.data.coco_json import (
    BANDS_KEY,
    INFO_KEY,
    CocoFile,
    Record,
    frame_records,
    read_bands,
    read_coco,
)
from sapnet.data.coverage.completeness import read_partial
from sapnet.data.coverage.ignored import with_regions
from sapnet.data.image_files.inside import leaves_folder, outside_words
from sapnet.data.problems import RecordError, Report, attempt, raise_first
from sapnet.structures.clicks import Click, ClickSet, ImageRecord
from sapnet.system.files import write_json_atomic

logger = logging.getLogger(__name__)


def load_clicks(path: Path | str, report: Report = raise_first) -> ClickSet:
    """Read and check a clicks file.

    The file is COCO-style json with `images`, `categories` and `annotations`. An annotation has
    `id`, `image_id`, `category_id` and `point: [x, y]`. It may have `negative_points:
    [[x, y], ...]`, `bbox: [x, y, width, height]`, `bbox_score` (if that box is an estimate),
    `segmentation` (polygons or run lengths: the object's known mask) and `object_id`. Annotations
    of one image with the same `object_id` form one object: its points are in file order, and its id
    is that of the first.

    An annotation with `iscrowd: 1` and without `point` is a region to ignore, given by its
    `segmentation` or `bbox`. Images may have `done` (true: every object is clicked, false: some may
    not be), and LVIS's `not_exhaustive_category_ids` and `neg_category_ids`.

    `info` may have `bands`: the bands of the images in which their objects were clicked.

    Objects with `true_bbox`, as in P2BNet's and SAPNet's files, keep their point alone: the box and
    the mask beside it are made up or ground truth. A logged line counts them.

    Coordinates are pixels of the upright image, x to the right, y down, pixel centers at .5.

    Args:
        path: the json file.
        report: receives each broken rule; unless it raises, the offending part is left out.

    Returns:
        The images, the categories by ascending id, and one click per object in file order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything in it is missing, malformed or outside its image; the message names the
            object.
    """
    return clicks_of(read_coco(path, report), report)


def clicks_of(coco: CocoFile, report: Report = raise_first) -> ClickSet:
    """Return the clicks of a file that `read_coco` has read; see `load_clicks`."""
    beside_truth = sum(TRUTH_KEY in annotation for annotation in coco.annotations)
    if beside_truth:
        logger.warning(
            "%s: %d objects have '%s', as in P2BNet's and SAPNet's files: the point is the click; "
            "bbox and segmentation are made up or ground truth, and are not taken",
            coco.path, beside_truth, TRUTH_KEY,
        )  # fmt: skip
    for image in coco.images:
        if leaves_folder(image.file_name):
            report(_outside(coco, image))
    clicks: dict[object, Click] = {}
    regions = []
    for annotation in coco.annotations:
        region = attempt(report, read_region, coco, annotation)
        if region is not None:
            regions.append(region)
        if region is not None or is_region(annotation):
            continue
        click = read_click(coco, annotation, report)
        key = attempt(report, object_key, coco, annotation)
        if click is None or key is None:
            continue
        if key in clicks:
            click = (
                attempt(report, merge_clicks, coco, annotation, clicks[key], click) or clicks[key]
            )
        clicks[key] = click
    coverage = with_regions(read_partial(coco, report), regions)
    bands = attempt(report, read_bands, coco) or ()
    return ClickSet(coco.images, coco.categories, tuple(clicks.values()), coverage, bands)


def _outside(coco: CocoFile, image: ImageRecord) -> RecordError:
    return RecordError(
        coco.path,
        outside_words(image.file_name),
        kind="image outside its folder",
        place=f"image {image.image_id}",
        image_id=image.image_id,
    )


def save_clicks(path: Path | str, clicks: ClickSet, info: dict[str, Any] | None = None) -> Path:
    """Write a clicks file that `load_clicks` reads, atomically.

    Args:
        path: the json file.
        clicks: the clicks to write.
        info: the origin of the clicks, kept under the key `info`.

    Returns:
        `path`.
    """
    return write_json_atomic(path, clicks_to_json(clicks, info), indent=None)


def clicks_to_json(clicks: ClickSet, info: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the content of a clicks file, for json.

    Args:
        clicks: the clicks to write.
        info: the origin of the clicks, kept under the key `info`.

    Returns:
        `info`, `images`, `categories` and `annotations`; the first annotation of each object has
        the object's id.
    """
    next_id = max((click.annotation_id for click in clicks.clicks), default=0) + 1
    annotations: list[Record] = []
    for click in clicks.clicks:
        extra_ids = range(next_id, next_id + len(click.points) - 1)
        next_id = extra_ids.stop
        annotations.extend(click_annotations(click, extra_ids))
    noted = {BANDS_KEY: list(clicks.bands)} if clicks.bands else {}
    return {
        INFO_KEY: {**(info or {}), **noted},
        **frame_records(clicks.images, clicks.categories, clicks.coverage),
        "annotations": [*annotations, *region_records(clicks.coverage, next_id)],
    }

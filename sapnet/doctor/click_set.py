"""Examination of a clicks file and its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sapnet.data.clicked_images import turn_click, turn_coverage
from sapnet.data.clicks import clicks_of
from sapnet.data.coco_json import CocoFile, read_coco
from sapnet.data.problems import RecordError
from sapnet.doctor.finding import Examination, Fact, Finding, findings_from
from sapnet.doctor.image_files import (
    ImageFile,
    Reading,
    check_same_content,
    check_tiles,
    examine_images,
    median_side,
)
from sapnet.doctor.names import check_categories, check_file_names
from sapnet.doctor.points import check_corners, check_frame, check_near_clicks, click_table
from sapnet.structures.clicks import Click, ClickSet, ImageRecord

MOSTLY = 0.5
"""Share of images without objects above which they are reported."""


@dataclass(frozen=True)
class ExaminedClicks:
    """Results of the examination of a clicks file.

    Attributes:
        examination: facts and findings.
        coco: the checked file; None if it cannot be read at all.
        clicks: the valid clicks, in the upright frame of their images; None if the file cannot be
            read at all.
        files: the images; none without a folder of images.
    """

    examination: Examination
    coco: CocoFile | None
    clicks: ClickSet | None
    files: tuple[ImageFile, ...] = ()


def examine_clicks(
    path: Path, images_dir: Path | None, reading: Reading | None = None
) -> ExaminedClicks:
    """Examine a clicks file and its images.

    Args:
        path: the clicks file.
        images_dir: folder of its images; None skips them.
        reading: of the pixels of the images.
    """
    errors: list[RecordError] = []
    try:
        coco = read_coco(path, errors.append)
    except (OSError, ValueError) as error:
        finding = Finding("error", "unreadable file", str(error))
        return ExaminedClicks(Examination("clicks", findings=(finding,)), None, None)
    clicks = clicks_of(coco, errors.append)
    table = click_table(coco)
    reading = reading or Reading()
    reading = replace(reading, bands=reading.bands or clicks.bands)
    files = () if images_dir is None else examine_images(coco.images, images_dir, reading)
    num_objects = Counter(annotation["category_id"] for annotation in coco.annotations)
    frame = tuple(check_frame(table))
    # If the unit or frame is wrong, all clicks may be close to each other.
    near = () if frame else check_near_clicks(clicks.clicks, coco.image_of_id)
    findings = [
        *frame,
        *findings_from(errors),
        *check_corners(table),
        *near,
        *check_categories(coco.categories, num_objects),
        *check_tiles(clicks.images, clicks.clicks),
        *check_listing(coco, files, "click"),
    ]
    facts = set_facts(coco, len(clicks.clicks), num_objects)
    examination = Examination("clicks", facts, tuple(findings))
    return ExaminedClicks(examination, coco, _turned(clicks, files), files)


def check_listing(coco: CocoFile, files: Sequence[ImageFile], what: str) -> Iterator[Finding]:
    """Check the images of a file: their use, their names, and their content.

    Args:
        coco: the file.
        files: its image files, if they were opened.
        what: name of what marks an object: "click" or "object".
    """
    yield from check_images_used(coco.images, {a["image_id"] for a in coco.annotations}, what)
    yield from check_file_names(coco.images)
    for file in files:
        yield from file.findings
    yield from check_same_content(files)


def set_facts(coco: CocoFile, num_objects: int, by_category: Counter[int]) -> tuple[Fact, ...]:
    """Return the facts about a file of clicks or instances.

    Args:
        coco: the file.
        num_objects: number of its valid objects.
        by_category: number of objects by category id.
    """
    return (
        Fact("file", str(coco.path)),
        Fact("images", f"{len(coco.images)}, middle size {median_side(coco.images)}"),
        Fact("objects", str(num_objects)),
        Fact("categories", count_words(coco, by_category)),
    )


def check_images_used(
    images: Sequence[ImageRecord], used: set[int], what: str
) -> Iterator[Finding]:
    """Check for images without objects, and for files without images.

    Args:
        images: the listed images.
        used: ids of the images that have objects.
        what: name of what marks an object: "click" or "object".
    """
    if not images:
        yield Finding("error", "no images", "expected at least one image, found none.")
        return
    if not used:
        yield Finding("error", "no objects", "expected at least one object, found none.")
        return
    empty = [image for image in images if image.image_id not in used]
    if len(empty) > MOSTLY * len(images):
        message = (
            f"{len(empty)} of {len(images)} images have no {what}. An image of which no object "
        )
        message += "is given teaches that it shows none: leave out those that were not annotated."
        yield Finding("warning", "mostly empty images", message)
    for image in empty:
        yield Finding(
            "note",
            f"image without any {what}",
            "it is trained on as showing no object (unless `--keep-empty false`).",
            place=f"image {image.image_id} ({image.file_name})",
            image_id=image.image_id,
        )


def count_words(coco: CocoFile, num_objects: Counter[int]) -> str:
    """Return the categories and their numbers of objects, in words."""
    names = [f"{c.name} ({num_objects[c.category_id]})" for c in coco.categories]
    return f"{len(names)}: " + ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def _turned(clicks: ClickSet, files: Sequence[ImageFile]) -> ClickSet:
    headers = {file.record.image_id: file.header for file in files if file.is_stored}

    def turn(click: Click) -> Click:
        header = headers.get(click.image_id)
        return click if header is None else turn_click(click, header)

    known = {image_id: header for image_id, header in headers.items() if header is not None}
    return replace(
        clicks,
        clicks=tuple(map(turn, clicks.clicks)),
        coverage=turn_coverage(clicks.coverage, known),
    )

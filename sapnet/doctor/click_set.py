"""A file of clicks and its images: everything that is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sapnet.data.clicked_images import turn_click
from sapnet.data.clicks import clicks_of
from sapnet.data.coco_json import CocoFile, read_coco
from sapnet.data.problems import RecordError
from sapnet.doctor.finding import Examination, Fact, Finding, findings_from
from sapnet.doctor.image_files import ImageFile, check_same_content, examine_images, median_side
from sapnet.doctor.names import check_categories, check_file_names
from sapnet.doctor.points import check_corners, check_frame, check_near_clicks, click_table
from sapnet.structures.clicks import Click, ClickSet, ImageRecord

MOSTLY = 0.5
"""Share of images without objects from which on they are suspicious."""


@dataclass(frozen=True)
class ExaminedClicks:
    """What a click file came to.

    Attributes:
        examination: facts and findings.
        coco: the frame of the file; None where it cannot be read at all.
        clicks: those that break no rule, those of turned images turned along; None likewise.
        files: the images; none without a folder of images.
    """

    examination: Examination
    coco: CocoFile | None
    clicks: ClickSet | None
    files: tuple[ImageFile, ...] = ()


def examine_clicks(path: Path, images_dir: Path | None, decode: bool = True) -> ExaminedClicks:
    """Look at a click file and its images.

    Args:
        path: the click file.
        images_dir: folder of its images; without it they are not looked at.
        decode: True if the pixels of the images are read, too.
    """
    errors: list[RecordError] = []
    try:
        coco = read_coco(path, errors.append)
    except (OSError, ValueError) as error:
        finding = Finding("error", "unreadable file", str(error))
        return ExaminedClicks(Examination("clicks", findings=(finding,)), None, None)
    clicks = clicks_of(coco, errors.append)
    table = click_table(coco)
    files = () if images_dir is None else examine_images(coco.images, images_dir, decode)
    num_objects = Counter(annotation["category_id"] for annotation in coco.annotations)
    frame = tuple(check_frame(table))
    # In a wrong unit or frame, all clicks may be close to each other.
    near = () if frame else check_near_clicks(clicks.clicks, coco.image_of_id)
    findings = [
        *frame,
        *findings_from(errors),
        *check_corners(table),
        *near,
        *check_categories(coco.categories, num_objects),
        *check_images_used(coco.images, {a["image_id"] for a in coco.annotations}, "click"),
        *check_file_names(coco.images),
        *(finding for file in files for finding in file.findings),
        *check_same_content(files),
    ]
    facts = (
        Fact("file", str(path)),
        Fact("images", f"{len(coco.images)}, middle size {median_side(coco.images)}"),
        Fact("objects", str(len(clicks.clicks))),
        Fact("categories", count_words(coco, num_objects)),
    )
    examination = Examination("clicks", facts, tuple(findings))
    return ExaminedClicks(examination, coco, _turned(clicks, files), files)


def check_images_used(
    images: Sequence[ImageRecord], used: set[int], what: str
) -> Iterator[Finding]:
    """Return findings on images without objects, and on files without images.

    Args:
        images: as listed.
        used: ids of the images that have objects.
        what: the name of what an object is given by.
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

    return ClickSet(clicks.images, clicks.categories, tuple(map(turn, clicks.clicks)))

"""Masks and boxes that exist already, opened as objects of images that have none."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.listing import ImageListing
from sapnet.data.clicked_images import check_whole_images
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.structures.clicks import Click, ClickSet

logger = logging.getLogger(__name__)


def read_labels(labels: Path, images: Path) -> ClickSet:
    """Read objects with masks, boxes or clicks from a file of any known tool.

    Args:
        labels: a file or folder, such as one of `sapnet label` or the results of `sapnet predict`.
        images: folder of the images.

    Returns:
        One click per object, at the middle of its mask or box where the file has none; regions of
        many objects are left out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, or has no object on any of the images.
    """
    findings = Findings()
    found = read_any(labels, findings, ReadOptions(images=images, crowds="crowd"))
    lines = findings.lines()
    if not found.clicks:
        raise ValueError(
            f"{labels}: expected objects on images of {images}, found none"
            + (f" ({lines[0]})" if lines else "")
        )
    for line in lines:
        logger.info("%s", line)
    return check_whole_images(found, images)


def begin_with_labels(file: ClickFile, listing: ImageListing, labels: ClickSet) -> None:
    """Give images without objects those of labels; the next change saves them.

    Args:
        file: the clicks file; its classes hold those of the labels, by name.
        listing: the images.
        labels: their objects, from `read_labels`.
    """
    records = {image.image_id: image for image in labels.images}
    ids = {category.name: category.category_id for category in file.categories}
    names = {category.category_id: category.name for category in labels.categories}
    found: defaultdict[str, list[Click]] = defaultdict(list)
    for click in labels.clicks:
        new = replace(click, annotation_id=0, category_id=ids[names[click.category_id]])
        found[records[click.image_id].file_name].append(new)
    begun = kept = 0
    for name, objects in found.items():
        if name not in listing or listing[name].problem:
            continue
        is_touched = any(file.summary(name))
        kept += is_touched
        if not is_touched:
            file.begin(name, objects)
            begun += 1
    logger.info(
        "labels: objects on %d images; %d images that have objects already keep theirs",
        begun, kept,
    )  # fmt: skip

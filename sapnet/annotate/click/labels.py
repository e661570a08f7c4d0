"""Masks that exist already, opened as objects of images that have none."""

from __future__ import annotations

import logging
from collections import defaultdict
from pathlib import Path

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.listing import ImageListing
from sapnet.data.coco import InstanceSet, load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.structures.clicks import Click

logger = logging.getLogger(__name__)


def class_names(labels: Path | None) -> tuple[str, ...]:
    """Return the names of the classes of a file of labels; none without a file."""
    return () if labels is None else tuple(c.name for c in load_instances(labels).categories)


def begin_with_labels(file: ClickFile, listing: ImageListing, labels: Path) -> None:
    """Give images without objects those of a file of labels; the next change saves them.

    Args:
        file: the clicks file; its classes hold those of the labels, by name.
        listing: the images.
        labels: COCO instances with masks, such as a file of `sapnet label`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is malformed, or a mask has another size than its image.
    """
    instances = load_instances(labels)
    found = _objects_by_image(instances, file)
    begun = kept = 0
    for name, objects in found.items():
        if name not in listing or listing[name].problem:
            continue
        record, image = file.record(name), next(i for i in instances.images if i.file_name == name)
        if (record.width, record.height) != (image.width, image.height):
            raise ValueError(
                f"{labels}: expected {name} of {record.width} x {record.height} px, as the image "
                f"is, found {image.width} x {image.height}"
            )
        is_touched = any(file.summary(name))
        kept += is_touched
        if not is_touched:
            file.begin(name, objects)
            begun += 1
    logger.info(
        "%s: its objects on %d images; %d images that have objects already keep theirs",
        labels, begun, kept,
    )  # fmt: skip


def _objects_by_image(instances: InstanceSet, file: ClickFile) -> dict[str, tuple[Click, ...]]:
    """Return one object with a point and its mask per instance; crowds are left out."""
    ids = {category.name: category.category_id for category in file.categories}
    names = {category.category_id: category.name for category in instances.categories}
    points = {c.annotation_id: c.points for c in sample_clicks(instances, "quasi-center", 0).clicks}
    found: defaultdict[str, list[Click]] = defaultdict(list)
    for instance in instances.instances:
        if instance.is_crowd or instance.annotation_id not in points:
            continue
        found[instance.image.file_name].append(
            Click(
                annotation_id=0,
                image_id=instance.image_id,
                category_id=ids[names[instance.category_id]],
                points=points[instance.annotation_id],
                mask=instance.rle(),
            )
        )
    return {name: tuple(objects) for name, objects in found.items()}

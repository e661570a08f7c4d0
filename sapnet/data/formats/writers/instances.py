"""Conversion of clicks and results to instances, for an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.readers.origins import read_origins
from sapnet.data.image_files.header import whole_size
from sapnet.geometry.rle import rle_to_json
from sapnet.structures.clicks import Category, ClickSet, ImageRecord
from sapnet.structures.origin import Origin
from sapnet.system.files import read_json


def masks_of_clicks(
    clicks: ClickSet,
    findings: Findings,
    scores: Mapping[int, float] | None = None,
    origins: Mapping[int, Origin] | None = None,
) -> InstanceSet:
    """Convert the masks of clicks to instances, for an export.

    Args:
        clicks: the objects; those without a mask are reported.
        findings: collects objects without a mask.
        scores: scores by annotation id, if there are any.
        origins: where the masks come from, by annotation id, if it is known.

    Returns:
        The same images and categories, one instance per mask, and a crowd per region to ignore.
    """
    images = {image.image_id: image for image in clicks.images}
    found = []
    for click in clicks.clicks:
        image = images[click.image_id]
        if click.mask is None:
            place = f"{image.file_name}, object {click.annotation_id}"
            findings.skip("objects without a mask", place)
            continue
        instance = Instance(
            annotation_id=click.annotation_id,
            image=image,
            category_id=click.category_id,
            is_crowd=False,
            segmentation=rle_to_json(click.mask),
            source=Path(image.file_name),
            score=(scores or {}).get(click.annotation_id),
            origin=(origins or {}).get(click.annotation_id),
        )
        found.append(instance)
    regions = [(key, region) for key, c in clicks.coverage.items() for region in c.ignored]
    next_id = 1 + max((click.annotation_id for click in clicks.clicks), default=0)
    found += [
        Instance(
            annotation_id=next_id + place,
            image=images[image_id],
            category_id=region.category_id,
            is_crowd=True,
            segmentation=rle_to_json(region.mask),
            source=Path(images[image_id].file_name),
        )
        for place, (image_id, region) in enumerate(regions)
    ]
    partial = {key: c.partial for key, c in clicks.coverage.items() if c.partial is not None}
    return InstanceSet(clicks.images, clicks.categories, tuple(found), partial)


def instances_of_results(
    path: Path,
    images: Mapping[int, Path],
    folder: Path,
    categories: Sequence[Category],
    min_score: float,
) -> InstanceSet:
    """Read the masks of a results file, with the images that they were predicted on.

    Args:
        path: the results.
        images: every predicted image, by its id in the results.
        folder: folder that the file names of the images are relative to.
        categories: categories of the network.
        min_score: least score of masks to keep.

    The origin of the masks is that of `origin.json` beside the results.

    Returns:
        The masks.
    """
    records = []
    for image_id, image in images.items():
        height, width = whole_size(image)
        name = image.relative_to(folder).as_posix()
        records.append(ImageRecord(image_id, name, width, height))
    image_of_id = {image.image_id: image for image in records}
    origins = read_origins(path, "results")
    instances = [
        Instance(
            annotation_id=number,
            image=image_of_id[record["image_id"]],
            category_id=record["category_id"],
            is_crowd=False,
            segmentation=record["segmentation"],
            source=path,
            score=record["score"],
            origin=origins.get(number),
        )
        for number, record in enumerate(read_json(path), start=1)
        if record["score"] >= min_score
    ]
    return InstanceSet(tuple(records), tuple(categories), tuple(instances))

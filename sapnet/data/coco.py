"""COCO instance files with masks, such as ground truth, checked when they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sapnet.data.coco_json import CocoFile, Record, is_number, numbers, read_bands, read_coco
from sapnet.data.coverage.completeness import read_partial
from sapnet.data.coverage.ignored import box_outline, is_ignored, with_regions
from sapnet.data.problems import RecordError, Report, attempt, raise_first
from sapnet.geometry.rle import rle_areas, rle_boxes, to_rle
from sapnet.structures.clicks import RLE, Category, Coverage, ImageRecord
from sapnet.structures.origin import Origin, merged_origin
from sapnet.system.outside import shown

MIN_POLYGON_NUMBERS = 6  # three points of x, y


@dataclass(frozen=True)
class Instance:
    """One annotated object, original frame; its mask is made on demand.

    Attributes:
        annotation_id: id that is unique in the file.
        image: the image of the object.
        category_id: id of its category in the file.
        is_crowd: True if it marks a region to ignore: of many objects, or of one that nobody can
            judge (`iscrowd`, `ignore` or `difficult` is 1 in the file).
        segmentation: polygons or run lengths, as in the file.
        source: the file, for messages.
        given_area: the file's `area` in square pixels, None if it has none.
        given_box: the file's `bbox` as xyxy, None if it has none.
        score: the `score` of exported labels, None if there is none.
        origin: where the mask comes from, None where the file does not say.
    """

    annotation_id: int
    image: ImageRecord
    category_id: int
    is_crowd: bool
    segmentation: Any = field(repr=False)
    source: Path
    given_area: float | None = None
    given_box: tuple[float, float, float, float] | None = None
    score: float | None = None
    origin: Origin | None = None

    @property
    def image_id(self) -> int:
        """The id of the object's image."""
        return self.image.image_id

    def rle(self) -> RLE:
        """Return the mask as run lengths of the image's size.

        Raises:
            ValueError: the segmentation cannot be turned into a mask of the image.
        """
        try:
            return to_rle(self.segmentation, self.image.height, self.image.width)
        except (ValueError, TypeError) as error:
            raise RecordError(
                self.source,
                f"{error}. Export the object again, or drop it.",
                kind="not a mask of its image",
                place=f"object {self.annotation_id} (image {self.image_id})",
                image_id=self.image_id,
                annotation_id=self.annotation_id,
            ) from error

    @property
    def area(self) -> float:
        """The area in square pixels: that of the file, else the number of pixels of the mask."""
        if self.given_area is not None:
            return self.given_area
        return float(rle_areas([self.rle()])[0])

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The box in xyxy pixel edges: that of the file, else the tight box of the mask."""
        if self.given_box is not None:
            return self.given_box
        x1, y1, x2, y2 = rle_boxes([self.rle()])[0].tolist()
        return x1, y1, x2, y2


@dataclass(frozen=True)
class InstanceSet:
    """A data set of annotated objects.

    Attributes:
        images: the images, in file order.
        categories: the categories by ascending id; a category's position is its label.
        instances: the objects in file order, crowds included.
        partial: ids of the categories that are not all annotated, by image id; empty for a complete
            image. Images that nobody marked have no entry.
        bands: numbers of the bands in which the images were looked at, from 1 on; empty for the
            files' own.
    """

    images: tuple[ImageRecord, ...]
    categories: tuple[Category, ...]
    instances: tuple[Instance, ...]
    partial: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    bands: tuple[int, ...] = ()

    def coverage(self) -> dict[int, Coverage]:
        """Return what of each image was annotated, by image id; the masks of crowds are made.

        Crowds without a pixel are left out.
        """
        crowds = [(i.image_id, i.category_id, i.rle()) for i in self.instances if i.is_crowd]
        areas = rle_areas([rle for _, _, rle in crowds])
        kept = [crowd for crowd, area in zip(crowds, areas, strict=True) if area]
        return with_regions(self.partial, kept)

    def instances_by_image(self) -> dict[int, list[Instance]]:
        """Return the instances of every image id, in file order; an empty list if there is none."""
        grouped: dict[int, list[Instance]] = {image.image_id: [] for image in self.images}
        for instance in self.instances:
            grouped[instance.image_id].append(instance)
        return grouped


def load_instances(path: Path | str, report: Report = raise_first) -> InstanceSet:
    """Read and check a COCO instance file.

    Annotations need `id`, `image_id`, `category_id` and `segmentation`; `iscrowd`, `area`, `bbox`
    and `score` are optional. The form of masks is checked, but they are made later, on demand.

    Args:
        path: the json file.
        report: receives each broken rule; unless it raises, the object is left out.

    Returns:
        Its images, categories and instances.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything in it is missing or malformed; the message names the object.
    """
    return instances_of(read_coco(path, report), report)


def instances_of(coco: CocoFile, report: Report = raise_first) -> InstanceSet:
    """Return the objects of a file that `read_coco` has read; see `load_instances`."""
    found = (attempt(report, _instance, coco, annotation) for annotation in coco.annotations)
    return InstanceSet(
        images=coco.images,
        categories=coco.categories,
        instances=tuple(instance for instance in found if instance is not None),
        partial=read_partial(coco, report),
        bands=attempt(report, read_bands, coco) or (),
    )


def _instance(coco: CocoFile, annotation: Record) -> Instance:
    image = coco.image_of_id[annotation["image_id"]]
    is_crowd = is_ignored(coco, annotation)
    if is_crowd and not annotation.get("segmentation") and annotation.get("bbox") is not None:
        outline = box_outline(numbers(coco, annotation, "bbox", 4))
        annotation = {**annotation, "segmentation": outline}
    _check_segmentation(coco, annotation)
    box = None
    # In P2BNet's and SAPNet's files, "bbox" is made up around the click.
    box_key = "true_bbox" if annotation.get("true_bbox") is not None else "bbox"
    if annotation.get(box_key) is not None:
        x, y, width, height = numbers(coco, annotation, box_key, 4)
        box = (x, y, x + width, y + height)
    return Instance(
        annotation_id=annotation["id"],
        image=image,
        category_id=annotation["category_id"],
        is_crowd=is_crowd,
        segmentation=annotation["segmentation"],
        source=coco.path,
        given_area=_optional_number(coco, annotation, "area"),
        given_box=box,
        score=_optional_number(coco, annotation, "score"),
        origin=merged_origin(coco.further.get("info"), annotation.get("origin")),
    )


def _optional_number(coco: CocoFile, annotation: Record, key: str) -> float | None:
    value = annotation.get(key)
    if value is None:
        return None
    if not is_number(value):
        raise coco.problem(
            annotation, f"expected '{key}' as a finite number, found {shown(value)}. Correct it."
        )
    return float(value)


def _check_segmentation(coco: CocoFile, annotation: Record) -> None:
    """Check the form of a segmentation; its size is checked later, when the mask is made."""
    segmentation = annotation.get("segmentation")
    well_formed: Callable[[Any], bool] = (
        _is_run_lengths if isinstance(segmentation, dict) else _is_polygons
    )
    if not well_formed(segmentation):
        raise coco.problem(
            annotation,
            "expected 'segmentation' as polygons [[x, y, x, y, x, y, ...], ...] of finite numbers, "
            "at least three points each, or as run lengths {'size': [height, width], 'counts': "
            f"...}}; found {shown(segmentation)}. Export the object again, or drop it.",
            "malformed segmentation",
        )


def _is_run_lengths(segmentation: Record) -> bool:
    counts = segmentation.get("counts")
    return isinstance(segmentation.get("size"), list) and isinstance(counts, list | str)


def _is_polygons(segmentation: object) -> bool:
    return (
        isinstance(segmentation, list)
        and len(segmentation) > 0
        and all(isinstance(polygon, list) and _is_polygon(polygon) for polygon in segmentation)
    )


def _is_polygon(polygon: list[Any]) -> bool:
    if len(polygon) < MIN_POLYGON_NUMBERS or len(polygon) % 2:
        return False
    return all(map(is_number, polygon))

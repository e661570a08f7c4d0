"""Ground truth and exported labels: COCO instance files with masks, checked when they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.data.coco_json import CocoFile, Record, is_number, numbers, read_coco
from sapnet.data.problems import RecordError, Report, attempt, raise_first
from sapnet.geometry.rle import rle_areas, rle_boxes, to_rle
from sapnet.structures.clicks import Category, ImageRecord
from sapnet.structures.masks import RLE

MIN_POLYGON_NUMBERS = 6  # three points of x, y


@dataclass(frozen=True)
class Instance:
    """One annotated object, original frame; its mask is made when asked for.

    Attributes:
        annotation_id: unique in the file.
        image: the image it lies on.
        category_id: the id of its category in the file.
        is_crowd: whether it marks a region of many objects.
        segmentation: polygons or run lengths, as in the file.
        source: the file, for messages.
        given_area: `area` of the file in square pixels, None where it has none.
        given_box: xyxy of the file's `bbox`, None where it has none.
        score: the `score` that exported labels carry, None where there is none.
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

    @property
    def image_id(self) -> int:
        """The id of its image."""
        return self.image.image_id

    def rle(self) -> RLE:
        """Its mask as run lengths of the image's size.

        Raises:
            ValueError: if the segmentation cannot be turned into a mask of the image.
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
        """Square pixels: the file's figure, else the number of pixels of the mask."""
        if self.given_area is not None:
            return self.given_area
        return float(rle_areas([self.rle()])[0])

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Box in xyxy pixel edges: the file's, else the tight box of the mask."""
        if self.given_box is not None:
            return self.given_box
        x1, y1, x2, y2 = rle_boxes([self.rle()])[0].tolist()
        return x1, y1, x2, y2


@dataclass(frozen=True)
class InstanceSet:
    """A data set of annotated objects.

    Attributes:
        images: in file order.
        categories: by category id, ascending; a category's place is its label.
        instances: in file order, crowds included.
    """

    images: tuple[ImageRecord, ...]
    categories: tuple[Category, ...]
    instances: tuple[Instance, ...]

    def instances_by_image(self) -> dict[int, list[Instance]]:
        """Instances of every image id, in file order; an empty list where there are none."""
        grouped: dict[int, list[Instance]] = {image.image_id: [] for image in self.images}
        for instance in self.instances:
            grouped[instance.image_id].append(instance)
        return grouped


def load_instances(path: Path | str, report: Report = raise_first) -> InstanceSet:
    """Reads and checks a COCO instance file.

    Annotations need `id`, `image_id`, `category_id` and `segmentation`; `iscrowd`, `area`, `bbox`
    and `score` are optional. Masks are checked for form and made later, when they are asked for.

    Args:
        path: the json file.
        report: told of each broken rule; unless it raises, the object is left out.

    Returns:
        Its images, categories and instances.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if anything in it is missing or malformed; the message names the object.
    """
    return instances_of(read_coco(path, report), report)


def instances_of(coco: CocoFile, report: Report = raise_first) -> InstanceSet:
    """The objects of a file whose frame has been read; see `load_instances`."""
    found = (attempt(report, _instance, coco, annotation) for annotation in coco.annotations)
    return InstanceSet(
        images=coco.images,
        categories=coco.categories,
        instances=tuple(instance for instance in found if instance is not None),
    )


def _instance(coco: CocoFile, annotation: Record) -> Instance:
    image = coco.image_of_id[annotation["image_id"]]
    _check_segmentation(coco, annotation)
    box = None
    if annotation.get("bbox") is not None:
        x, y, width, height = numbers(coco, annotation, "bbox", 4)
        box = (x, y, x + width, y + height)
    return Instance(
        annotation_id=annotation["id"],
        image=image,
        category_id=annotation["category_id"],
        is_crowd=_crowd_flag(coco, annotation),
        segmentation=annotation["segmentation"],
        source=coco.path,
        given_area=_optional_number(coco, annotation, "area"),
        given_box=box,
        score=_optional_number(coco, annotation, "score"),
    )


def _optional_number(coco: CocoFile, annotation: Record, key: str) -> float | None:
    value = annotation.get(key)
    if value is None:
        return None
    if not is_number(value):
        raise coco.problem(
            annotation, f"expected '{key}' as a finite number, found {value!r}. Correct it."
        )
    return float(value)


def _crowd_flag(coco: CocoFile, annotation: Record) -> bool:
    value = annotation.get("iscrowd", 0)
    if value not in (0, 1):
        raise coco.problem(
            annotation, f"expected 'iscrowd' as 0 or 1, found {value!r}. Correct it."
        )
    return bool(value)


def _check_segmentation(coco: CocoFile, annotation: Record) -> None:
    """Checks the form; what only the raster shows (sizes of run lengths) is checked with it."""
    segmentation = annotation.get("segmentation")
    well_formed: Callable[[Any], bool] = (
        _is_run_lengths if isinstance(segmentation, dict) else _is_polygons
    )
    if not well_formed(segmentation):
        raise coco.problem(
            annotation,
            "expected 'segmentation' as polygons [[x, y, x, y, x, y, ...], ...] of finite numbers, "
            "at least three points each, or as run lengths {'size': [height, width], 'counts': "
            f"...}}; found {str(segmentation)[:60]}. Export the object again, or drop it.",
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
    if not all(type(entry) in (int, float) for entry in polygon):
        return False
    return bool(np.isfinite(np.asarray(polygon, np.float64)).all())

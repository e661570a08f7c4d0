"""Reader of COCO-style json: points, keypoints, boxes and masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from sapnet.data.coco_json import CocoFile, Record, is_number, read_coco
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Box, Point
from sapnet.geometry.rle import to_rle
from sapnet.structures.clicks import RLE

Crowds = Literal["ask", "object", "crowd"]
"""Meaning of masks with `iscrowd: 1`: one object each, regions of many, or an error."""

_VISIBLE, _HIDDEN = 2, 1  # COCO's flags of a labelled keypoint
_HULL_TOLERANCE = 1.0  # pixels; tools round the box of the keypoints


class CrowdQuestionError(ValueError):
    """Error: the file contains `iscrowd: 1`, and its meaning was not given."""


def read_coco_marks(path: Path, findings: Findings, crowds: Crowds = "ask") -> Source:
    """Read COCO-style json.

    The clicks of an annotation are its `point` (with `negative_points`, joined by `object_id`),
    else its visible `keypoints`, the most central one first. `bbox` and `segmentation` are kept.

    Args:
        path: the file.
        findings: collects what is lost or changed.
        crowds: meaning of `iscrowd: 1`.

    Raises:
        FileNotFoundError: there is no such file.
        CrowdQuestionError: there are crowds and `crowds` is "ask".
        ValueError: its images, categories or ids are malformed.
    """
    coco = read_coco(path)
    _check_crowds(coco, crowds)
    marks = []
    for annotation in coco.annotations:
        place = f"{path.name}, object {annotation['id']}"
        if annotation.get("iscrowd") and crowds == "crowd":
            findings.note("crowd regions, which give no click", place)
            continue
        marks.append(_mark(coco, annotation, place, findings))
    return Source(
        images=tuple(
            SourceImage(
                i.file_name, (i.height, i.width), f"{path.name}, image {i.image_id}", i.image_id
            )
            for i in coco.images
        ),
        categories=coco.categories,
        marks=tuple(marks),
    )


def _check_crowds(coco: CocoFile, crowds: Crowds) -> None:
    found = [a for a in coco.annotations if a.get("iscrowd")]
    if found and crowds == "ask":
        raise CrowdQuestionError(
            f"{coco.path}: {len(found)} of {len(coco.annotations)} annotations have 'iscrowd': 1 "
            f"(the first is object {found[0]['id']}). CVAT writes that for every mask made with "
            "its brush or by a model; then each is one object: say --crowd-as-object. In COCO's "
            "own files it marks a region of many objects, which is no object: say --crowd-as-crowd."
        )


def _mark(coco: CocoFile, annotation: Record, place: str, findings: Findings) -> Mark:
    image = coco.image_of_id[annotation["image_id"]]
    names = {category.category_id: category.name for category in coco.categories}
    keypoints = _keypoints(annotation.get("keypoints"), place, findings)
    points = _points([annotation["point"]], place, findings) if "point" in annotation else keypoints
    group = annotation.get("object_id")
    mask = _mask(annotation.get("segmentation"), image.height, image.width, place, findings)
    return Mark(
        place=f"{place} ({image.file_name})",
        reference=image.file_name,
        category=names[annotation["category_id"]],
        points=points,
        negative_points=_points(annotation.get("negative_points") or [], place, findings),
        box=_box(annotation.get("bbox"), keypoints, place, findings),
        mask=mask,
        group=None if group is None else str(group),
        annotation_id=annotation["id"],
    )


def _points(values: object, place: str, findings: Findings) -> tuple[Point, ...]:
    points = []
    for value in values if isinstance(values, list) else [values]:
        if isinstance(value, list) and len(value) == 2 and all(map(is_number, value)):
            points.append((float(value[0]), float(value[1])))
        else:
            findings.skip("points that are not two numbers", f"{place}: {str(value)[:40]}")
    return tuple(points)


def _keypoints(values: object, place: str, findings: Findings) -> tuple[Point, ...]:
    """Return the visible keypoints, else the hidden ones, the most central one first."""
    if not values:
        return ()
    if not (isinstance(values, list) and len(values) % 3 == 0 and all(map(is_number, values))):
        findings.skip("keypoints that are not triples of numbers", place)
        return ()
    triples = np.asarray(values, np.float64).reshape(-1, 3)
    for flag in (_VISIBLE, _HIDDEN):
        chosen = triples[triples[:, 2] == flag, :2]
        if len(chosen):
            if flag == _HIDDEN:
                findings.note("objects with hidden keypoints only, clicked there", place)
            distances = np.linalg.norm(chosen - chosen.mean(0), axis=1)
            ordered = chosen[np.argsort(distances, kind="stable")].tolist()
            return tuple((x, y) for x, y in ordered)
    return ()


def _box(value: Any, keypoints: tuple[Point, ...], place: str, findings: Findings) -> Box | None:  # noqa: ANN401  # json
    if value is None:
        return None
    if not (isinstance(value, list) and len(value) == 4 and all(map(is_number, value))):
        findings.skip("boxes that are not four numbers", f"{place}: {str(value)[:40]}")
        return None
    x, y, width, height = (float(entry) for entry in value)
    if keypoints:
        x1, y1 = np.min(keypoints, axis=0)
        x2, y2 = np.max(keypoints, axis=0)
        hull = np.array([x1, y1, x2, y2])
        if np.abs(hull - (x, y, x + width, y + height)).max() <= _HULL_TOLERANCE:
            findings.note("boxes that only span the keypoints, left out", place)
            return None
    if width <= 0 or height <= 0:
        findings.note("boxes without area, left out", place)
        return None
    return x, y, x + width, y + height


def _mask(value: object, height: int, width: int, place: str, findings: Findings) -> RLE | None:
    if not value:
        return None
    try:
        return to_rle(value, height, width)
    except (ValueError, TypeError) as error:
        findings.skip("masks that cannot be read", f"{place}: {error}")
        return None

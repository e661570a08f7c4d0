"""Reader of COCO-style json: points, keypoints, boxes and masks.

Two variants of research code are read as what they are: P2BNet's and SAPNet's files of clicks
beside ground truth (`true_bbox`), and PointSup's files of labelled points (`point_coords`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sapnet.data.coco_json import CocoFile, Record, read_bands, read_coco
from sapnet.data.coverage.completeness import read_partial
from sapnet.data.coverage.ignored import is_ignored
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Box, Point
from sapnet.data.problems import raise_first
from sapnet.geometry.rle import to_rle
from sapnet.structures.clicks import RLE, Category
from sapnet.system.outside import is_bounded, shown

Crowds = Literal["ask", "object", "crowd"]
"""Meaning of masks with `iscrowd: 1`: one object each, regions of many, or an error."""

_VISIBLE, _HIDDEN = 2, 1  # COCO's flags of a labelled keypoint
_PIXEL_CENTER = 0.5
_HULL_TOLERANCE = 1.0  # pixels; tools round the box of the keypoints


class CrowdQuestionError(ValueError):
    """Error: the file contains `iscrowd: 1`, and its meaning was not given."""


def read_coco_marks(path: Path, findings: Findings, crowds: Crowds = "ask") -> Source:
    """Read COCO-style json.

    The clicks of an annotation are its `point` (with `negative_points`, joined by `object_id`),
    else PointSup's `point_coords`, else its visible `keypoints`, the most central one first. `bbox`
    and `segmentation` are kept, except beside `true_bbox`: there they are made up or ground truth.

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
    categories, name_of_id = _categories(coco, findings)
    partial: dict[int, tuple[str, ...] | Literal[True]] = {
        # All of the file's: of a joined set, those of the other files, too.
        image_id: len(ids) == len(coco.categories) > 0 or tuple(name_of_id[i] for i in ids)
        for image_id, ids in read_partial(coco, raise_first).items()
    }
    marks = []
    for annotation in coco.annotations:
        mark = _mark(coco, annotation, name_of_id, findings)
        # With "object", as CVAT writes its masks, a crowd is none.
        flags = annotation if crowds == "crowd" else {**annotation, "iscrowd": 0}
        marks.append(replace(mark, ignored=is_ignored(coco, flags)))
    return Source(
        images=tuple(
            SourceImage(
                i.file_name,
                (i.height, i.width),
                f"{path.name}, image {i.image_id}",
                i.image_id,
                partial.get(i.image_id),
            )
            for i in coco.images
        ),
        categories=categories,
        marks=tuple(marks),
        bands=read_bands(coco),
    )


def _check_crowds(coco: CocoFile, crowds: Crowds) -> None:
    for annotation in coco.annotations:
        if annotation.get("iscrowd") not in (0, 1, None):
            raise coco.problem(
                annotation,
                f"expected 'iscrowd' as 0 or 1, found {shown(annotation['iscrowd'])}. Correct it.",
            )
    found = [a for a in coco.annotations if a.get("iscrowd")]
    if found and crowds == "ask":
        which = f"{len(found)} of {len(coco.annotations)} annotations have"
        raise CrowdQuestionError(crowd_question(coco.path, which, f"object {found[0]['id']}"))


def crowd_question(path: Path, which: str, first: str) -> str:
    """Return the question about annotations with `iscrowd: 1`: which they are, and the first."""
    return (
        f"{path}: {which} 'iscrowd': 1 (the first is {first}). CVAT writes that for every mask "
        "made with its brush or by a model; then each is one object: say --crowd-as-object. In "
        "COCO's own files it marks a region of many objects, which is no object: say "
        "--crowd-as-crowd."
    )


def _categories(coco: CocoFile, findings: Findings) -> tuple[tuple[Category, ...], dict[int, str]]:
    """Return the categories, one per name, and the name of every id.

    Roboflow adds a category 0 with the name of the project, which may also be that of a class. Of
    several ids of a name, the one with the most objects is kept.
    """
    counts = Counter(annotation["category_id"] for annotation in coco.annotations)
    by_name: dict[str, list[Category]] = {}
    for category in coco.categories:
        by_name.setdefault(category.name, []).append(category)
    kept = []
    for name, found in by_name.items():
        kept.append(max(found, key=lambda category: counts[category.category_id]))
        if len(found) > 1:
            ids = ", ".join(str(category.category_id) for category in found)
            where = f"{coco.path.name}, {name!r}: ids {ids}, now {kept[-1].category_id}"
            findings.note("categories of one name, joined", where)
    return tuple(kept), {category.category_id: category.name for category in coco.categories}


def _mark(
    coco: CocoFile, annotation: Record, name_of_id: dict[int, str], findings: Findings
) -> Mark:
    image = coco.image_of_id[annotation["image_id"]]
    place = f"{coco.path.name}, object {annotation['id']}"
    mark = Mark(
        place=f"{place} ({image.file_name})",
        reference=image.file_name,
        category=name_of_id[annotation["category_id"]],
        negative_points=_points(annotation.get("negative_points") or [], place, findings),
        group=_group(annotation.get("object_id"), place, findings),
        annotation_id=annotation["id"],
    )
    if "true_bbox" in annotation:
        return replace(mark, points=_click_beside_truth(annotation, place, findings))
    keypoints = _keypoints(annotation.get("keypoints"), place, findings)
    points, negative = keypoints, mark.negative_points
    if "point" in annotation:
        points = _points([annotation["point"]], place, findings)
    elif "point_coords" in annotation:
        points, zeros = _labelled_points(annotation, place, findings)
        negative += zeros
    mask = _mask(annotation.get("segmentation"), image.height, image.width, place, findings)
    box = _box(annotation.get("bbox"), keypoints, place, findings)
    return replace(mark, points=points, negative_points=negative, box=box, mask=mask)


def _group(value: object, place: str, findings: Findings) -> str | None:
    if value is None or isinstance(value, int | str):
        return None if value is None else str(value)
    findings.skip("object ids that are neither number nor text", f"{place}: {shown(value)}")
    return None


def _click_beside_truth(annotation: Record, place: str, findings: Findings) -> tuple[Point, ...]:
    """Return the click of an object of P2BNet's and SAPNet's files.

    It is `point`; in their older files, the center of the box that was made up around it.
    """
    findings.note(
        "objects with 'true_bbox', as in P2BNet's and SAPNet's files: the point is the click; bbox "
        "and segmentation are made up or ground truth, and left out",
        place,
    )
    if "point" in annotation:
        return _points([annotation["point"]], place, findings)
    made_up = _box(annotation.get("bbox"), (), place, findings)
    if made_up is None:
        return ()
    return (((made_up[0] + made_up[2]) / 2, (made_up[1] + made_up[3]) / 2),)


def _labelled_points(
    annotation: Record, place: str, findings: Findings
) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """Return PointSup's points on and beside the object.

    Its files hold pixel numbers; the click is the center of the pixel, as in its own training.
    """
    values, labels = annotation["point_coords"], annotation.get("point_labels")
    points = _points(values, place, findings)
    if not isinstance(labels, list) or len(labels) != len(points):
        found = shown(labels)
        findings.skip("point_coords without a label 0 or 1 each", f"{place}: {found}")
        return (), ()
    if all(x == int(x) and y == int(y) for x, y in points):
        points = tuple((x + _PIXEL_CENTER, y + _PIXEL_CENTER) for x, y in points)
    sides: dict[object, list[Point]] = {0: [], 1: []}
    for point, label in zip(points, labels, strict=True):
        if is_bounded(label) and label in sides:
            sides[label].append(point)
        else:
            findings.skip("points with another label than 0 or 1", f"{place}: {shown(label)}")
    return tuple(sides[1]), tuple(sides[0])


def _points(values: object, place: str, findings: Findings) -> tuple[Point, ...]:
    points = []
    for value in values if isinstance(values, list) else [values]:
        if isinstance(value, list) and len(value) == 2 and all(map(is_bounded, value)):
            points.append((float(value[0]), float(value[1])))
        else:
            findings.skip("points that are not two numbers", f"{place}: {shown(value)}")
    return tuple(points)


def _keypoints(values: object, place: str, findings: Findings) -> tuple[Point, ...]:
    """Return the visible keypoints, else the hidden ones, the most central one first."""
    if not values:
        return ()
    if not (isinstance(values, list) and len(values) % 3 == 0 and all(map(is_bounded, values))):
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
    if not (isinstance(value, list) and len(value) == 4 and all(map(is_bounded, value))):
        findings.skip("boxes that are not four numbers", f"{place}: {shown(value)}")
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

"""Corrections of labels: the decisions of a review, kept in a file of their own.

The file is a clicks file whose objects all have a mask, with more keys. The `correction` of an
annotation says how its mask was decided, `deleted` lists the ids of annotations that are not
objects, and `reviewed` the clicks of all decided objects as they were reviewed. Objects that were
not reviewed are not in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, get_args

from sapnet.data.click_annotations import click_annotations, region_records
from sapnet.data.clicks import clicks_of
from sapnet.data.coco_json import (
    BANDS_KEY,
    INFO_KEY,
    CocoFile,
    Record,
    frame_records,
    is_number,
    read_coco,
)
from sapnet.structures.corrections import Action, Correction, Corrections, ReviewedClick
from sapnet.system.files import write_json_atomic
from sapnet.system.outside import shown


def load_corrections(path: Path | str) -> Corrections:
    """Read and check a file of corrections.

    Args:
        path: a file that `sapnet review` wrote.

    Returns:
        The corrections, masks in the frame of the upright images.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything in it is missing or malformed; the message names the object.
    """
    return corrections_of(read_coco(path))


def corrections_of(coco: CocoFile) -> Corrections:
    """Return the corrections of a file that `read_coco` has read; see `load_corrections`."""
    actions = {record["id"]: record.get("correction") for record in coco.annotations}
    fixed: dict[int, Correction] = {}
    clicks = clicks_of(coco)
    for click in clicks.clicks:
        record = {"id": click.annotation_id, "image_id": click.image_id}
        if click.mask is None:
            raise coco.problem(record, "expected a 'segmentation', found none. Drop the object.")
        action = actions[click.annotation_id]
        if action not in get_args(Action):
            raise coco.problem(
                record,
                f"expected 'correction' as one of {', '.join(get_args(Action))}, found "
                f"{shown(action)}. Name a file that `sapnet review` wrote.",
            )
        fixed[click.annotation_id] = Correction(click, cast("Action", action))
    return Corrections(
        coco.images,
        coco.categories,
        fixed,
        _deleted(coco),
        coco.path,
        clicks.coverage,
        _reviewed(coco),
        clicks.bands,
    )


def save_corrections(
    path: Path | str, corrections: Corrections, info: dict[str, Any] | None = None
) -> Path:
    """Write a file that `load_corrections` reads, atomically.

    Args:
        path: the json file.
        corrections: the corrections to write.
        info: the origin of the corrections, kept under the key `info`.

    Returns:
        `path`.
    """
    known = corrections.fixed.keys() | corrections.deleted
    next_id = max(known, default=0) + 1
    annotations: list[Record] = []
    for correction in corrections.fixed.values():
        extra_ids = range(next_id, next_id + len(correction.click.points) - 1)
        next_id = extra_ids.stop
        first, *further = click_annotations(correction.click, extra_ids)
        annotations += [{**first, "iscrowd": 0, "correction": correction.action}, *further]
    noted = {BANDS_KEY: list(corrections.bands)} if corrections.bands else {}
    content: Record = {
        INFO_KEY: {**(info or {}), **noted},
        **frame_records(corrections.images, corrections.categories, corrections.coverage),
        "annotations": annotations + region_records(corrections.coverage, next_id),
        "deleted": sorted(corrections.deleted),
        "reviewed": [
            {"id": key, "image_id": click.image_id, "point": list(click.point)}
            for key, click in sorted(corrections.reviewed.items())
            if key in known
        ],
    }
    return write_json_atomic(path, content, indent=None)


def _deleted(coco: CocoFile) -> frozenset[int]:
    ids = coco.further.get("deleted", [])
    if not isinstance(ids, list) or not all(type(entry) is int for entry in ids):
        raise ValueError(
            f"{coco.path}: expected 'deleted' as a list of annotation ids, found {shown(ids)}. "
            "Name a file that `sapnet review` wrote."
        )
    return frozenset(ids)


def _reviewed(coco: CocoFile) -> dict[int, ReviewedClick]:
    records = coco.further.get("reviewed", [])
    found: dict[int, ReviewedClick] = {}
    for record in records if isinstance(records, list) else [records]:
        known = record if isinstance(record, dict) else {}
        annotation_id, image_id, point = (known.get(key) for key in ("id", "image_id", "point"))
        is_point = isinstance(point, list) and len(point) == 2 and all(map(is_number, point))
        if not (is_point and type(annotation_id) is int and type(image_id) is int):
            raise ValueError(
                f"{coco.path}: expected 'reviewed' as a list of clicks with id, image_id and "
                f"point [x, y], found {shown(record)}. Name a file that `sapnet review` wrote."
            )
        x, y = cast("list[float]", point)
        found[annotation_id] = ReviewedClick(image_id, (float(x), float(y)))
    return found

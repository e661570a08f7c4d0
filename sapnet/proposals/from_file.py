"""The proposer `file`: masks made elsewhere, read from a json file."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.data.coco_json import is_number
from sapnet.geometry.rle import rle_boxes, to_rle
from sapnet.structures.clicks import Click, ClickSet
from sapnet.structures.proposals import Proposals
from sapnet.system.from_json import JSON
from sapnet.system.outside import LARGEST_ID, shown

UNSCORED = 1.0
"""Score of proposals without scores: all are equal, so the first one ranks first."""

logger = logging.getLogger(__name__)

SCORE_SLACK = 0.5
"""Tolerance outside [0, 1] within which scores are clamped: SAM's predicted IoU exceeds 1. Scores
further out are percentages or logits, of which clamping would leave nothing."""


class FileProposer:
    """Proposer that returns the proposals of a json file.

    The file is a list of records, or {"proposals": [records]}, with one record per object:
    `{"annotation_id": 7, "segmentations": [...], "scores": [...]}`. Each object has one or more
    segmentations in any form of COCO (compressed or uncompressed run lengths, polygons), in pixels
    of the upright image. Scores are optional; without them all are `UNSCORED`. Those outside
    [0, 1], such as SAM's predicted IoUs above 1, are clamped and counted. A record may name its
    `image_id`, `file_name` and `category_id`, which are then compared with the click's.

    Args:
        path: the json file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not such a list, or a record is wrong; the message names both.
    """

    name = "file"

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"{path}: no such file; expected a json of proposals (--file)")
        content = self.path.read_bytes()
        self._digest = hashlib.sha256(content).hexdigest()
        self._records = _load_records(self.path, content)
        outside = sum(
            not 0 <= score <= 1
            for record in self._records.values()
            for score in record.get("scores") or ()
        )
        if outside:
            logger.warning("%s: %d scores outside [0, 1], clamped", self.path, outside)

    @property
    def settings(self) -> Mapping[str, JSON]:
        """The file's name and a digest of its content."""
        return {"file": self.path.name, "sha256": self._digest}

    def check_objects(self, clicks: ClickSet) -> None:
        """Check that file and clicks have the same objects; those with a mask need no record.

        Raises:
            ValueError: an object of the clicks is missing from the file, or the other way round.
        """
        clicked = {click.annotation_id for click in clicks.clicks}
        unmasked = {click.annotation_id for click in clicks.clicks if click.mask is None}
        missing = sorted(unmasked - self._records.keys())
        unknown = sorted(self._records.keys() - clicked)
        self._check_belonging(clicks)
        if missing:
            raise ValueError(
                f"{self.path}: no proposals for {_some_ids(missing)} of the clicks. Add a record "
                "for each, or drop these clicks."
            )
        if unknown:
            raise ValueError(
                f"{self.path}: {_some_ids(unknown)} not among the clicks. Drop these records, or "
                "give the clicks they were made for."
            )

    def _check_belonging(self, clicks: ClickSet) -> None:
        """Check the image and the category of records that name them."""
        files = {image.image_id: image.file_name for image in clicks.images}
        for click in clicks.clicks:
            record = self._records.get(click.annotation_id, {})
            wanted = {
                "image_id": click.image_id,
                "category_id": click.category_id,
                "file_name": files.get(click.image_id),
            }
            for key, value in wanted.items():
                found = record.get(key, value)
                if found != value:
                    raise ValueError(
                        f"{self.path}, annotation_id {click.annotation_id}: expected the {key} "
                        f"{shown(value)} of the clicks, found {shown(found)}. Give the "
                        "proposals that were made for these clicks."
                    )

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """Return the file's proposals for the objects of the clicks; see `Proposer.propose`.

        Raises:
            ValueError: an object is missing, or a mask does not have the image's size.
        """
        height, width = image.shape[:2]
        return [self._proposals_of(click.annotation_id, height, width) for click in clicks]

    def _proposals_of(self, annotation_id: int, height: int, width: int) -> Proposals:
        if annotation_id not in self._records:
            raise ValueError(f"{self.path}: no record of annotation_id {annotation_id}")
        record = self._records[annotation_id]
        try:
            rles = tuple(to_rle(entry, height, width) for entry in record["segmentations"])
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.path}, annotation_id {annotation_id}: {error}") from error
        scores = np.asarray(record.get("scores") or [UNSCORED] * len(rles), np.float32)
        return Proposals(rles, rle_boxes(rles), scores.clip(0, 1), (self.name,) * len(rles))


def _load_records(path: Path, text: bytes) -> dict[int, dict[str, Any]]:
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"{path}: not json (nested too deeply to be data)") from error
    except ValueError as error:
        raise ValueError(f"{path}: not json ({error})") from error
    records = content.get("proposals") if isinstance(content, dict) else content
    if not isinstance(records, list):
        raise ValueError(
            f"{path}: expected a list of records, or {{'proposals': [...]}}, "
            f"found {type(content).__name__}"
        )
    by_id: dict[int, dict[str, Any]] = {}
    for index, record in enumerate(records):
        annotation_id = _check_record(record, f"{path}, record {index}")
        if annotation_id in by_id:
            raise ValueError(
                f"{path}: annotation_id {annotation_id} appears twice. Put all its masks in one "
                "record."
            )
        by_id[annotation_id] = record
    return by_id


def _check_record(record: object, where: str) -> int:
    """Check a record except for the masks themselves, and return its annotation id."""
    if not isinstance(record, dict) or type(record.get("annotation_id")) is not int:
        raise ValueError(f"{where}: expected an object with an integer 'annotation_id'")
    if abs(record["annotation_id"]) > LARGEST_ID:
        raise ValueError(f"{where}: expected an 'annotation_id' of at most 64 bits")
    where = f"{where} (annotation_id {record['annotation_id']})"
    segmentations, scores = record.get("segmentations"), record.get("scores")
    if not isinstance(segmentations, list) or not segmentations:
        raise ValueError(f"{where}: expected 'segmentations' as a list of one or more masks")
    if scores is not None:
        _check_scores(scores, len(segmentations), where)
    return int(record["annotation_id"])


def _check_scores(scores: object, num_masks: int, where: str) -> None:
    if not isinstance(scores, list) or len(scores) != num_masks:
        found = len(scores) if isinstance(scores, list) else type(scores).__name__
        raise ValueError(f"{where}: expected {num_masks} 'scores', one per mask, found {found}")
    for score in scores:
        if not is_number(score):
            raise ValueError(f"{where}: expected finite numbers as scores, found {shown(score)}")
        if not -SCORE_SLACK <= score <= 1 + SCORE_SLACK:
            raise ValueError(f"{where}: expected scores in [0, 1], found {shown(score)}")


def _some_ids(ids: Sequence[int], shown: int = 5) -> str:
    """Return text like "annotation_id 3" or "annotation_ids 3, 4, 5, 6, 7 and 12 more"."""
    text = ", ".join(str(entry) for entry in ids[:shown])
    more = f" and {len(ids) - shown} more" if len(ids) > shown else ""
    return f"annotation_id{'s' if len(ids) > 1 else ''} {text}{more}"

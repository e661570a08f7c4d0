"""Reading what `sapnet label` wrote: one mask per clicked object, in COCO instance json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.click_annotations import read_region
from sapnet.data.coco_json import CocoFile, Record, is_number, numbers, read_bands, read_coco
from sapnet.data.coverage.completeness import read_partial
from sapnet.data.coverage.ignored import with_regions
from sapnet.data.problems import RecordError, raise_first
from sapnet.geometry.rle import to_rle
from sapnet.structures.origin import Origin, merged_origin
from sapnet.system.outside import shown

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE, Category, Coverage, ImageRecord


@dataclass(frozen=True)
class Candidates:
    """The proposals a label was chosen from.

    Attributes:
        rles: K masks, original frame.
        scores: K selection scores.
        own_scores: K scores of the proposer.
    """

    rles: tuple[RLE, ...]
    scores: tuple[float, ...]
    own_scores: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.rles) == len(self.scores) == len(self.own_scores):
            raise ValueError(
                f"candidates: {len(self.rles)} segmentations, {len(self.scores)} scores and "
                f"{len(self.own_scores)} own_scores; expected as many of each"
            )


@dataclass(frozen=True)
class Label:
    """The mask chosen for one click, original frame.

    Attributes:
        annotation_id: id of the clicked object.
        image_id: the image it lies on.
        category_id: id of its category.
        rle: the chosen mask.
        score: its selection score.
        uncertainty: in [0, 1], higher where it is more likely wrong; None where the file has none.
        origin: where the mask comes from; None where the file does not say.
        point: (x, y) of the click, where the file says so.
        candidates: the proposals it was chosen from, if the file has them.
        refined_box: xyxy, pixel edges: the box that selection ended with, where the file says so.
    """

    annotation_id: int
    image_id: int
    category_id: int
    rle: RLE
    score: float
    point: tuple[float, float] | None
    candidates: Candidates | None
    refined_box: tuple[float, float, float, float] | None = None
    uncertainty: float | None = None
    origin: Origin | None = None


@dataclass(frozen=True)
class LabelSet:
    """All labels of a file.

    Attributes:
        image_ids: the labelled images, those without an object included.
        labels: label by the id of its object.
        images: the same images, in file order.
        categories: by category id, ascending.
        coverage: what of the images was annotated, by image id; regions to ignore are no labels.
        bands: numbers of the bands of the images that were labelled, from 1 on; empty for the
            files' own.
    """

    image_ids: frozenset[int]
    labels: Mapping[int, Label]
    images: tuple[ImageRecord, ...] = ()
    categories: tuple[Category, ...] = ()
    coverage: Mapping[int, Coverage] = field(default_factory=dict)
    bands: tuple[int, ...] = ()


def load_labels(path: Path | str) -> LabelSet:
    """Load the labels of a COCO instance json.

    Args:
        path: a file written by `sapnet label`.

    Returns:
        Its labels.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not such a json; the message names file, object and key.
    """
    coco = read_coco(path)
    regions = [read_region(coco, record) for record in coco.annotations]
    records = zip(coco.annotations, regions, strict=True)
    return LabelSet(
        image_ids=frozenset(coco.image_of_id),
        labels={
            record["id"]: _read_label(coco, record) for record, region in records if region is None
        },
        images=coco.images,
        categories=coco.categories,
        coverage=with_regions(
            read_partial(coco, raise_first), [region for region in regions if region is not None]
        ),
        bands=read_bands(coco),
    )


def _read_label(coco: CocoFile, record: Record) -> Label:
    image = coco.image_of_id[record["image_id"]]
    try:
        return Label(
            annotation_id=record["id"],
            image_id=image.image_id,
            category_id=record["category_id"],
            rle=to_rle(record["segmentation"], image.height, image.width),
            score=_read_score(coco, record),
            point=_read_point(coco, record),
            candidates=_read_candidates(coco, record, image),
            refined_box=_read_box(coco, record),
            uncertainty=_read_uncertainty(coco, record),
            origin=merged_origin(coco.further.get("info"), record.get("origin")),
        )
    except RecordError:  # names the object already
        raise
    except KeyError as error:
        raise coco.problem(
            record, f"expected {error}, found none. Write the file with `sapnet label`."
        ) from error
    except (ValueError, TypeError) as error:
        raise coco.problem(record, f"{error}. Write the file with `sapnet label`.") from error


def _read_score(coco: CocoFile, record: Record) -> float:
    value = record["score"]
    if not is_number(value):
        raise coco.problem(
            record,
            f"expected 'score' as a finite number, found {shown(value)}. Write the file with "
            "`sapnet label`.",
        )
    return float(value)


def _read_point(coco: CocoFile, record: Record) -> tuple[float, float] | None:
    if record.get("point") is None:
        return None
    x, y = numbers(coco, record, "point", 2)
    return x, y


def _read_box(coco: CocoFile, record: Record) -> tuple[float, float, float, float] | None:
    if record.get("refined_box") is None:
        return None
    x, y, width, height = numbers(coco, record, "refined_box", 4)
    return x, y, x + width, y + height


def _read_uncertainty(coco: CocoFile, record: Record) -> float | None:
    value = record.get("uncertainty")
    if value is None:
        return None
    if not is_number(value) or not 0 <= value <= 1:
        raise coco.problem(
            record,
            f"expected 'uncertainty' as a number in [0, 1], found {shown(value)}. Write the file "
            "with `sapnet label`.",
        )
    return float(value)


def _read_candidates(coco: CocoFile, record: Record, image: ImageRecord) -> Candidates | None:
    found = record.get("candidates")
    if found is None:
        return None
    scored = isinstance(found, dict) and all(
        isinstance(found[key], list) and all(map(is_number, found[key]))
        for key in ("scores", "own_scores")
    )
    if not scored or not isinstance(found["segmentations"], list):
        raise coco.problem(
            record,
            "expected 'candidates' with lists of 'segmentations', 'scores' and 'own_scores', found "
            f"{shown(found)}. Write the file with `sapnet label --candidates`.",
        )
    return Candidates(
        rles=tuple(to_rle(value, image.height, image.width) for value in found["segmentations"]),
        scores=tuple(found["scores"]),
        own_scores=tuple(found["own_scores"]),
    )

"""Reader of COCO results, the format that `sapnet predict` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sapnet.data.coco_json import read_coco
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.matching.categories import match_categories
from sapnet.data.matching.images import one_id_per_name
from sapnet.data.matching.results import Record, load_results
from sapnet.geometry.rle import to_rle
from sapnet.structures.clicks import RLE, Category
from sapnet.system.outside import shown

_KEYS = ("image_id", "file_name", "category_id", "segmentation", "score")


def read_results(
    path: Path, findings: Findings, categories: Path | None, min_score: float
) -> Source:
    """Read the masks of a results file.

    Args:
        path: the json file; its records need a `file_name`, as those of `sapnet predict` have.
        findings: collects the masks that are left out because of their score.
        categories: COCO-style json that names the categories, such as the clicks of the training;
            not needed where the records have a `category_name`.
        min_score: least score of masks to keep.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a record lacks a key, or the categories are not named.
    """
    records = load_results(path)
    listed = _categories(path, records, categories)
    names = {category.category_id: category.name for category in listed}
    named = ((r["file_name"], r["image_id"]) for r in records if "file_name" in r)
    one_id_per_name(named, str(path))
    images: dict[str, SourceImage] = {}
    marks = []
    for number, record in enumerate(records):
        place = f"{path.name}, record {number}"
        _check(record, names, path, number)
        height, width = record["segmentation"]["size"]
        reference = record["file_name"]
        image = SourceImage(reference, (height, width), place, record["image_id"])
        images.setdefault(reference, image)
        if record["score"] < min_score:
            findings.note(f"results with a score under {min_score:g}, left out", place)
        else:
            mask = _mask(record, path, number)
            name = names[record["category_id"]]
            marks.append(Mark(place, reference, name, mask=mask, annotation_id=number + 1))
    return Source(tuple(images.values()), listed, tuple(marks))


def _categories(
    path: Path, records: Sequence[Record], categories: Path | None
) -> tuple[Category, ...]:
    """Return the categories of the file that names them, else those of the records."""
    own = {r["category_id"]: r["category_name"] for r in records if "category_name" in r}
    used = [Category(number, name) for number, name in sorted(own.items())]
    if categories is None and own:
        return tuple(used)
    if categories is None:
        raise ValueError(
            f"{path}: results hold the ids of categories, not their names. Name a file that lists "
            "them, for instance the clicks of the training, with --categories."
        )
    listed = read_coco(categories).categories
    match = match_categories(used, listed, str(path), str(categories))
    if match.note:
        raise ValueError(f"{match.note}. Name the clicks that the run was trained on.")
    return listed


def _mask(record: Record, path: Path, number: int) -> RLE:
    height, width = record["segmentation"]["size"]
    try:
        return to_rle(record["segmentation"], height, width)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}, record {number}: {error}. Write the results again.") from error


def _check(record: Record, names: dict[int, str], path: Path, number: int) -> None:
    missing = [key for key in _KEYS if key not in record]
    if missing or not isinstance(record["segmentation"], dict):
        raise ValueError(
            f"{path}, record {number}: expected the keys {', '.join(_KEYS)} with run lengths, "
            f"found {shown(dict(record))}. Name a results file of `sapnet predict`."
        )
    if record["category_id"] not in names:
        raise ValueError(
            f"{path}, record {number}: category {record['category_id']} is not in the file given "
            "with --categories. Name the clicks that the run was trained on."
        )

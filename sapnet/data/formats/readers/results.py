"""Reader of COCO results, the format that `sapnet predict` writes."""

from __future__ import annotations

from pathlib import Path

from sapnet.data.coco_json import Record, read_coco
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.geometry.rle import to_rle
from sapnet.system.files import read_json

_KEYS = ("image_id", "file_name", "category_id", "segmentation", "score")


def read_results(
    path: Path, findings: Findings, categories: Path | None, min_score: float
) -> Source:
    """Read the masks of a results file.

    Args:
        path: the json file; its records need a `file_name`, as those of `sapnet predict` have.
        findings: collects the masks that are left out because of their score.
        categories: COCO-style json that names the categories, such as the clicks of the training.
        min_score: least score of masks to keep.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a record lacks a key, or the categories are not named.
    """
    if categories is None:
        raise ValueError(
            f"{path}: results hold the ids of categories, not their names. Name a file that lists "
            "them, for instance the clicks of the training, with --categories."
        )
    listed = read_coco(categories).categories
    names = {category.category_id: category.name for category in listed}
    images: dict[str, SourceImage] = {}
    marks = []
    for number, record in enumerate(read_json(path)):
        place = f"{path.name}, record {number}"
        _check(record, names, path, number)
        height, width = record["segmentation"]["size"]
        reference = record["file_name"]
        image = SourceImage(reference, (height, width), place, record["image_id"])
        images.setdefault(reference, image)
        if record["score"] < min_score:
            findings.note(f"results with a score under {min_score:g}, left out", place)
        else:
            mask = to_rle(record["segmentation"], height, width)
            name = names[record["category_id"]]
            marks.append(Mark(place, reference, name, mask=mask, annotation_id=number + 1))
    return Source(tuple(images.values()), listed, tuple(marks))


def _check(record: Record, names: dict[int, str], path: Path, number: int) -> None:
    missing = [key for key in _KEYS if key not in record]
    if missing or not isinstance(record["segmentation"], dict):
        raise ValueError(
            f"{path}, record {number}: expected the keys {', '.join(_KEYS)} with run lengths, "
            f"found {str(record)[:80]}. Name a results file of `sapnet predict`."
        )
    if record["category_id"] not in names:
        raise ValueError(
            f"{path}, record {number}: category {record['category_id']} is not in the file given "
            "with --categories. Name the clicks that the run was trained on."
        )

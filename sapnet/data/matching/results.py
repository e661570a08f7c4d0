"""Records of COCO results files, such as those of `sapnet predict`, checked one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sapnet.data.coco_json import is_number
from sapnet.data.problems import RecordError
from sapnet.system.files import read_json
from sapnet.system.outside import LARGEST_ID, MAX_TEXT, is_text, shown

Record = Mapping[str, Any]

REQUIRED = ("image_id", "category_id", "segmentation", "score")


def load_results(path: Path | str) -> list[Record]:
    """Read a COCO results file and check its records.

    Args:
        path: json: a list of records of `image_id`, `category_id`, `segmentation` and `score`, and
            optionally `bbox`, `file_name` and `category_name`.

    Returns:
        The records, as in the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such a list; the message names the file and the record, from 0.
    """
    path = Path(path)
    content = read_json(path, "Name a COCO results file, as `sapnet predict` writes.")
    return check_results(content, str(path))


def check_results(content: object, source: str) -> list[Record]:
    """Check the records of COCO results; see `load_results`.

    Args:
        content: the list of records.
        source: description of the file, for messages.
    """
    if not isinstance(content, Sequence) or isinstance(content, str | bytes):
        raise ValueError(
            f"{source}: expected a list of COCO results, found {_kind(content)}. Name the file "
            "that `sapnet predict` wrote."
        )
    for number, record in enumerate(content):
        if (problem := _problem(record)) is not None:
            raise RecordError(
                source, f"{problem}. Write the results again.", place=f"record {number}"
            )
    _check_same_keys(content, source)
    return list(content)


def _problem(record: object) -> str | None:
    """Return what is wrong with a record; None if nothing is."""
    if not isinstance(record, Mapping):
        return f"expected an object, found {_kind(record)}"
    if missing := [key for key in REQUIRED if key not in record]:
        return f"missing {', '.join(sorted(missing))}"
    for key in ("image_id", "category_id"):
        if (problem := _id_problem(key, record[key])) is not None:
            return problem
    if not is_number(record["score"]):
        return f"expected 'score' as a finite number, found {_shown(record['score'])}"
    for key in ("file_name", "category_name"):
        if key in record and not is_text(record[key]):
            return (
                f"expected {key!r} as text of at most {MAX_TEXT} characters, found "
                f"{_shown(record[key])}"
            )
    return _shape_problem(record)


def _id_problem(key: str, value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f"expected {key!r} as an integer, found {_shown(value)}"
    if abs(value) > LARGEST_ID:
        return f"expected {key!r} of at most 64 bits, found {_shown(value)}"
    return None


def _shape_problem(record: Record) -> str | None:
    box, segmentation = record.get("bbox"), record["segmentation"]
    if box is not None and not (
        isinstance(box, Sequence) and len(box) == 4 and all(map(is_number, box))
    ):
        return f"expected 'bbox' as 4 finite numbers, found {_shown(box)}"
    if isinstance(segmentation, Mapping):
        size, counts = segmentation.get("size"), segmentation.get("counts")
        if not (
            isinstance(size, Sequence)
            and len(size) == 2
            and all(
                isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in size
            )
            and isinstance(counts, list | str | bytes)
        ):
            return (
                "expected 'segmentation' as run lengths {'size': [height, width], 'counts': ...}, "
                f"found {_shown(dict(segmentation))}"
            )
        return None
    if not isinstance(segmentation, list) or not segmentation:
        return f"expected 'segmentation' as run lengths or polygons, found {_shown(segmentation)}"
    return None


def _check_same_keys(records: Sequence[Record], source: str) -> None:
    """Check that names of images and categories are in all records or in none."""
    for key in ("file_name", "category_name"):
        without = [number for number, record in enumerate(records) if key not in record]
        if without and len(without) < len(records):
            raise RecordError(
                source,
                f"expected {key!r} in all records or in none, found none here. Join files of one "
                "kind only.",
                place=f"record {without[0]}",
            )


def _shown(value: object) -> str:
    return f"{shown(value)} ({_kind(value)})"


def _kind(value: object) -> str:
    names = {str: "text", bool: "true or false", type(None): "nothing", dict: "an object"}
    return names.get(type(value), type(value).__name__)

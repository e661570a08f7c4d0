"""Coverage as json of its own, kept beside what was proposed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sapnet.geometry.rle import rle_to_json, to_rle
from sapnet.structures.clicks import Coverage, IgnoredRegion


def coverage_text(coverage: Mapping[int, Coverage]) -> bytes:
    """Return the content of a file of coverage."""
    images = [_record(image_id, entry) for image_id, entry in sorted(coverage.items()) if entry]
    return (json.dumps({"images": images}) + "\n").encode()


def load_coverage(path: Path) -> dict[int, Coverage]:
    """Read the coverage of the images of a store, by image id.

    Returns:
        What was said; nothing if there is no such file.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        records = json.loads(path.read_bytes())["images"]
        return {int(record["id"]): _coverage(record) for record in records}
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ValueError(
            f"{path}: damaged ({type(error).__name__}: {str(error)[:200]}). Run the same `sapnet "
            "propose` again, which writes it anew."
        ) from error


def _record(image_id: int, coverage: Coverage) -> dict[str, Any]:
    record: dict[str, Any] = {"id": image_id}
    if coverage.partial is not None:
        record["partial"] = list(coverage.partial)
    if coverage.ignored:
        record["ignored"] = [
            {"category_id": region.category_id, "segmentation": rle_to_json(region.mask)}
            for region in coverage.ignored
        ]
    return record


def _coverage(record: dict[str, Any]) -> Coverage:
    partial = dict(record).get("partial")
    regions = [
        IgnoredRegion(int(entry["category_id"]), to_rle(entry["segmentation"], *size))
        for entry in record.get("ignored", ())
        for size in (entry["segmentation"]["size"],)
    ]
    return Coverage(None if partial is None else tuple(map(int, partial)), tuple(regions))

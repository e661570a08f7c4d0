"""Origins of the masks in a file of ours, beside what `read_any` reads of every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sapnet.structures.origin import PERSON, merged_origin, read_origin
from sapnet.system.files import read_json

if TYPE_CHECKING:
    from pathlib import Path

    from sapnet.data.choices import SourceFormat

ORIGIN_FILE = "origin.json"
"""File beside the results of `sapnet predict`, whose records have no place for it."""


def read_origins(path: Path, name: SourceFormat | None) -> dict[int, dict[str, str]]:
    """Read the origins of the masks of a label file, of corrections or of results.

    Args:
        path: the source.
        name: its format.

    Returns:
        Origins by the id that `read_any` gives to the object; empty for other formats, for folders,
        and for files that say nothing of it.
    """
    if path.is_dir() or name not in ("coco", "results"):
        return {}
    content = read_json(path)
    if isinstance(content, list):
        beside = path.with_name(ORIGIN_FILE)
        of_all = read_origin(read_json(beside)) if beside.is_file() else {}
        return dict.fromkeys(range(1, len(content) + 1), of_all) if of_all else {}
    info = content.get("info")
    found = {}
    for record in content.get("annotations", []):
        own = record.get("origin")
        if own is None and isinstance(record.get("correction"), str):
            own = {"chosen_by": PERSON, "decision": record["correction"]}
        if (origin := merged_origin(info, own)) is not None:
            found[record["id"]] = origin
    return found

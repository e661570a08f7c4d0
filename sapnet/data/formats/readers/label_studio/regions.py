"""Marks from the regions of a Label Studio task: labels, groups, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sapnet.data.formats.fields import NO_CATEGORY, Fields, brief, is_text, shown
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.readers.label_studio.shapes import region_shape
from sapnet.data.problems import RecordError

Size = tuple[int, int]
"""Height and width of an image in pixels."""

LABEL_KEYS = (
    "keypointlabels", "rectanglelabels", "polygonlabels", "brushlabels", "bitmasklabels",
    "ellipselabels", "vectorlabels", "labels",
)  # fmt: skip
"""Keys of a region's value that hold its labels."""

_NO_SHAPE = {"relation", "choices", "textarea", "rating", "taxonomy", "number", "datetime"}


def region_marks(
    results: list[Fields], size: Size | None, findings: Findings, default_label: str | None
) -> Iterator[dict[str, Any]]:
    """Yield the marks of a task's regions as the fields of `Mark`, without the image.

    Args:
        results: the results of an annotation.
        size: (height, width) of the image; None if neither a region nor the image tells.
        findings: collects what is lost or changed.
        default_label: category of regions without a label.

    Yields:
        Fields of marks; nested and related regions share a group.
    """
    groups = _groups(results)
    labelled = {region_id(result) for result in results if _labels(result)}
    for result in results:
        kind = result.content.get("type")
        kind = kind if is_text(kind) else None
        if kind in _NO_SHAPE:
            if kind != "relation":
                findings.skip(f"results of type {kind!r}", result.where)
            continue
        labels = _labels(result)
        name = region_id(result)
        if not labels and name is not None and name in labelled:
            continue  # with the tag <Labels>, a region is listed twice: without and with labels
        labels = labels or ([default_label] if default_label is not None else [])
        if not labels:
            findings.skip("regions without a label", result.where)
            findings.note(NO_CATEGORY, result.where)
            continue
        for _ in labels[1:]:
            findings.skip("further labels of a region", result.where)
        try:
            shape = _shape(result, size, findings)
        except RecordError as error:
            what = f"{result.where}: {brief(error)}"
            findings.skip("regions that cannot be read", what)
            continue
        if shape is not None:
            group = None if name is None else groups.get(name)
            yield {"place": result.where, "category": labels[0], "group": group, **shape}


def region_id(result: Fields) -> str | None:
    """Return the id of a region as text, None if it has none."""
    return _id(result.content.get("id"))


def _id(value: object) -> str | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number or is_text(value) else None


def _labels(result: Fields) -> list[str]:
    value = result.content.get("value")
    if not isinstance(value, dict):
        return []
    found: Any = next((value[key] for key in LABEL_KEYS if value.get(key)), [])
    return [label for label in (found if isinstance(found, list) else [found]) if is_text(label)]


def _groups(results: list[Fields]) -> dict[str, str]:
    """Return a common id for the ids of regions that are nested or related: one object each."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while name in parents:
            parent = parents[name]
            if parent in parents:
                parents[name] = parents[parent]  # shorter ways keep long chains fast
            name = parent
        return name

    contents = [result.content for result in results]
    links = [(_id(r.get("id")), _id(r.get("parentID"))) for r in contents]
    links += [
        (_id(r.get("from_id")), _id(r.get("to_id")))
        for r in contents
        if r.get("type") == "relation"
    ]
    linked: set[str] = set()
    for first, second in links:
        if first and second:
            linked |= {first, second}
            if root(first) != root(second):
                parents[root(first)] = root(second)
    return {name: root(name) for name in linked}


def _shape(result: Fields, size: Size | None, findings: Findings) -> dict[str, Any] | None:
    """Return the shape as fields of a mark; None if the shape is not supported."""
    if result.has("original_height") and result.has("original_width"):
        own = result.side("original_height"), result.side("original_width")
        if own != size:
            height, width = size or (0, 0)
            raise result.problem("original_width", f"{width} (and {height} as height), as others")
    if size is None:
        findings.skip(
            "regions without original_width and original_height, on images that are not in "
            "--images either",
            result.where,
        )
        return None
    kind = result.content.get("type")
    shape = region_shape(result.inner("value"), kind if is_text(kind) else None, size, findings)
    if shape is None:
        findings.skip(f"regions of type {shown(result.content.get('type'))}", result.where)
    return shape

"""Reader of Label Studio's json exports (full and JSON-MIN).

Coordinates are percentages of the image size, which every result carries. `image_rotation` is how
the editor showed the image. Regions are nevertheless stored in the frame of the unturned image (the
editor turns its stage, not the regions), so nothing is turned here. A shape's own `rotation` turns
it clockwise around its stored corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sapnet.data.coco_json import is_number
from sapnet.data.formats.brush_rle import decode_brush
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.shapes import bounding_box, ellipse, rotated_rectangle
from sapnet.geometry.rle import encode_masks
from sapnet.system.files import read_json

Json = Any
_LABEL_KEYS = (
    "keypointlabels", "rectanglelabels", "polygonlabels", "brushlabels", "ellipselabels", "labels",
)  # fmt: skip
_NO_SHAPE = {"relation", "choices", "textarea", "rating", "taxonomy", "number", "datetime"}


def read_label_studio(path: Path, findings: Findings, *, predictions: bool = False) -> Source:
    """Read a Label Studio export.

    If a task has several annotations, the one marked as ground truth is taken, else the first that
    was not cancelled. Tasks without an annotation are left out, because nobody has seen them.

    Args:
        path: the json file.
        findings: collects what is lost or changed.
        predictions: True to read a task's first prediction instead of its annotations.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a list of tasks.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ValueError(f"{path}: expected a list of Label Studio tasks. Export as JSON.")
    images: list[SourceImage] = []
    marks: list[Mark] = []
    for index, task in enumerate(tasks):
        place = f"{path.name}, task {task.get('id', index)}"
        reference = _image_of(task)
        if reference is None:
            findings.skip("tasks without an image", place)
            continue
        results = _predicted(task) if predictions else _results(task, place, findings)
        if results is None:
            findings.skip("tasks that nobody has annotated", place)
            continue
        sizes = {(r.get("original_height"), r.get("original_width")) for r in results}
        size = next((s for s in sizes if all(isinstance(v, int) for v in s)), None)
        images.append(SourceImage(reference, size, place))
        marks += _marks(results, reference, place, findings)
    return Source(tuple(images), (), tuple(marks))


def _image_of(task: Json) -> str | None:
    """Return the first text of a task that names an image, preferably that of `image`."""
    data = task.get("data", task)
    if not isinstance(data, dict):
        return None
    values = [data.get("image"), data.get("img"), *data.values()]
    texts = [value for value in values if isinstance(value, str) and ("/" in value or "." in value)]
    return texts[0] if texts else None


def _predicted(task: Json) -> list[Json] | None:
    """Return the results of the first prediction; None if there is none."""
    found: list[Json] = task.get("predictions") or []
    return list(found[0].get("result", [])) if found else None


def _results(task: Json, place: str, findings: Findings) -> list[Json] | None:
    """Return the results of the annotation to use; None if there is no annotation."""
    if "annotations" not in task and "completions" not in task:
        return _results_of_minimal(task)
    annotations = task.get("annotations", task.get("completions")) or []
    finished = [a for a in annotations if isinstance(a, dict) and not a.get("was_cancelled")]
    for _ in range(len(annotations) - len(finished)):
        findings.skip("annotations that were cancelled", place)
    if task.get("predictions"):
        findings.note("predictions, which are left alone", place)
    if not finished:
        return None
    chosen = next((a for a in finished if a.get("ground_truth")), finished[0])
    for _ in range(len(finished) - 1):
        findings.skip("further annotations of a task that has one", place)
    return [result for result in chosen.get("result", []) if isinstance(result, dict)]


def _results_of_minimal(task: Json) -> list[Json] | None:
    """Return the results of a task in JSON-MIN, which stores them under the names of its tags."""
    found: list[Json] = [
        {"value": entry, **{key: entry.get(key) for key in ("original_width", "original_height")}}
        for value in task.values()
        if isinstance(value, list)
        for entry in value
        if isinstance(entry, dict) and "original_width" in entry
    ]
    return found or None


def _marks(results: list[Json], reference: str, place: str, findings: Findings) -> Iterator[Mark]:
    groups = _groups(results)
    labelled = {result.get("id") for result in results if _labels(result)}
    for index, result in enumerate(results):
        where = f"{place}, region {result.get('id') or index}"
        kind = result.get("type")
        if kind in _NO_SHAPE:
            if kind != "relation":
                findings.skip(f"results of type {kind!r}", where)
            continue
        labels = _labels(result)
        if not labels:
            # With the tag <Labels>, a region is listed twice under one id: without and with labels.
            if result.get("id") not in labelled or result.get("id") is None:
                findings.skip("regions without a label", where)
            continue
        for _ in labels[1:]:
            findings.skip("further labels of a region", where)
        shape = _shape(result, where, findings)
        if shape is not None:
            yield Mark(where, reference, labels[0], group=groups.get(result.get("id")), **shape)


def _labels(result: Json) -> list[str]:
    value = result.get("value")
    if not isinstance(value, dict):
        return []
    found: Json = next((value[key] for key in _LABEL_KEYS if value.get(key)), [])
    return [str(label) for label in found] if isinstance(found, list) else [str(found)]


def _groups(results: list[Json]) -> dict[str, str]:
    """Return a common id for the ids of regions that are nested or related: one object each."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while name in parents:
            name = parents[name]
        return name

    links: list[tuple[Json, Json]] = [(r.get("id"), r.get("parentID")) for r in results]
    links += [(r.get("from_id"), r.get("to_id")) for r in results if r.get("type") == "relation"]
    linked: set[str] = set()
    for first, second in links:
        if first and second:
            linked |= {first, second}
            if root(first) != root(second):
                parents[root(first)] = root(second)
    return {name: root(name) for name in linked}


def _shape(result: Json, where: str, findings: Findings) -> dict[str, Json] | None:
    """Return the shape as fields of a mark; None if the shape is not supported."""
    value = result["value"]
    height, width = result.get("original_height"), result.get("original_width")
    if not (isinstance(height, int) and isinstance(width, int)):
        findings.skip("regions without original_width and original_height", where)
        return None

    def pixels(x: Json, y: Json) -> tuple[float, float]:
        return x * width / 100, y * height / 100

    keys = {key for key, entry in value.items() if is_number(entry)}
    if isinstance(value.get("rle"), list):
        try:
            mask = decode_brush(value["rle"], height, width)
        except ValueError as error:
            findings.skip("brushes that cannot be read", f"{where}: {error}")
            return None
        return {"mask": encode_masks(mask[None])[0]}
    if isinstance(value.get("points"), list):
        return {"polygons": (tuple(pixels(x, y) for x, y in value["points"]),)}
    rotation = value.get("rotation") or 0
    if {"x", "y", "radiusX", "radiusY"} <= keys:
        centre = pixels(value["x"], value["y"])
        outline = ellipse(centre, pixels(value["radiusX"], value["radiusY"]), rotation)
        return {"polygons": (outline,)}
    if {"x", "y", "width", "height"} <= keys:
        corner, sides = pixels(value["x"], value["y"]), pixels(value["width"], value["height"])
        if rotation:
            findings.note("turned boxes, replaced by the upright box round them", where)
        corners = rotated_rectangle(corner, *sides, rotation, corner)
        return {"box": bounding_box(corners)}
    if {"x", "y"} <= keys:
        return {"points": (pixels(value["x"], value["y"]),)}
    findings.skip(f"regions of type {result.get('type')!r}", where)
    return None

"""Reader of Label Studio's json exports (full and JSON-MIN)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sapnet.data.formats.fields import NO_CATEGORY, Fields, brief
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.readers.label_studio.images import task_images
from sapnet.data.formats.readers.label_studio.regions import (
    Size,
    listed_size,
    region_groups,
    region_id,
    region_labels,
)
from sapnet.data.formats.readers.label_studio.shapes import region_shape
from sapnet.data.formats.signs import LABEL_KEYS
from sapnet.data.problems import RecordError
from sapnet.system.files import read_json
from sapnet.system.outside import is_text, shown

Json = Any
_OF_REGIONS = ("original_width", "original_height", "item_index", "to_name")
_NO_SHAPE = {"relation", "choices", "textarea", "rating", "taxonomy", "number", "datetime"}


@dataclass(frozen=True)
class LabelStudioOptions:
    """Choices for reading an export.

    Attributes:
        predictions: True to read a task's first prediction instead of its annotations.
        default_label: category of regions without a label.
    """

    predictions: bool = False
    default_label: str | None = None


def read_label_studio(
    path: Path,
    findings: Findings,
    options: LabelStudioOptions | None = None,
    folder: ImageFolder | None = None,
) -> Source:
    """Read a Label Studio export.

    If a task has several annotations, the one marked as ground truth is taken, else the first that
    was not cancelled. Tasks without an annotation are left out, because nobody has seen them; those
    with `is_labeled` false, whose annotators are not all done, are partial images. Of a
    task with several images, each becomes an image of its own. A region without a size takes that
    of the image's other regions, else that of the image.

    Args:
        path: the json file.
        findings: collects what is lost or changed.
        options: choices.
        folder: the folder of the images, for the sizes that the export does not hold.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a list of tasks, or a task is malformed.
    """
    options = options or LabelStudioOptions()
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ValueError(f"{path}: expected a list of Label Studio tasks. Export as JSON.")
    images: list[SourceImage] = []
    marks: list[Mark] = []
    for index, content in enumerate(tasks):
        task = Fields(path, f"task {_name(content, index)}", content)
        named = task_images(task)
        if named is None:
            findings.skip("tasks without an image", task.where)
            continue
        found = _predicted(task) if options.predictions else _results(task, findings)
        if found is None:
            findings.skip("tasks that nobody has annotated", task.where)
            continue
        for reference, results in named.parts(task, _objects(task, found, findings), findings):
            size = listed_size(results)
            is_done = content.get("is_labeled") is not False
            partial: Literal[True] | None = None if is_done else True
            images.append(SourceImage(reference, size, task.where, partial=partial))
            size = size or (None if folder is None else _real_size(reference, folder))
            for mark in _region_marks(results, size, findings, options.default_label):
                marks.append(Mark(reference=reference, **mark))
    return Source(tuple(images), (), tuple(marks))


def _name(task: dict[str, Json], index: int) -> str:
    number = task.get("id", index)
    return number if is_text(number) else shown(number)


def _predicted(task: Fields) -> list[Json] | None:
    """Return the results of the first prediction; None if there is none."""
    found = task.records("predictions", "prediction")
    return found[0].entries("result") if found else None


def _results(task: Fields, findings: Findings) -> list[Json] | None:
    """Return the results of the annotation to use; None if there is no annotation."""
    key = "annotations" if "annotations" in task.content else "completions"
    if key not in task.content:
        return _results_of_minimal(task.content)
    annotations = task.records(key, "annotation")
    finished = [a for a in annotations if not a.content.get("was_cancelled")]
    for _ in range(len(annotations) - len(finished)):
        findings.skip("annotations that were cancelled", task.where)
    if task.content.get("predictions"):
        findings.note("predictions, which are left alone", task.where)
    if not finished:
        return None
    chosen = next((a for a in finished if a.content.get("ground_truth")), finished[0])
    for _ in range(len(finished) - 1):
        findings.skip("further annotations of a task that has one", task.where)
    return chosen.entries("result")


def _results_of_minimal(task: Json) -> list[Json] | None:
    """Return the results of a task in JSON-MIN, which stores them under the names of its tags."""
    found: list[Json] = [
        {"value": entry, **{key: entry.get(key) for key in _OF_REGIONS}}
        for value in task.values()
        if isinstance(value, list)
        for entry in value
        if isinstance(entry, dict) and not entry.keys().isdisjoint(("original_width", *LABEL_KEYS))
    ]
    return found or None


def _objects(task: Fields, results: list[Json], findings: Findings) -> list[Fields]:
    """Return the results that are objects, each with its place."""
    found = []
    for index, result in enumerate(results):
        if not isinstance(result, dict):
            what = f"{task.where}, region {index}: expected an object, found {shown(result)}"
            findings.skip("regions that cannot be read", what)
            continue
        name = result.get("id") if is_text(result.get("id")) else index
        found.append(Fields(task.path, f"{task.place}, region {name}", result))
    return found


def _real_size(reference: str, folder: ImageFolder) -> Size | None:
    """Return the (height, width) of the upright image; None if it cannot be read."""
    name = folder.file_name(reference)
    try:
        header = None if name is None else folder.header(name)
    except ValueError:  # named later, with the images
        return None
    return None if header is None else header.upright_size


def _region_marks(
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
    groups = region_groups(results)
    labelled = {region_id(result) for result in results if region_labels(result)}
    for result in results:
        kind = result.content.get("type")
        kind = kind if is_text(kind) else None
        if kind in _NO_SHAPE:
            if kind != "relation":
                findings.skip(f"results of type {kind!r}", result.where)
            continue
        labels = region_labels(result)
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
            what = f"{result.path.name}, {error.place}: {brief(error)}"
            findings.skip("regions that cannot be read", what)
            continue
        if shape is not None:
            group = None if name is None else groups.get(name)
            yield {"place": result.where, "category": labels[0], "group": group, **shape}


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

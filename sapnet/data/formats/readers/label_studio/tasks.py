"""Reader of Label Studio's json exports (full and JSON-MIN)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from sapnet.data.formats.fields import MAX_SIDE, Fields, is_bounded, is_text, shown
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.readers.label_studio.regions import (
    LABEL_KEYS,
    Size,
    region_marks,
)
from sapnet.system.files import read_json

Json = Any


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
    was not cancelled. Tasks without an annotation are left out, because nobody has seen them. A
    region without a size takes that of the task's other regions, else that of the image.

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
        reference = _image_of(task)
        if reference is None:
            findings.skip("tasks without an image", task.where)
            continue
        found = _predicted(task) if options.predictions else _results(task, findings)
        if found is None:
            findings.skip("tasks that nobody has annotated", task.where)
            continue
        results = _objects(task, found, findings)
        size = _listed_size(results)
        images.append(SourceImage(reference, size, task.where))
        size = size or (None if folder is None else _real_size(reference, folder))
        for mark in region_marks(results, size, findings, options.default_label):
            marks.append(Mark(reference=reference, **mark))
    return Source(tuple(images), (), tuple(marks))


def _name(task: dict[str, Json], index: int) -> str:
    number = task.get("id", index)
    return number if is_text(number) else shown(number)


def _image_of(task: Fields) -> str | None:
    """Return the first text of a task that names an image, preferably that of `image`."""
    data = task.inner("data").content if task.has("data") else task.content
    values = [data.get("image"), data.get("img"), *data.values()]
    texts = [value for value in values if is_text(value) and ("/" in value or "." in value)]
    return texts[0] if texts else None


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
        {"value": entry, **{key: entry.get(key) for key in ("original_width", "original_height")}}
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


def _listed_size(results: list[Fields]) -> Size | None:
    """Return the (height, width) of the first region that has one."""
    for result in results:
        height, width = (result.content.get(f"original_{side}") for side in ("height", "width"))
        if _is_side(height) and _is_side(width):
            return int(height), int(width)
    return None


def _is_side(value: object) -> TypeGuard[float]:
    return is_bounded(value) and 1 <= value <= MAX_SIDE


def _real_size(reference: str, folder: ImageFolder) -> Size | None:
    """Return the (height, width) of the upright image; None if it is not there or not readable."""
    name = folder.file_name(reference)
    try:
        header = None if name is None else folder.header(name)
    except ValueError:  # named later, with the images
        return None
    return None if header is None else header.upright_size

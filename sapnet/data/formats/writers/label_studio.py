"""Writer of Label Studio predictions: brush masks that annotators accept or correct."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.formats.brush_rle import encode_brush
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.geometry.rle import decode_masks
from sapnet.structures.origin import origin_words
from sapnet.system.files import write_json_atomic, write_text_atomic

FROM_NAME, TO_NAME = "label", "image"
"""Names of the tags in the labelling interface that the predictions refer to."""

TASKS_FILE, CONFIG_FILE = "tasks.json", "label_config.xml"


def write_label_studio(instances: InstanceSet, folder: Path, options: ExportOptions) -> None:
    """Write `tasks.json`, to import, and `label_config.xml`, to paste as the interface.

    Args:
        instances: the masks; none of them empty.
        folder: folder of the files.
        options: `url_prefix` and `model_version` are used.
    """
    names = {category.category_id: category.name for category in instances.categories}
    grouped = instances.instances_by_image()
    tasks = [
        {
            "data": {TO_NAME: options.url_prefix + quote(image.file_name)},
            "predictions": [_prediction(grouped[image.image_id], names, options.model_version)],
        }
        for image in instances.images
    ]
    write_json_atomic(folder / TASKS_FILE, tasks, indent=None)
    labels = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in names.values())
    config = (
        f'<View>\n  <Image name="{TO_NAME}" value="${TO_NAME}" zoom="true"/>\n'
        f'  <BrushLabels name="{FROM_NAME}" toName="{TO_NAME}">\n{labels}  </BrushLabels>\n'
        "</View>\n"
    )
    write_text_atomic(folder / CONFIG_FILE, config)


def _prediction(
    instances: list[Instance], names: dict[int, str], model_version: str
) -> dict[str, Any]:
    scores = [instance.score for instance in instances if instance.score is not None]
    prediction: dict[str, Any] = {
        "model_version": model_version,
        "result": [_result(instance, names) for instance in instances],
    }
    return {**prediction, "score": min(scores)} if scores else prediction


def _result(instance: Instance, names: dict[int, str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "id": f"object{instance.annotation_id}",
        "from_name": FROM_NAME,
        "to_name": TO_NAME,
        "type": "brushlabels",
        "origin": "prediction",
        "original_width": instance.image.width,
        "original_height": instance.image.height,
        "image_rotation": 0,
        "value": {
            "format": "rle",
            "rle": encode_brush(decode_masks([instance.rle()])[0]),
            "brushlabels": [names[instance.category_id]],
        },
    }
    if words := origin_words(instance.origin):
        result["meta"] = {"text": [words]}
    return result if instance.score is None else {**result, "score": instance.score}

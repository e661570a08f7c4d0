"""Every reader of a file from outside, as a function of that file, with a right file of each.

`READERS` maps a name to a reader; `GOOD` has the content of a right file of the same name. Readers
read what a command of the same inputs would read, masks included.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Json = Any

SIZES = {"a.png": (32, 24), "b.png": (32, 24)}  # width, height

_IMAGES = [
    {"id": number, "file_name": name, "width": width, "height": height}
    for number, (name, (width, height)) in enumerate(SIZES.items(), 1)
]
_CATEGORIES = [{"id": 1, "name": "car"}, {"id": 3, "name": "dog"}]
_POLYGON = [[3, 2, 12, 2, 12, 10, 3, 10], [1, 1, 2, 1, 2, 2]]
_LEFT = {"size": [24, 32], "counts": "Z28`0000000000000000n>"}
_RIGHT = {"size": [24, 32], "counts": "d;8`0000000000000000000000000000T1"}
_LIST = {"size": [24, 32], "counts": [74, 8] + [16, 8] * 8 + [494]}

_CLICKS: Json = {
    "info": {"proposer": {"name": "regions", "checkpoint": None}},
    "images": [{**_IMAGES[0], "done": True}, _IMAGES[1]],
    "categories": _CATEGORIES,
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "point": [5.5, 4.5],
         "negative_points": [[20.5, 20.5]], "bbox": [3, 2, 9, 8], "bbox_score": 0.5},
        {"id": 2, "image_id": 1, "category_id": 3, "point": [20.5, 15.5], "object_id": "rex",
         "segmentation": _RIGHT, "iscrowd": 0},
        {"id": 3, "image_id": 1, "category_id": 3, "point": [21.5, 16.5], "object_id": "rex"},
        {"id": 4, "image_id": 2, "category_id": 3, "point": [4.5, 5.5], "segmentation": _LIST},
        {"id": 5, "image_id": 2, "category_id": 1, "point": [8, 8], "segmentation": _POLYGON},
    ],
}  # fmt: skip

_TRUTH: Json = {
    "images": _IMAGES,
    "categories": _CATEGORIES,
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": _LEFT, "bbox": [3, 2, 9, 8],
         "area": 72, "iscrowd": 0, "score": 0.5},
        {"id": 2, "image_id": 1, "category_id": 3, "segmentation": _RIGHT, "iscrowd": 1},
        {"id": 3, "image_id": 2, "category_id": 3, "segmentation": _POLYGON, "area": 72.5},
        {"id": 4, "image_id": 2, "category_id": 3, "segmentation": _LIST},
    ],
}  # fmt: skip

_CANDIDATES = {"segmentations": [_LEFT, _RIGHT], "scores": [0.5, 0.4], "own_scores": [0.3, 0.2]}
_LABELS: Json = {
    "images": _IMAGES,
    "categories": _CATEGORIES,
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": _LEFT, "bbox": [3, 2, 9, 8],
         "area": 72, "iscrowd": 0, "score": 0.5, "uncertainty": 0.2, "point": [5.5, 4.5],
         "candidates": {**_CANDIDATES, "chosen": 0}, "refined_box": [3, 2, 9, 8]},
        {"id": 3, "image_id": 2, "category_id": 3, "segmentation": _RIGHT, "score": 0.5,
         "point": [20.5, 15.5]},
    ],
}  # fmt: skip

_RESULTS: Json = [
    {"image_id": 1, "file_name": "a.png", "category_id": 1, "category_name": "car",
     "segmentation": _LEFT, "score": 0.9, "bbox": [3, 2, 9, 8]},
    {"image_id": 2, "file_name": "b.png", "category_id": 3, "category_name": "dog",
     "segmentation": _RIGHT, "score": 0.4},
]  # fmt: skip

_PROPOSALS: Json = {
    "proposals": [
        {"annotation_id": 1, "image_id": 1, "file_name": "a.png", "category_id": 1,
         "segmentations": [_LEFT, _LIST, _POLYGON], "scores": [0.9, 0.5, 1.1]},
        {"annotation_id": 2, "segmentations": [_RIGHT]},
        {"annotation_id": 4, "segmentations": [_RIGHT]},
        {"annotation_id": 5, "segmentations": [_LEFT]},
    ]
}  # fmt: skip

_PARTS: Json = {
    "objects": [
        {"annotation_id": 1, "image_id": 1, "neighbours": [2], "parts": [_LEFT]},
        {"annotation_id": 2, "image_id": 1, "neighbours": [1], "parts": [_RIGHT]},
        {"annotation_id": 4, "image_id": 2, "neighbours": [], "parts": [_LIST]},
    ]
}

_CORRECTIONS: Json = {
    "info": {},
    "images": _IMAGES,
    "categories": _CATEGORIES,
    "annotations": [
        {"id": 2, "image_id": 1, "category_id": 3, "point": [20.5, 15.5], "segmentation": _RIGHT,
         "iscrowd": 0, "correction": "picked"},
        {"id": 4, "image_id": 2, "category_id": 3, "point": [4.5, 5.5], "segmentation": _LIST,
         "correction": "clicked"},
    ],
    "deleted": [9],
}  # fmt: skip

GOOD: dict[str, Json] = {
    "clicks": _CLICKS,
    "annotate": _CLICKS,
    "doctor_clicks": _CLICKS,
    "instances": _TRUTH,
    "eval_truth": _TRUTH,
    "doctor_inst": _TRUTH,
    "points": _TRUTH,
    "labels": _LABELS,
    "eval_labels": _LABELS,
    "results": _RESULTS,
    "conv_results": _RESULTS,
    "proposals": _PROPOSALS,
    "parts": _PARTS,
    "corrections": _CORRECTIONS,
}
"""Content of a right file for each reader of json of its own."""


def make_set(folder: Path) -> None:
    """Write what the readers need beside the file that is tried: images, clicks and truth."""
    (folder / "images").mkdir(parents=True)
    for name, size in SIZES.items():
        Image.new("RGB", size, "gray").save(folder / "images" / name)
    for name in ("clicks", "instances"):
        (folder / f"right_{name}.json").write_text(json.dumps(GOOD[name]))


def _clicks(path: Path, folder: Path) -> None:
    from sapnet.data.clicked_images import check_images
    from sapnet.data.clicks import load_clicks

    check_images(load_clicks(path), folder / "images")


def _annotate(path: Path, folder: Path) -> None:
    from sapnet.annotate.click.opening import open_click_file

    listing, file = open_click_file(folder / "images", path, ("cat",))
    for image in listing:
        file.document(image.name).version  # noqa: B018  # of all values
    assert file.proposer is None or len(file.proposer) == 2


def _corrections(path: Path, folder: Path) -> None:
    from sapnet.data.corrections import load_corrections

    del folder
    load_corrections(path)


def _instances(path: Path, folder: Path) -> None:
    from sapnet.data.coco import load_instances
    from sapnet.geometry.rle import decode_masks

    del folder
    for instance in load_instances(path).instances:
        decode_masks([instance.rle()])
        assert len(instance.box) == 4
        assert instance.area == instance.area


def _points(path: Path, folder: Path) -> None:
    from sapnet.data.coco import load_instances
    from sapnet.data.sampling import sample_clicks

    del folder
    sample_clicks(load_instances(path), "quasi-center", 0)


def _labels(path: Path, folder: Path) -> None:
    from sapnet.evaluation.label_file import load_labels

    del folder
    load_labels(path)


def _eval_labels(path: Path, folder: Path) -> None:
    from sapnet.evaluation.labels import evaluate_labels

    evaluate_labels(path, folder / "right_instances.json")


def _results(path: Path, folder: Path) -> None:
    from sapnet.evaluation.predictions import evaluate_predictions

    evaluate_predictions(path, folder / "right_instances.json")


def _eval_truth(path: Path, folder: Path) -> None:
    from sapnet.evaluation.labels import evaluate_labels
    from sapnet.evaluation.predictions import evaluate_predictions

    labels, results = folder / "right_labels.json", folder / "right_results.json"
    labels.write_text(json.dumps(_LABELS))
    results.write_text(json.dumps(_RESULTS))
    evaluate_labels(labels, path)
    evaluate_predictions(results, path)


def _conv_results(path: Path, folder: Path) -> None:
    from sapnet.data.formats.marks import Findings
    from sapnet.data.formats.readers.results import read_results

    read_results(path, Findings(), folder / "right_clicks.json", 0.0)


def _proposals(path: Path, folder: Path) -> None:
    from sapnet.data.clicks import load_clicks
    from sapnet.proposals.from_file import FileProposer

    clicks = load_clicks(folder / "right_clicks.json")
    proposer = FileProposer(path)
    proposer.check_objects(clicks)
    proposer.propose(np.zeros((24, 32, 3), np.uint8), clicks.clicks)


def _parts(path: Path, folder: Path) -> None:
    from sapnet.data.clicks import load_clicks
    from sapnet.proposals.simulated.proposer import SimulatedConfig, SimulatedProposer

    clicks = load_clicks(folder / "right_clicks.json").clicks
    proposer = SimulatedProposer(path, SimulatedConfig())
    for click in clicks:
        if click.annotation_id in (1, 4):
            proposer.propose(np.zeros((24, 32, 3), np.uint8), [click])


def _doctor_clicks(path: Path, folder: Path) -> None:
    from sapnet.doctor.click_set import examine_clicks

    json.dumps(repr(examine_clicks(path, folder / "images").examination))


def _doctor_instances(path: Path, folder: Path) -> None:
    from sapnet.doctor.instance_set import examine_instances

    json.dumps(repr(examine_instances(path, folder / "images").examination))


READERS: dict[str, Callable[[Path, Path], None]] = {
    "clicks": _clicks,
    "annotate": _annotate,
    "doctor_clicks": _doctor_clicks,
    "instances": _instances,
    "eval_truth": _eval_truth,
    "doctor_inst": _doctor_instances,
    "points": _points,
    "labels": _labels,
    "eval_labels": _eval_labels,
    "results": _results,
    "conv_results": _conv_results,
    "proposals": _proposals,
    "parts": _parts,
    "corrections": _corrections,
}
"""Reader of a file in a folder that `make_set` made."""

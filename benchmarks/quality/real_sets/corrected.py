"""The proposer after a user corrected some images: fine-tuned on their true masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.quality.real_sets.sets import Split
from benchmarks.quality.trial import sapnet
from sapnet.system.files import write_json_atomic


def teach(train: Split, number: int, folder: Path) -> Path:
    """Fine-tune the embedded proposer on the true masks of some training images.

    Args:
        train: the training images.
        number: images that count as corrected, drawn with seed 0.
        folder: for the file of their masks and the weights, which are not made again.

    Returns:
        The file of the weights.
    """
    masks = folder / f"corrected_{number}.json"
    content = corrected_part(json.loads(train.truth.read_text(encoding="utf-8")), number)
    write_json_atomic(masks, content)
    weights = folder / f"corrected_{number}.safetensors"
    if not weights.is_file():
        data = f"{masks},images={train.images}"
        words = ("--from", "embedded", "--data", data, "--out", weights)
        sapnet(folder / f"corrected_{number}.log", "train-proposer", *words)
    return weights


def corrected_part(truth: dict[str, list[dict[str, object]]], number: int) -> dict[str, object]:
    """Return the part of a COCO instance json that holds some of its images with objects.

    Args:
        truth: content of the file.
        number: images to draw, with seed 0; all where there are fewer.
    """
    with_objects = {annotation["image_id"] for annotation in truth["annotations"]}
    images = [image for image in truth["images"] if image["id"] in with_objects]
    places = np.random.default_rng(0).permutation(len(images))[:number]
    chosen = [images[place] for place in sorted(places.tolist())]
    ids = {image["id"] for image in chosen}
    annotations = [one for one in truth["annotations"] if one["image_id"] in ids]
    return {**truth, "images": chosen, "annotations": annotations}

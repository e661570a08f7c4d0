"""The proposer after a user corrected some images: fine-tuned on their true masks."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.quality.real_sets.sets import Split, some_images
from benchmarks.quality.trial import sapnet
from sapnet.system.files import write_json_atomic


def teach(train: Split, number: int, folder: Path, adapted: Path) -> Path:
    """Fine-tune the proposer on the true masks of some training images.

    Args:
        train: the training images.
        number: images that count as corrected, drawn with seed 0.
        folder: for the file of their masks and the weights, which are not made again.
        adapted: weights to begin with, those that it was adapted to; the embedded ones where
            there is no such file.

    Returns:
        The file of the weights.
    """
    masks = folder / f"corrected_{number}.json"
    content = some_images(json.loads(train.truth.read_text(encoding="utf-8")), number)
    write_json_atomic(masks, content)
    weights = folder / f"corrected_{number}.safetensors"
    if not weights.is_file():
        data = f"{masks},images={train.images}"
        start = adapted if adapted.is_file() else "embedded"
        words = ("--from", start, "--data", data, "--out", weights)
        sapnet(folder / f"corrected_{number}.log", "train-proposer", *words)
    return weights

"""Pretraining: from marked data sets to a file that other trainings start from."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.backbones.config import AVAILABLE_WEIGHTS, HUB_WEIGHTS
from sapnet.network.loading import load_model
from sapnet.network.start import save_start
from sapnet.pretraining.merging import merge_sources
from sapnet.system.files import write_json_atomic
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.pretraining.config import PretrainInputs, SourceConfig
    from sapnet.training.config import TrainConfig

MERGED = "objects.json"
"""File in the run folder with all objects of all data sets, in one category."""


@dataclass(frozen=True)
class PretrainSummary:
    """Result of a pretraining.

    Attributes:
        weights: the file that was written; None on all ranks but the first.
        run: folder of the training.
        num_images: images of an epoch; an image that is repeated counts as often.
        num_objects: their objects, crowds included.
        epochs: length of the training.
    """

    weights: Path | None
    run: Path
    num_images: int
    num_objects: int
    epochs: int


def pretrain(inputs: PretrainInputs, model_cfg: ModelConfig, cfg: TrainConfig) -> PretrainSummary:
    """Train the segmenter on objects of any kind, or go on with it, and write its weights.

    Args:
        inputs: data sets and files.
        model_cfg: the network; it starts from ImageNet weights where nothing else is asked for.
        cfg: the training; its supervision is by masks.

    Raises:
        FileNotFoundError: a file or the weights to start from are missing.
        ValueError: data sets or settings do not fit.
    """
    if not model_cfg.segmenter:
        raise ValueError("--model.segmenter false: expected a segmenter, it is what is pretrained")
    if model_cfg.start is None and model_cfg.weights in (HUB_WEIGHTS, AVAILABLE_WEIGHTS):
        model_cfg = replace(model_cfg, start="imagenet")
    root = common_folder(inputs.sources)
    merged = merge_sources(inputs.sources, root)
    path = inputs.run / MERGED
    inputs.run.mkdir(parents=True, exist_ok=True)
    write_json_atomic(path, merged, indent=None)
    files = TrainInputs(images=root, out=inputs.run, masks=path)
    summary = train(files, model_cfg, replace(cfg, supervision="masks"))
    if summary.is_first_rank:
        network = load_model(inputs.run, "cpu")
        save_start(inputs.out, network.state_dict(), network.settings, notes(inputs, merged, cfg))
    return PretrainSummary(
        weights=inputs.out if summary.is_first_rank else None,
        run=inputs.run,
        num_images=len(merged["images"]),
        num_objects=len(merged["annotations"]),
        epochs=summary.epochs,
    )


def common_folder(sources: tuple[SourceConfig, ...]) -> Path:
    """Return the innermost folder that holds the images of all data sets."""
    return Path(os.path.commonpath([source.images.resolve() for source in sources]))


def notes(inputs: PretrainInputs, merged: dict[str, Any], cfg: TrainConfig) -> dict[str, str]:
    """Return what is kept in the file beside the weights: data, length, command, licence."""
    data = [
        {"name": _name(source), "repeats": source.repeats, "limit": source.limit}
        for source in inputs.sources
    ]
    return {
        "data": json.dumps(data),
        "training": (
            f"{cfg.epochs} epochs of {len(merged['images'])} images with "
            f"{len(merged['annotations'])} objects, batches of {cfg.batch_size}, seed {cfg.seed}"
        ),
        "command": inputs.command,
        "licence": inputs.licence,
    }


def _name(source: SourceConfig) -> str:
    """Return a name of a data set: the folder of its images, or the one above `images`."""
    folder = source.images
    return folder.parent.name if folder.name == "images" else folder.name

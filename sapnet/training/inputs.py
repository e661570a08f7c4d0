"""The files of a training run, and its summary. Imports no torch."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.store.writer import find_manifest
from sapnet.system.locations import Location, as_location
from sapnet.training.run_folder import FREE_TO_CHANGE

_DIGITS = 12
"""Digits of a digest that tell contents apart."""

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig


@dataclass(frozen=True)
class TrainInputs:
    """Files of a training run.

    Attributes:
        images: folder of the training images.
        out: run folder; an unfinished run in it is resumed.
        proposals: store written by `sapnet propose`, or its URL.
        corrections: file of `sapnet review`; its masks are kept, deleted objects are left out.
        masks: COCO instance json, for supervision by masks: ground truth, or the labels that
            `sapnet label` wrote (two-stage training).
        truth: COCO instance json of the training images; only used to log the quality of the
            chosen masks.
        start_run: run folder or hub name whose weights the training begins with; classes are
            matched by name.
        val_images: folder of held-out images.
        val_truth: COCO instance json of the held-out images.
    """

    images: Path
    out: Path
    proposals: Location | None = None
    corrections: Path | None = None
    masks: Path | None = None
    truth: Path | None = None
    start_run: Path | str | None = None
    val_images: Path | None = None
    val_truth: Path | None = None

    def __post_init__(self) -> None:
        if (self.val_images is None) != (self.val_truth is None):
            raise ValueError("--val.images and --val.truth are given together or not at all")

    def check_supervision(self, cfg: TrainConfig, model_cfg: ModelConfig) -> None:
        """Check that the files fit the network and the supervision.

        Raises:
            ValueError: a file is missing, or is given but has no use.
        """
        if not model_cfg.segmenter and cfg.supervision != "clicks":
            raise ValueError(
                f"--model.segmenter false trains selection alone, which --supervision "
                f"{cfg.supervision} does not have: nothing would be trained. Leave one of them out"
            )
        if cfg.relabel and (not model_cfg.segmenter or cfg.supervision != "clicks"):
            raise ValueError(
                "--relabel chooses labels among proposals with the segmenter's vote: it needs "
                "--supervision clicks and a segmenter. Leave it out"
            )
        if not model_cfg.segmenter and self.val_images is not None:
            raise ValueError(
                "--val.images scores the segmenter, which --model.segmenter false leaves out. "
                "Leave one of them out; --truth logs how good the chosen masks are"
            )
        self._check_other(cfg, model_cfg)
        if cfg.supervision == "masks" and self.masks is None:
            raise ValueError("--supervision masks needs --masks instances.json (or labels.json)")
        if cfg.supervision == "masks" and self.corrections is not None:
            raise ValueError(
                "--corrections are of proposals, not of --masks. Write the corrected masks with "
                "`sapnet label --corrections` and name that file"
            )
        if cfg.supervision != "masks" and self.proposals is None:
            raise ValueError(
                f"--supervision {cfg.supervision} needs --proposals STORE, written by "
                "`sapnet propose`"
            )

    def _check_other(self, cfg: TrainConfig, model_cfg: ModelConfig) -> None:
        """Check what a segmenter in the place of SOLOv2 needs."""
        other = model_cfg.other
        if other is None:
            return
        if cfg.supervision == "clicks":
            raise ValueError(
                f"--segmenter {other.name} learns from masks: give --supervision masks --masks "
                "labels.json, written by `sapnet label`, or --supervision top1 --proposals STORE"
            )
        if other.checkpoint is not None and self.start_run is not None:
            raise ValueError(
                f"--checkpoint {other.checkpoint} and --from {self.start_run}: a training begins "
                "with one of them. Leave one out"
            )
        if other.name == "mask2former" and other.checkpoint is None and self.start_run is None:
            raise ValueError(
                "--segmenter mask2former needs --checkpoint: a name on the Hugging Face hub, such "
                "as facebook/mask2former-swin-tiny-coco-instance, or a folder of `save_pretrained`"
            )


@dataclass(frozen=True)
class TrainSummary:
    """Result of a training.

    Attributes:
        run: the run folder.
        epochs: length of the training.
        figures: the last logged figures by name.
        was_finished: True if the run had been finished before, and nothing was done.
        is_first_rank: True if this process speaks for all of a distributed run.
    """

    run: Path
    epochs: int
    figures: dict[str, float]
    was_finished: bool = False
    is_first_rank: bool = True


def describe_run(inputs: TrainInputs, model_cfg: ModelConfig, cfg: TrainConfig) -> dict[str, Any]:
    """Return everything that the weights of a run depend on, as the settings file holds it."""
    training = {k: v for k, v in asdict(cfg).items() if k not in FREE_TO_CHANGE}
    sources = {"images": inputs.images, "proposals": inputs.proposals, "masks": inputs.masks}
    files = {name: _full_name(place) for name, place in sources.items() if place is not None}
    # The content counts as well: a store is brought up to date, and files grow during a review.
    contents = {}
    store = None if inputs.proposals is None else as_location(inputs.proposals)
    manifest = find_manifest(store) if isinstance(store, Path) else None
    if manifest is not None:
        contents["clicks"] = f"sha256 {manifest.data_fingerprint[:_DIGITS]}"
    masks = None if inputs.masks is None else as_location(inputs.masks)
    if isinstance(masks, Path) and masks.is_file():
        contents["masks"] = _digest(masks)
    if inputs.corrections is not None:
        files["corrections"] = f"{inputs.corrections.resolve()}, {_digest(inputs.corrections)}"
    if inputs.start_run is not None:
        here = Path(inputs.start_run)
        files["from"] = str(here.resolve() if here.is_dir() else inputs.start_run)
    return {
        "files": files,
        "contents": contents,
        "model": asdict(model_cfg),
        "train": training,
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()[:_DIGITS]}"


def _full_name(place: Location) -> str:
    place = as_location(place)
    return place if isinstance(place, str) else str(place.resolve())

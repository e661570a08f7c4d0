"""A search of a run for objects that were probably not clicked, written as a clicks file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.image_files.limit import allowing_pixels
from sapnet.evaluation.label_file import load_labels
from sapnet.labelling.config import MissedConfig
from sapnet.labelling.missed import find_missed, save_missed
from sapnet.pipeline.plan import LABELS, MISSED
from sapnet.training.run_folder import sources_of_run

if TYPE_CHECKING:
    from sapnet.prediction.predictor import Predictor


@dataclass(frozen=True)
class MissedSummary:
    """Summary of a search for objects that were probably not clicked.

    Attributes:
        out: clicks file with them, the most likely first.
        num_objects: objects in it.
        num_images: images that they lie on.
    """

    out: Path
    num_objects: int
    num_images: int


def labels_of(run: Path | str, labels: Path | None) -> Path:
    """Return the label file that is named, else that of the run."""
    return labels or Path(run) / LABELS


def usual_out(run: Path | str, labels: Path | None) -> Path:
    """Return the file of the missed objects where none is named: beside the labels."""
    return labels_of(run, labels).with_name(MISSED)


def list_missed(
    run: Path | str,
    network: Predictor,
    labels: Path | None = None,
    images: Path | None = None,
    out: Path | None = None,
    cfg: MissedConfig | None = None,
) -> MissedSummary:
    """Write the objects that were probably not clicked as a clicks file.

    Args:
        run: folder of the network, where labels and images are looked for.
        network: its network.
        labels: file of `sapnet label`; None for `labels.json` of the run.
        images: folder of the labelled images; None for that of the run.
        out: the file; None for `missed.json` beside the labels.
        cfg: settings; None for the defaults.

    Raises:
        FileNotFoundError: labels or an image are missing.
        ValueError: the images are not known, or as `find_missed`.
    """
    cfg, path = cfg or MissedConfig(), labels_of(run, labels)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Write it with `sapnet label`.")
    images = images or sources_of_run(Path(run)).get("images")
    if images is None:
        raise ValueError("expected the folder of the labelled images. Name it with --images")
    known = load_labels(path)
    with allowing_pixels(cfg.max_pixels):
        missed = find_missed(network, images, known, cfg)
    written = save_missed(out or usual_out(run, labels), missed, known)
    return MissedSummary(written, len(missed), len({entry.image_id for entry in missed}))

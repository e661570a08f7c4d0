"""The labels of an audit: their pictures, and the judgements, saved one by one."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from sapnet.annotate.audit.pictures import draw_label
from sapnet.annotate.documents import WatchedFile
from sapnet.data.image_files.address import with_bands
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.images import load_image
from sapnet.evaluation.audit.audit_file import (
    Audit,
    Judgement,
    SampledLabel,
    draw_audit,
    load_audit,
    save_audit,
)
from sapnet.evaluation.audit.figures import AuditFigures, audit_figures
from sapnet.evaluation.label_file import LabelSet, load_labels
from sapnet.system.files import write_json_atomic
from sapnet.system.lock import locked
from sapnet.training.run_folder import reading_of_run, sources_of_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sapnet.annotate.audit.config import AuditConfig

logger = logging.getLogger(__name__)


class AuditDesk:
    """A sample of labels and the judgements of it; thread-safe.

    Args:
        path: the file of the audit.
        audit: its content.
        labels: the labels that the sample was drawn from.
        images: folder of their images.
        cfg: the settings of the audit.
    """

    def __init__(
        self, path: Path, audit: Audit, labels: LabelSet, images: Path, cfg: AuditConfig
    ) -> None:
        self.path = path
        self.audit = audit
        self._labels = labels
        self._images = images
        self._names = {image.image_id: image.file_name for image in labels.images}
        self._cfg = cfg
        self._lock = threading.Lock()
        self._watched = WatchedFile(path, "sapnet audit")

    def figures(self) -> AuditFigures:
        """Return the figures of the judgements so far."""
        return audit_figures(self.audit, self._cfg.width)

    def image_name(self, entry: SampledLabel) -> str:
        """Return the name of the image of a label."""
        return self._names[self._labels.labels[entry.annotation_id].image_id]

    def picture(self, number: int, *, outlined: bool) -> bytes:
        """Draw the label `number` of the sample with its surroundings, as JPEG.

        Raises:
            FileNotFoundError, ValueError: the image is missing or cannot be read.
        """
        label = self._labels.labels[self.audit.sample[number].annotation_id]
        path = self._images / self._names[label.image_id]
        pixels = load_image(with_bands(path, self._cfg.bands), self._cfg.bits)
        if list(pixels.shape[:2]) != list(label.rle["size"]):
            raise ValueError(
                f"{path}: expected the size of its label, "
                f"{label.rle['size']} (height, width), found {list(pixels.shape[:2])}. Name the "
                "folder of the labelled images with --images."
            )
        return draw_label(pixels, label, outlined=outlined)

    def judge(self, number: int, judgement: Judgement | None) -> None:
        """Keep a judgement of the label `number` of the sample, and save the file.

        Raises:
            FileChangedError: another program changed the file.
            OSError: the file cannot be written.
        """
        with self._lock:
            changed = self.audit.judged(number, judgement)
            self._watched.require_unchanged()
            save_audit(self.path, changed)
            self._watched.note_written()
            self.audit = changed  # only now: an unsaved judgement must not look saved


def run_audit(cfg: AuditConfig, open_page: Callable[[AuditDesk], None]) -> AuditDesk:
    """Judge labels on the page until it is stopped, and write the figures.

    Args:
        cfg: with `figures_only`, the page stays closed.
        open_page: opens the page of a desk, and returns when it is stopped.

    Returns:
        The desk with its judgements.

    Raises:
        FileNotFoundError, ValueError: as `open_audit`; or the page's libraries are not installed.
    """
    desk = open_audit(cfg)
    with allowing_pixels(cfg.max_pixels):
        if not cfg.figures_only:
            try:
                with locked(desk.path):
                    open_page(desk)
            except ModuleNotFoundError as error:
                raise ValueError(
                    f"the page needs {error.name}. Install it with `pip install 'sapnet[ui]'`."
                ) from error
    if cfg.metrics is not None:
        write_json_atomic(cfg.metrics, desk.figures().to_json())
    return desk


def open_audit(cfg: AuditConfig) -> AuditDesk:
    """Draw the sample, or continue the audit that the file holds; write the file.

    Raises:
        FileNotFoundError: the labels or the images are missing.
        ValueError: a file is malformed, or the audit is of other labels.
    """
    path, labels_path = cfg.audit_file, cfg.labels_file
    if not labels_path.is_file():
        raise FileNotFoundError(
            f"{labels_path}: no such file. Write it with `sapnet label`, or name the labels with "
            "--labels."
        )
    labels = load_labels(labels_path)
    before = load_audit(path) if path.is_file() else None
    seed = cfg.seed if cfg.seed is not None else 0 if before is None else before.seed
    audit = draw_audit(labels_path, labels, cfg.num, seed, before)
    images = _images_folder(cfg)
    bits, bands = reading_of_run(cfg.run or labels_path.parent)
    cfg = replace(cfg, bits=cfg.bits or bits, bands=cfg.bands or bands or labels.bands)
    if audit != before:
        save_audit(path, audit)
    return AuditDesk(path, audit, labels, images, cfg)


def _images_folder(cfg: AuditConfig) -> Path:
    images = cfg.images
    if images is None and cfg.run is not None:
        images = sources_of_run(cfg.run).get("images")
    if images is None:
        raise ValueError("expected the folder of the labelled images. Name it with --images.")
    if not images.is_dir():
        raise FileNotFoundError(
            f"{images}: no such folder. Name the labelled images with --images."
        )
    return images

"""Conversion of the settings of `sapnet annotate` to what its page works on."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.click.labels import begin_with_labels, read_labels
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.click.windows import windowing_of
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.pixels import PixelCache
from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.annotate.suggest.run_files import SuggestingRun
from sapnet.annotate.workspace import Workspace
from sapnet.data.image_files.address import bands_words
from sapnet.data.image_files.depth import depth_line, find_depth
from sapnet.proposals.automatic import describe_choice, require_on_this_machine, settle_staged
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.checkpoint import CheckpointError
from sapnet.proposals.config import SamConfig, StagedConfig, StagedName

logger = logging.getLogger(__name__)

_OF_SESSIONS: tuple[StagedName, ...] = ("click", "sam", "regions")


def open_workspace(cfg: AnnotateConfig, run: SuggestingRun | None = None) -> Workspace[ClickFile]:
    """Open the images, the clicks file and the proposer that the settings name.

    Args:
        cfg: the settings of the session.
        run: whose instances will be suggested; the page gets its classes.

    Raises:
        FileNotFoundError, ValueError: something is missing or malformed, an image cannot be read
            and `skip_errors` is not set, or no image can be read.
    """
    labels = None if cfg.labels is None else read_labels(cfg.labels, cfg.images)
    named = () if labels is None else tuple(category.name for category in labels.categories)
    classes = (*cfg.classes, *named, *(run.classes if run else ()))
    usual = run.bands if run else ()
    listing, file = open_click_file(cfg.images, cfg.clicks_file, classes, cfg.bands, usual)
    if file.bands and cfg.bands is None:
        logger.info("%s are shown", bands_words(file.bands))
    listing.check(cfg.skip_errors)
    if labels is not None:
        begin_with_labels(file, listing, labels)
    bits = cfg.bits or find_depth(image.path for image in listing if not image.problem)
    if line := depth_line(bits, cfg.bits is not None):
        logger.info("%s", line)
    preview = build_preview(cfg, file, bits)
    name = None if run is None else run.name
    return Workspace(listing, file, preview, pixels=PixelCache(bits), run=name)


def build_preview(
    cfg: AnnotateConfig, file: ClickFile, bits: int | None = None
) -> PreviewWorker | None:
    """Return the worker that proposes candidate masks; None for the proposer "none".

    Args:
        cfg: the settings of the session.
        file: names the proposer of earlier sessions, and notes that of this one.
        bits: bit depth of images of more than 8 bits.

    Raises:
        FileNotFoundError, ValueError: the weights or the device are missing.
    """
    if cfg.proposer == "none":
        return None
    # Only the click segmenter can be taught.
    name = "click" if cfg.teach and cfg.proposer == "auto" else cfg.proposer
    checkpoint = cfg.checkpoint
    if name != cfg.proposer and checkpoint is None:
        begun, noted = _noted(file)
        checkpoint = noted if begun == name else None
    staged = StagedConfig(name, cfg.num_proposals, SamConfig(device=cfg.device), checkpoint)
    settled = _settle(staged, file)
    windowing = windowing_of(cfg, file)
    worker = PreviewWorker(build_staged_proposer(settled), bits=bits, windowing=windowing)
    file.note_proposer(worker.name, settled.checkpoint)
    return worker


def _noted(file: ClickFile) -> tuple[str, str | None]:
    """Return name and weights of the proposer of earlier sessions; an empty name for none."""
    name, checkpoint = file.proposer or ("", None)
    if name == "click" and checkpoint is not None and not Path(checkpoint).is_file():
        logger.info("%s was begun with %s, which is gone", file.path, checkpoint)
        checkpoint = None
    return name, checkpoint


def _settle(staged: StagedConfig, file: ClickFile) -> StagedConfig:
    """Replace the proposer `auto` by that of earlier sessions, else by the one that it takes."""
    if staged.proposer != "auto":
        logger.info("proposer: %s", staged.proposer)
        return staged
    name, checkpoint = _noted(file)
    begun = next((known for known in _OF_SESSIONS if known == name), None)
    if begun is None or staged.checkpoint is not None:
        return settle_staged(staged)
    try:
        if begun == "sam":
            require_on_this_machine(checkpoint or SamConfig.checkpoint)
    except CheckpointError as error:
        logger.info("%s was begun with the proposer sam: %s", file.path, error)
        return settle_staged(staged)
    logger.info("%s", describe_choice(begun, checkpoint, f"{file.path} was begun with it"))
    return replace(staged, proposer=begun, checkpoint=checkpoint)

"""Conversion of the settings of `sapnet review` to what its page works on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from sapnet.annotate.listing import ImageListing, list_folder
from sapnet.annotate.pixels import PixelCache
from sapnet.annotate.preview.views import Windowing
from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.annotate.review.desk import ReviewDesk, open_desk
from sapnet.annotate.workspace import Workspace
from sapnet.data.tiles.grid import Parts
from sapnet.proposals.automatic import settle_staged
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.config import SamConfig, StagedConfig, StagedName
from sapnet.store.layout import WEIGHTS_NAME
from sapnet.store.manifest import BITS
from sapnet.store.reader import ProposalStore

if TYPE_CHECKING:
    from sapnet.annotate.review.config import ReviewConfig
    from sapnet.store.manifest import Manifest

logger = logging.getLogger(__name__)


def open_review(cfg: ReviewConfig) -> tuple[Workspace[ReviewDesk], ReviewDesk]:
    """Open labels, candidates and decisions; write the labels first if they do not exist.

    Raises:
        FileNotFoundError, ValueError: something is missing or malformed.
    """
    if not cfg.labels.is_file():
        _write_labels(cfg)
    desk = open_desk(cfg.labels, cfg.proposals, cfg.corrections_file)
    if not desk.queue():
        raise ValueError(
            f"{cfg.labels}: expected labels to review, found none, or only masks that were given"
        )
    listing = _list_labelled(cfg, desk)
    preview = build_reviewer_preview(cfg, desk.store.manifest)
    return Workspace(listing, desk, preview, "review", PixelCache(desk.store.bits)), desk


def _write_labels(cfg: ReviewConfig) -> None:
    if cfg.run is None:
        raise FileNotFoundError(
            f"{cfg.labels}: no such file. Write it with `sapnet label --candidates`, or name the "
            "trained run with --run to have it written now."
        )
    from sapnet.labelling.config import LabelConfig
    from sapnet.labelling.label import label
    from sapnet.network.loading import load_model

    model = load_model(cfg.run, cfg.device)
    label(model, cfg.images, ProposalStore(cfg.proposals), cfg.labels, LabelConfig(candidates=True))


def _list_labelled(cfg: ReviewConfig, desk: ReviewDesk) -> ImageListing:
    """Return the images that have labels."""
    labelled = {label.image_id for label in desk.labels.labels.values()}
    known = [image for image in desk.store.images if image.image_id in labelled]
    names = {image.file_name for image in known}
    bands = Parts.from_settings(desk.store.manifest.settings).bands
    listing = list_folder(cfg.images, known, bands)
    return ImageListing(image for image in listing if image.name in names)


def build_reviewer_preview(cfg: ReviewConfig, manifest: Manifest) -> PreviewWorker | None:
    """Return the worker that proposes for new clicks; None for the proposer "none".

    Args:
        cfg: the settings of the review.
        manifest: the manifest of the store whose labels are reviewed.

    Raises:
        ValueError: the checkpoint or the device is missing.
    """
    if cfg.proposer == "none":
        return None
    name: StagedName = "auto" if cfg.proposer == "store" else cfg.proposer
    if cfg.proposer == "store" and manifest.proposer in ("click", "sam", "regions"):
        name = cast(StagedName, manifest.proposer)
    settings = manifest.settings if name == manifest.proposer else {}
    count, stored = settings.get("num_proposals"), settings.get("checkpoint")
    adapted = cfg.proposals / WEIGHTS_NAME
    if name == manifest.proposer and adapted.is_file():
        stored = str(adapted)
    staged = settle_staged(
        StagedConfig(
            name,
            count if isinstance(count, int) else None,
            SamConfig(device=cfg.device),
            cfg.checkpoint or (stored if isinstance(stored, str) else None),
        )
    )
    proposer = build_staged_proposer(staged)
    if "weights" in settings and settings["weights"] != proposer.settings["weights"]:
        logger.warning(
            "the store was made with other weights (%s) of the proposer click; name them with "
            "--checkpoint to propose for new clicks with them",
            settings["weights"],
        )
    if name != "auto":  # else the line is written
        logger.info("proposer for new clicks: %s", proposer.name)
    bits = settings.get(BITS)
    return PreviewWorker(
        proposer,
        bits=bits if isinstance(bits, int) else None,
        windowing=Windowing(Parts.from_settings(manifest.settings).tiling),
    )

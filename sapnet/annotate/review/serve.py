"""From the settings of `sapnet review` to what its page works on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sapnet.annotate.listing import ImageListing, list_folder
from sapnet.annotate.preview import PreviewWorker
from sapnet.annotate.review.desk import ReviewDesk, open_desk
from sapnet.annotate.server import Workspace
from sapnet.store.reader import ProposalStore

if TYPE_CHECKING:
    from sapnet.annotate.review.config import ReviewConfig
    from sapnet.store.manifest import Manifest

logger = logging.getLogger(__name__)


def open_review(cfg: ReviewConfig) -> tuple[Workspace, ReviewDesk]:
    """Opens labels, candidates and decisions; writes the labels first where there are none yet.

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
    return Workspace(
        listing, desk, build_reviewer_preview(cfg, desk.store.manifest), "review"
    ), desk


def _write_labels(cfg: ReviewConfig) -> None:
    if cfg.run is None:
        raise FileNotFoundError(
            f"{cfg.labels}: no such file. Write it with `sapnet label --candidates`, or name the "
            "trained run with --run to have it written now."
        )
    from sapnet.labelling.label import label
    from sapnet.network.loading import load_model

    model = load_model(cfg.run, cfg.device)
    label(model, cfg.images, ProposalStore(cfg.proposals), cfg.labels, with_candidates=True)


def _list_labelled(cfg: ReviewConfig, desk: ReviewDesk) -> ImageListing:
    """The images that hold a label."""
    labelled = {label.image_id for label in desk.labels.labels.values()}
    known = [image for image in desk.store.images if image.image_id in labelled]
    names = {image.file_name for image in known}
    listing = list_folder(cfg.images, known)
    return ImageListing(image for image in listing if image.name in names)


def build_reviewer_preview(cfg: ReviewConfig, manifest: Manifest) -> PreviewWorker | None:
    """Who proposes for new clicks; None for nobody.

    Args:
        cfg: the choice.
        manifest: of the store whose labels are reviewed.

    Raises:
        ValueError: the checkpoint or the device is missing.
    """
    name = cfg.proposer
    if name == "store":
        name = "sam" if manifest.proposer == "sam" else "regions"
        if name != manifest.proposer:
            logger.info(
                "the proposer %r cannot be asked for new clicks; `regions` proposes instead",
                manifest.proposer,
            )
    match name:
        case "none":
            return None
        case "regions":
            from sapnet.proposals.regions.proposer import RegionProposer, RegionsConfig

            count = manifest.settings.get("num_proposals")
            if manifest.proposer == "regions" and isinstance(count, int):
                return PreviewWorker(RegionProposer(RegionsConfig(num_proposals=count)))
            return PreviewWorker(RegionProposer())
        case _:
            from sapnet.proposals.config import SamConfig
            from sapnet.proposals.sam import SamProposer

            stored = str(manifest.settings.get("checkpoint", SamConfig.checkpoint))
            checkpoint = cfg.checkpoint or stored
            return PreviewWorker(SamProposer(SamConfig(checkpoint=checkpoint, device=cfg.device)))

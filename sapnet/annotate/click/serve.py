"""Conversion of the settings of `sapnet annotate` to what its page works on."""

from __future__ import annotations

import logging

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.pixels import PixelCache
from sapnet.annotate.preview import PreviewWorker
from sapnet.annotate.workspace import Workspace
from sapnet.data.image_files.depth import depth_line, find_depth
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.config import SamConfig, StagedConfig
from sapnet.structures.left_out import LeftOutImage

logger = logging.getLogger(__name__)


def open_workspace(cfg: AnnotateConfig) -> Workspace[ClickFile]:
    """Open the images, the clicks file and the proposer that the settings name.

    Raises:
        FileNotFoundError, ValueError: something is missing or malformed.
    """
    listing, file = open_click_file(cfg.images, cfg.clicks_file, cfg.classes)
    left_out: tuple[LeftOutImage, ...] = ()
    if cfg.skip_errors:
        bad = [image for image in listing if image.problem]
        left_out = tuple(LeftOutImage(image.name, image.problem) for image in bad)
        listing = listing.readable()
    bits = cfg.bits or find_depth(image.path for image in listing if not image.problem)
    if line := depth_line(bits, cfg.bits is not None):
        logger.info("%s", line)
    preview = build_preview(cfg, bits)
    return Workspace(listing, file, preview, pixels=PixelCache(bits), left_out=left_out)


def build_preview(cfg: AnnotateConfig, bits: int | None = None) -> PreviewWorker | None:
    """Return the worker that proposes candidate masks; None for the proposer "none".

    Args:
        cfg: the settings of the page.
        bits: bit depth of images of more than 8 bits.

    Raises:
        ValueError: the checkpoint or the device is missing.
    """
    if cfg.proposer == "none":
        return None
    sam = SamConfig(checkpoint=cfg.checkpoint, device=cfg.device)
    staged = StagedConfig(cfg.proposer, cfg.num_proposals, sam)
    return PreviewWorker(build_staged_proposer(staged), bits=bits)

"""Conversion of the settings of `sapnet annotate` to what its page works on."""

from __future__ import annotations

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.preview import PreviewWorker
from sapnet.annotate.workspace import Workspace
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.config import SamConfig, StagedConfig


def open_workspace(cfg: AnnotateConfig) -> Workspace[ClickFile]:
    """Open the images, the clicks file and the proposer that the settings name.

    Raises:
        FileNotFoundError, ValueError: something is missing or malformed.
    """
    listing, file = open_click_file(cfg.images, cfg.clicks_file, cfg.classes)
    return Workspace(listing, file, build_preview(cfg))


def build_preview(cfg: AnnotateConfig) -> PreviewWorker | None:
    """Return the worker that proposes candidate masks; None for the proposer "none".

    Raises:
        ValueError: the checkpoint or the device is missing.
    """
    if cfg.proposer == "none":
        return None
    sam = SamConfig(checkpoint=cfg.checkpoint, device=cfg.device)
    return PreviewWorker(build_staged_proposer(StagedConfig(cfg.proposer, cfg.num_proposals, sam)))

"""Conversion of the settings of `sapnet annotate --teach` to lessons for its preview."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.teach.record import EMBEDDED, TaughtFolder, open_taught
from sapnet.annotate.teach.teacher import LessonPlan, Teacher
from sapnet.annotate.workspace import Workspace
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.config import StagedConfig

PROPOSER: Final = "click"
"""The proposer that can be taught."""


def open_teacher(cfg: AnnotateConfig, workspace: Workspace[ClickFile]) -> Teacher:
    """Open the lessons of a clicks file, and use the weights that were taught already.

    Args:
        cfg: the settings of the session.
        workspace: its preview is taught.

    Raises:
        FileNotFoundError, ValueError: the preview is no click segmenter, or weights are missing.
    """
    preview, file = workspace.preview, workspace.file
    if preview is None or preview.name != PROPOSER:
        found = "none" if preview is None else preview.name
        raise ValueError(
            f"teach: expected the proposer {PROPOSER}, found {found}. Name --proposer {PROPOSER}, "
            "or leave out --teach."
        )
    folder = open_taught(file.path, _begun_with(file))

    def use(weights: Path | None) -> None:
        start = None if folder.taught.start == EMBEDDED else folder.taught.start
        checkpoint = start if weights is None else str(weights)
        staged = StagedConfig(PROPOSER, cfg.num_proposals, checkpoint=checkpoint)
        preview.swap(build_staged_proposer(staged))
        file.note_proposer(PROPOSER, checkpoint)

    if folder.weights is not None:
        use(folder.weights)
    bits = workspace.pixels.bits
    # The masks so far may lie on the darker images: a lesson sees what the page shows.
    words: tuple[str, ...] = () if bits is None else ("--bits", str(bits))
    if file.bands:
        words += ("--bands", str(list(file.bands)))
    return Teacher(LessonPlan(cfg.images, file.path, words=words), folder, file.num_masks, use)


def _begun_with(file: ClickFile) -> str:
    """Weights of the session that were not taught here."""
    _, checkpoint = file.proposer or (PROPOSER, None)
    taught = TaughtFolder.of(file.path)
    is_taught = checkpoint is not None and Path(checkpoint).parent == taught
    return EMBEDDED if checkpoint is None or is_taught else checkpoint

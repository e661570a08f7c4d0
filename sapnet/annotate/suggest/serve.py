"""Conversion of the settings of `sapnet annotate --run` to suggestions on its page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.suggest.desk import SuggestionDesk
from sapnet.annotate.suggest.routes import suggest_routes
from sapnet.annotate.suggest.run_files import SuggestingRun, local_name
from sapnet.annotate.suggest.scout import Scout
from sapnet.annotate.suggest.seen import SEEN_ENDING, SeenFile
from sapnet.annotate.suggest.seer import Seer
from sapnet.annotate.suggest.worker import EndableWorker
from sapnet.annotate.workspace import Workspace
from sapnet.prediction.config import PredictionConfig


@contextmanager
def suggesting(
    cfg: AnnotateConfig, workspace: Workspace[ClickFile], run: SuggestingRun
) -> Iterator[tuple[SuggestionDesk, APIRouter]]:
    """Look at the images while the page is open.

    Args:
        cfg: the settings of the session.
        workspace: its file has the classes of the run.
        run: whose segmenter looks.

    Yields:
        The suggestions, and their routes.
    """
    clicks = workspace.file.path
    asked = "" if cfg.tile is None else f", windows of {cfg.tile} px, overlap {cfg.overlap}"
    asked += "" if cfg.bands is None else f", bands {cfg.bands}"
    seen = SeenFile(clicks.with_name(clicks.stem + SEEN_ENDING), run.weights + asked)
    desk = SuggestionDesk(workspace.listing, workspace.file, seen, cfg.min_score)
    look = PredictionConfig(
        bits=workspace.pixels.bits, tile=cfg.tile, overlap=cfg.overlap, bands=cfg.bands
    )
    worker = EndableWorker(Seer(local_name(run.name), look, cfg.device))
    scout = Scout(workspace.listing, seen, worker, desk.is_touched)
    scout.start()
    try:
        yield desk, suggest_routes(workspace, desk, scout)
    finally:
        scout.close()

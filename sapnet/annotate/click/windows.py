"""Windows of large images on the click page: as given, else as its clicks advise."""

from __future__ import annotations

import logging

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.preview.views import Windowing
from sapnet.data.tiles.advice import advise_tiles
from sapnet.data.tiles.grid import Tiling

logger = logging.getLogger(__name__)

CLICKS_PER_CHANGE = 100
"""Of so many clicks one must change before the advice is asked for again."""


def windowing_of(cfg: AnnotateConfig, file: ClickFile) -> Windowing:
    """Return the windows in which a session looks for candidates.

    Args:
        cfg: the settings of the session.
        file: its clicks advise windows where none are named.
    """
    if cfg.tile is not None:
        return Windowing(Tiling.of(cfg.tile, cfg.overlap))
    return Windowing(advised=AdvisedWindows(file, cfg.overlap))


class AdvisedWindows:
    """The windows that `sapnet propose` would choose for the clicks so far.

    Args:
        file: the clicks.
        overlap: pixels that neighbours share; None for a quarter of the side.
    """

    def __init__(self, file: ClickFile, overlap: int | None = None) -> None:
        self._file, self._overlap = file, overlap
        self._next_change = 0
        self._tiling: Tiling | None = None

    def __call__(self) -> Tiling | None:
        """Return the windows; None without advice."""
        if self._file.change >= self._next_change:
            clicks = self._file.click_set()
            advice = advise_tiles(clicks.images, clicks.clicks)
            tiling = None if advice is None else Tiling.of(advice.size, self._overlap)
            if advice is not None and tiling != self._tiling:
                logger.info(
                    "%s: candidates are looked for in windows of %d px; --tile 0 for none",
                    advice.reason,
                    advice.size,
                )
            # All clicks are read, so the more there are, the more must change before that.
            self._next_change = self._file.change + 1 + len(clicks.clicks) // CLICKS_PER_CHANGE
            self._tiling = tiling
        return self._tiling

"""Large images in windows: those that the enhancer reads, and its boxes in whole images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sapnet.batches.config import AugmentConfig
from sapnet.batches.parts import parts_of
from sapnet.data.clicked_images import check_images, check_whole_images
from sapnet.data.clicks import load_clicks
from sapnet.data.tiles.advice import advise_tiles
from sapnet.data.tiles.clicks import own_clicks, parts_line, tile_clicks
from sapnet.data.tiles.grid import Parts, Tiling
from sapnet.data.tiles.windows import window_of
from sapnet.enhancement.config import EnhanceConfig
from sapnet.structures.clicks import ClickSet


@dataclass(frozen=True)
class EstimatedBox:
    """A box that the enhancer estimates.

    Attributes:
        box: xyxy, original frame, inside the image; holds the click.
        score: in [0, 1].
    """

    box: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class WindowedClicks:
    """Clicks of whole images, and the same as the network sees them.

    Attributes:
        whole: upright.
        seen: of the windows; the same as `whole` without windows.
        parts: windows and bands.
        reasons: lines for the user.
    """

    whole: ClickSet
    seen: ClickSet
    parts: Parts
    reasons: tuple[str, ...] = ()

    def in_images(self, boxes: Mapping[int, EstimatedBox]) -> dict[int, EstimatedBox]:
        """Return the boxes of windows in the frame of their images, by annotation id.

        A click that several windows show has the box of the window that it belongs to.
        """
        windows = {image.image_id: window_of(image) for image in self.seen.images}
        found = {}
        for click in own_clicks(self.seen):
            if click.annotation_id in boxes:
                estimate, window = boxes[click.annotation_id], windows[click.image_id]
                x1, y1, x2, y2 = estimate.box
                x, y = window.x, window.y
                found[click.annotation_id] = EstimatedBox(
                    (x1 + x, y1 + y, x2 + x, y2 + y), estimate.score
                )
        return found


def read_windowed(
    path: Path, images: Path, cfg: EnhanceConfig, augment: AugmentConfig, *, is_trained: bool
) -> WindowedClicks:
    """Read clicks, check them against their images, and lay windows.

    Args:
        path: clicks file.
        images: folder of the images.
        cfg: `tile` and `overlap` come first.
        augment: of the network, whose windows come next.
        is_trained: the network is trained: no windows are advised that it does not know.

    Raises:
        FileNotFoundError, ValueError: a file is missing or malformed.
    """
    clicks = load_clicks(path)
    trained = parts_of(augment)
    tiling, reasons = trained.tiling, list[str]()
    if cfg.tile is not None:
        tiling = Tiling.of(cfg.tile, cfg.overlap)
    elif tiling is not None:
        tiling = Tiling.of(tiling.size, tiling.overlap if cfg.overlap is None else cfg.overlap)
    elif not is_trained:
        advice = advise_tiles(clicks.images, clicks.clicks)
        if advice is not None:
            tiling = Tiling.of(advice.size, cfg.overlap)
            reasons.append(f"windows of {advice.size} px (--tile 0 for none): {advice.reason}")
    parts = Parts(tiling, trained.bands or (() if is_trained else clicks.bands))
    if not parts:
        checked = check_images(clicks, images)
        return WindowedClicks(checked, checked, parts)
    checked = check_whole_images(clicks, images)
    seen = tile_clicks(checked, parts)
    return WindowedClicks(checked, seen, parts, (*reasons, parts_line(checked, seen, parts)))

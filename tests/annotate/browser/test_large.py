"""Small objects of a large image, clicked in Chromium."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from sapnet.annotate.preview.views import Windowing
from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.data.clicks import load_clicks
from sapnet.data.tiles.grid import Tiling
from sapnet.geometry.rle import encode_masks, rle_iou
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.config import StagedConfig
from sapnet.structures.clicks import RLE

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver

HEIGHT, WIDTH = 4500, 6000
X, Y, RADIUS = 5210, 3750, 11


@pytest.fixture
def disc(tmp_path: Path) -> RLE:
    """A TIFF of bright discs on rough ground, 60 px apart; the mask of one of them."""
    rng = np.random.default_rng(0)
    rough = rng.integers(60, 100, (HEIGHT // 20, WIDTH // 20), np.uint8)
    gray = np.kron(rough, np.ones((20, 20), np.uint8))
    rows, columns = np.mgrid[-30:30, -30:30]
    stamp = rows**2 + columns**2 <= RADIUS**2
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for y in range(Y - 300, Y + 301, 60):
        for x in range(X - 300, X + 301, 60):
            gray[y - 30 : y + 30, x - 30 : x + 30][stamp] = 200
    mask[Y - 30 : Y + 30, X - 30 : X + 30][stamp] = 1
    images = tmp_path / "images"
    images.mkdir()
    options: dict[str, Any] = {"photometric": "rgb", "tile": (256, 256), "compression": "zlib"}
    tifffile.imwrite(images / "map.tif", np.stack([gray] * 3, 2), **options)
    return encode_masks(mask[None])[0]


@pytest.mark.parametrize(
    ("windowing", "least"),
    [
        (Windowing(Tiling(768, 192)), 0.7),
        (Windowing(advised=lambda: None), 0.6),
    ],
)
def test_a_click_on_a_small_object_of_a_large_image(
    tmp_path: Path,
    disc: RLE,
    windowing: Windowing,
    least: float,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    proposer = build_staged_proposer(StagedConfig("click"))
    with ThreadPoolExecutor(1) as executor:
        preview = PreviewWorker(proposer, executor, windowing=windowing)
        with serving(open_folder(tmp_path / "images", preview)) as address:
            driver = open_page(address)
            driver.run(
                "([x, y]) => { const { view } = sapnet; view.zoomAt(20); const [sx, sy] = "
                "view.toScreen([x, y]); view.pan(view.width / 2 - sx, view.height / 2 - sy); }",
                [X, Y],
            )
            driver.click(X, Y)
            masks = driver.wait(
                "() => sapnet.preview.candidates.length && "
                "sapnet.preview.candidates.map(({ mask }) => mask)"
            )
            assert {tuple(mask["size"]) for mask in masks} == {(HEIGHT, WIDTH)}
            rles = [RLE(size=mask["size"], counts=mask["counts"].encode()) for mask in masks]
            overlaps = rle_iou(rles, [disc])[:, 0]
            assert overlaps.max() > least
            driver.run("(place) => sapnet.preview.choose(place)", int(overlaps.argmax()))
            driver.press("p")
            driver.saved()
    (saved,) = load_clicks(tmp_path / "clicks.json").clicks
    assert saved.mask == rles[int(overlaps.argmax())]

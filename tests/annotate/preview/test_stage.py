from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from PIL import Image

from sapnet.annotate.preview.stage import PreviewStage, PreviewTask
from sapnet.annotate.preview.views import Windows
from sapnet.data.images import load_image
from sapnet.data.tiles.grid import Parts, Tiling
from sapnet.geometry.rle import decode_masks
from sapnet.proposals.config import RunConfig
from sapnet.proposals.propose import propose_dataset
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.store.views.whole import open_whole_store
from sapnet.structures.clicks import Category, ClickSet, ImageRecord
from tests.annotate.preview.point_proposer import PointProposer, clicks

if TYPE_CHECKING:
    from tests.conftest import TinySet


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 48), (9, 9, 9)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_an_image_is_prepared_once(image: Path) -> None:
    proposer = PointProposer()
    stage = PreviewStage(proposer)
    assert stage(PreviewTask(image)) is None
    for point in ((3.5, 4.5), (5.5, 6.5)):
        found = stage(PreviewTask(image, clicks((1.5, 1.5), point), 1))
        assert found is not None
        mask = decode_masks(found.rles)[0]
        assert np.argwhere(mask).tolist() == [[int(point[1]), int(point[0])]]
    assert proposer.prepared == [(48, 64, 3)]


def test_a_large_part_is_worked_on_in_a_reduced_frame(tmp_path: Path) -> None:
    Image.new("RGB", (4096, 1024)).save(tmp_path / "large.png")
    proposer = PointProposer()
    found = PreviewStage(proposer)(PreviewTask(tmp_path / "large.png", clicks((4095, 1023)), 0))
    assert found is not None
    assert proposer.asked == [(2047.5, 511.5)]
    assert found.rles[0]["size"] == [1024, 4096]
    assert found.boxes.tolist() == [[4094, 1022, 4096, 1024]]


TILED = Windows(Tiling(1024, 256))


def large_image(path: Path) -> Path:
    """Write an image of 3000 x 2000 px that is blue where x is odd, red where y is."""
    rows, columns = np.mgrid[0:2000, 0:3000]
    pixels = np.stack([rows % 2 * 255, rows // 8, columns % 2 * 255], 2).astype(np.uint8)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="rgb", tile=(256, 256), compression="zlib")
    else:
        Image.fromarray(pixels).save(path, compress_level=1)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_a_click_is_answered_in_its_window(tmp_path: Path, name: str) -> None:
    path = large_image(tmp_path / name)
    proposer = PointProposer()
    stage = PreviewStage(proposer)
    objects = clicks((2900.5, 1900.5), (10.5, 10.5), (2910.5, 1901.5))
    found = stage(PreviewTask(path, objects, 0, TILED))
    assert found is not None
    assert found.rles[0]["size"] == [2000, 3000]
    assert found.boxes.tolist() == [[2900, 1900, 2901, 1901]]
    assert proposer.prepared == [(1024, 1024, 3)]
    # The corner window begins at x = 1976, y = 976; the click far away is no rival there.
    assert proposer.asked == [(924.5, 924.5)]
    assert [click.point for click in proposer.clicks[0]] == [(924.5, 924.5), (934.5, 925.5)]
    np.testing.assert_array_equal(proposer.images[0], load_image(path)[976:, 1976:])
    stage(PreviewTask(path, objects, 2, TILED))
    assert len(proposer.prepared) == 1


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_without_advice_the_whole_and_the_window_answer(tmp_path: Path, name: str) -> None:
    path = large_image(tmp_path / name)
    proposer = PointProposer()
    stage = PreviewStage(proposer)
    task = PreviewTask(path, clicks((2900.5, 1900.5)), 0, Windows(is_open=True))
    stage(replace(task, index=None))
    assert proposer.prepared == [(1365, 2048, 3)]
    found = stage(task)
    assert found is not None
    assert proposer.prepared[1:] == [(1024, 1024, 3)]
    assert [rle["size"] for rle in found.rles] == [[2000, 3000]] * 2
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    np.testing.assert_allclose(middles, [[2900.5, 1900.5]] * 2, atol=1.5)


def test_a_box_beyond_the_window_is_seen_whole(tmp_path: Path) -> None:
    path = large_image(tmp_path / "a.png")
    proposer = PointProposer()
    click = replace(clicks((1500.5, 1000.5))[0], box=(500.0, 500.0, 2500.0, 1500.0))
    found = PreviewStage(proposer)(PreviewTask(path, (click,), 0, TILED))
    assert found is not None
    assert proposer.prepared == [(1365, 2048, 3)]  # 2000 x 3000 px, reduced
    asked = proposer.clicks[0][0].box
    assert asked is not None
    np.testing.assert_allclose(asked, np.array([500, 500, 2500, 1500]) * 2048 / 3000, atol=0.5)


def test_the_window_gives_what_propose_stores(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (40, 50, 3), np.uint8)
    (tmp_path / "images").mkdir()
    path = tmp_path / "images" / "a.png"
    Image.fromarray(blocks).resize((400, 320), Image.Resampling.NEAREST).save(path)
    tiling = Tiling(128, 32)
    objects = clicks((20.5, 30.5), (60.5, 50.5), (380.5, 300.5), (370.5, 310.5))
    data = ClickSet((ImageRecord(1, "a.png", 400, 320),), (Category(1, "thing"),), objects)
    run = RunConfig(workers=1, parts=Parts(tiling))
    propose_dataset(path.parent, data, tmp_path / "store", RegionProposer(), run)
    store = open_whole_store(tmp_path / "store")
    stage = PreviewStage(RegionProposer())
    for index, click in enumerate(objects):
        found = stage(PreviewTask(path, objects, index, Windows(tiling)))
        assert found is not None
        stored = store.find(click.annotation_id).proposals
        assert len(stored) > 1
        assert stored.rles == found.rles
        np.testing.assert_allclose(stored.scores, found.scores, atol=1e-3)


def test_the_region_proposer_gives_the_same_in_stages(tiny_set: TinySet) -> None:
    path = sorted(tiny_set.images.iterdir())[0]
    objects = clicks((20.5, 30.5), (60.5, 50.5), (80.5, 80.5))
    whole = RegionProposer().propose(load_image(path), objects)
    staged = PreviewStage(RegionProposer())(PreviewTask(path, objects, 2))
    assert staged is not None
    assert staged.rles == whole[2].rles
    np.testing.assert_array_equal(staged.scores, whole[2].scores)

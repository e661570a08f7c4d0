"""Prediction in windows: the same objects as of the whole image, each once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from discs import BlobPredictor, Discs
from PIL import Image

from sapnet.data.tiles.grid import Parts
from sapnet.evaluation.predictions import evaluate_predictions
from sapnet.geometry.rle import decode_masks, to_rle
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import PredictSummary, predict

rng = np.random.default_rng(1)
DISCS = Discs(
    tuple(
        (20.0 + 40 * column + rng.uniform(-4, 4), 20.0 + 40 * row + rng.uniform(-4, 4), 9 + row % 3)
        for row in range(7)
        for column in range(9)
    ),
    height=290,
    width=370,
)
LARGE = Discs(((150.5, 140.5, 120), (330.5, 40.5, 15)), 290, 370)


def run(
    out: Path, discs: Discs = DISCS, trained: Parts | None = None, **settings: object
) -> tuple[PredictSummary, BlobPredictor]:
    discs.write(out / "images")
    network = BlobPredictor(128, trained)
    cfg = PredictionConfig(**settings)  # type: ignore[arg-type]
    return predict(network, out / "images", out / "out", cfg), network


def records(summary: PredictSummary) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(summary.results.read_text())
    return found


@pytest.mark.parametrize("overlap", [24, 64])
@pytest.mark.parametrize("discs", [DISCS, LARGE], ids=["small", "large"])
def test_each_object_is_found_once_and_whole(discs: Discs, overlap: int, tmp_path: Path) -> None:
    summary, network = run(tmp_path, discs, tile=128, overlap=overlap)
    assert set(network.seen) == {(128, 128)}
    assert summary.num_images == 1
    found = records(summary)
    masks = [decode_masks([to_rle(r["segmentation"], 290, 370)])[0] > 0 for r in found]
    expected = {mask.tobytes() for mask in discs.masks()}
    assert {mask.tobytes() for mask in masks} == expected
    assert len(found) == len(expected)
    assert evaluate_predictions(summary.results, discs.truth())["mask_ap"] == 1.0
    assert {r["file_name"] for r in found} == {"discs.tif"}
    assert {r["image_id"] for r in found} == {1}
    assert [r["score"] for r in found] == sorted((r["score"] for r in found), reverse=True)


def test_windows_are_those_of_the_training(tmp_path: Path) -> None:
    _, network = run(tmp_path, trained=Parts.of(128, 32))
    assert set(network.seen) == {(128, 128)}
    _, network = run(tmp_path, trained=Parts.of(128, 32), tile=0, overwrite=True)
    assert network.seen == [(290, 370)]


def test_vast_images_are_cut_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sapnet.data.tiles.advice.VAST_PIXELS", 290 * 370 - 1)
    monkeypatch.setattr("sapnet.data.tiles.advice.SIZES", (64, 96, 128))
    _, network = run(tmp_path)
    assert set(network.seen) == {(128, 128)}


def test_small_images_pass_whole(tmp_path: Path) -> None:
    _, network = run(tmp_path, Discs(((30.5, 30.5, 10),), 60, 80), tile=128)
    assert network.seen == [(60, 80)]


def test_batches_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sapnet.prediction.windows.tiles.PICTURE_SIDE", 185)
    one, _ = run(tmp_path / "a", tile=128, overlap=32)
    several, _ = run(tmp_path / "b", tile=128, overlap=32, batch_size=4, workers=1)
    assert records(one) == records(several)
    assert one.pictures is not None
    with Image.open(one.pictures / "discs.jpg") as picture:
        assert picture.size == (185, 145)
        pixels = np.asarray(picture)
    colorful = (pixels.max(2).astype(int) - pixels.min(2)) > 80
    assert colorful.mean() > 0.01  # outlines


def test_a_damaged_window_leaves_its_image_out(tmp_path: Path) -> None:
    path = DISCS.write(tmp_path / "images")
    Discs(((30.5, 30.5, 10),), 200, 200, "good.tif").write(tmp_path / "images")
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        start, count = page.dataoffsets[8], page.databytecounts[8]
    content = bytearray(path.read_bytes())
    content[start : start + count] = bytes(count)
    path.write_bytes(content)
    network = BlobPredictor(128)
    cfg = PredictionConfig(tile=128, skip_errors=True)
    summary = predict(network, tmp_path / "images", tmp_path / "out", cfg)
    assert [entry.file_name for entry in summary.left_out] == ["discs.tif"]
    assert "part 8 of its pixels is damaged" in summary.left_out[0].reason
    assert {r["file_name"] for r in records(summary)} == {"good.tif"}
    with pytest.raises(ValueError, match="part 8 of its pixels is damaged"):
        predict(network, tmp_path / "images", tmp_path / "b", PredictionConfig(tile=128))


def test_bands_are_chosen(tmp_path: Path) -> None:
    pixels = np.zeros((200, 200, 5), np.uint8)
    pixels[50:80, 120:150, 4] = 200
    (tmp_path / "images").mkdir()
    tifffile.imwrite(
        tmp_path / "images/a.tif", pixels, photometric="minisblack", planarconfig="contig",
        tile=(64, 64),
    )  # fmt: skip
    for tile in (0, 128):
        cfg = PredictionConfig(tile=tile, bands=(5,), draw_threshold=0.0)
        summary = predict(BlobPredictor(128), tmp_path / "images", tmp_path / str(tile), cfg)
        (record,) = records(summary)
        x, y, width, height = record["bbox"]
        assert abs(x - 120) + abs(y - 50) + abs(width - 30) + abs(height - 30) <= 4


def test_masks_are_exported_of_the_whole_image(tmp_path: Path) -> None:
    summary, _ = run(
        tmp_path, tile=128, overlap=32, format=("coco-rle",), draw_threshold=0.0, no_pictures=True
    )
    (report,) = summary.exports.reports
    assert (report.num_masks, report.mean_iou) == (63, 1.0)

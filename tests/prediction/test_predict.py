from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.evaluation.predictions import evaluate_predictions
from sapnet.geometry.rle import decode_masks, to_rle
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import predict
from sapnet.structures.clicks import Category

WITHOUT_PICTURES = PredictionConfig(no_pictures=True)


@pytest.fixture(scope="module")
def model(tiny_model: ModelConfig) -> Network:
    torch.manual_seed(0)
    return Network(tiny_model, (Category(3, "cup"), Category(7, "cat"), Category(9, "dog")))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images 7.png and 12.png, 40 x 30 and 20 x 50 px."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in (("7.png", (30, 40)), ("12.png", (50, 20))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(folder / name)
    return folder


def _records(path: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(path.read_text())
    return records


def test_predictions_of_a_folder(model: Network, photos: Path, tmp_path: Path) -> None:
    summary = predict(model, photos, tmp_path / "out")
    records = _records(summary.results)
    assert summary.num_images == 2
    assert summary.num_instances == len(records) > 0
    assert {(r["image_id"], r["file_name"]) for r in records} == {(7, "7.png"), (12, "12.png")}
    sizes = {7: [30, 40], 12: [50, 20]}
    known = {category.category_id for category in model.categories}
    for record in records:
        assert record["segmentation"]["size"] == sizes[record["image_id"]]
        assert record["category_id"] in known
        assert 0 <= record["score"] <= 1
        mask = decode_masks([to_rle(record["segmentation"], *sizes[record["image_id"]])])[0]
        rows, columns = np.nonzero(mask)
        x, y, width, height = record["bbox"]
        assert (x, y) == (columns.min(), rows.min())
        assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)


def test_pictures_have_the_size_of_the_images(model: Network, photos: Path, tmp_path: Path) -> None:
    summary = predict(model, photos, tmp_path / "out", PredictionConfig(draw_threshold=0.0))
    assert summary.pictures is not None
    sizes = {path.stem: Image.open(path).size for path in summary.pictures.iterdir()}
    assert sizes == {"7": (40, 30), "12": (20, 50)}


def test_results_do_not_depend_on_the_workers(model: Network, photos: Path, tmp_path: Path) -> None:
    for copy in range(5):
        pixels = np.random.default_rng(copy).integers(0, 256, (30, 30 + copy, 3), np.uint8)
        Image.fromarray(pixels).save(photos / f"{100 + copy}.png")
    one = predict(model, photos, tmp_path / "one", PredictionConfig(workers=1))
    many = predict(model, photos, tmp_path / "many", PredictionConfig(workers=6))
    assert _records(one.results) == _records(many.results)
    assert one.pictures is not None
    assert many.pictures is not None
    for path in one.pictures.iterdir():
        assert (many.pictures / path.name).read_bytes() == path.read_bytes()


def test_without_pictures(model: Network, photos: Path, tmp_path: Path) -> None:
    summary = predict(model, photos, tmp_path / "out", WITHOUT_PICTURES)
    assert summary.pictures is None
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"results.json", "origin.json", ".sapnet-files"}


def test_ids_are_places_where_names_are_no_numbers(
    model: Network, photos: Path, tmp_path: Path
) -> None:
    (photos / "12.png").rename(photos / "cat.png")
    records = _records(predict(model, photos, tmp_path / "out", WITHOUT_PICTURES).results)
    assert {(r["image_id"], r["file_name"]) for r in records} == {(1, "7.png"), (2, "cat.png")}


def test_equal_names_in_two_folders_give_two_pictures(
    model: Network, photos: Path, tmp_path: Path
) -> None:
    (photos / "b").mkdir()
    (photos / "12.png").rename(photos / "b" / "7.png")
    summary = predict(model, photos, tmp_path / "out")
    assert summary.pictures is not None
    assert len(list(summary.pictures.iterdir())) == 2


def test_threshold_leaves_records_out(model: Network, photos: Path, tmp_path: Path) -> None:
    everything = _records(predict(model, photos, tmp_path / "a", WITHOUT_PICTURES).results)
    middle = sorted(r["score"] for r in everything)[len(everything) // 2]
    summary = predict(
        model, photos, tmp_path / "b", PredictionConfig(score_threshold=middle, no_pictures=True)
    )
    assert _records(summary.results) == [r for r in everything if r["score"] >= middle]


def test_folder_without_images(model: Network, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: expected images \(.*found none"):
        predict(model, tmp_path / "empty", tmp_path / "out")


def test_results_find_their_images_by_name(model: Network, photos: Path, tmp_path: Path) -> None:
    """The truth numbers the images otherwise than predict can know."""
    (photos / "12.png").rename(photos / "cat.png")
    results = predict(model, photos, tmp_path / "out", WITHOUT_PICTURES).results
    best: dict[str, Any] = {}
    for record in _records(results):
        best.setdefault(record["file_name"], record)
    names = {100: "val/cat.png", 200: "val/7.png"}
    truth = {
        "images": [
            {"id": 100, "file_name": names[100], "width": 20, "height": 50},
            {"id": 200, "file_name": names[200], "width": 40, "height": 30},
        ],
        "categories": [{"id": c.category_id, "name": c.name} for c in model.categories],
        "annotations": [
            {
                "id": image_id,
                "image_id": image_id,
                "iscrowd": 0,
                "area": 100,
                **{key: best[Path(name).name][key] for key in ("category_id", "segmentation")},
                "bbox": best[Path(name).name]["bbox"],
            }
            for image_id, name in names.items()
        ],
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth))
    assert evaluate_predictions(results, path)["mask_ar_100"] == pytest.approx(1)


def test_batches_give_the_same_instances(model: Network, photos: Path, tmp_path: Path) -> None:
    for copy in range(4):
        pixels = np.random.default_rng(copy).integers(0, 256, (30, 40), np.uint8)
        Image.fromarray(pixels).save(photos / f"{100 + copy}.png")
    one = _records(predict(model, photos, tmp_path / "one", WITHOUT_PICTURES).results)
    cfg = PredictionConfig(no_pictures=True, batch_size=3)
    three = _records(predict(model, photos, tmp_path / "three", cfg).results)
    assert [r["file_name"] for r in three] == [r["file_name"] for r in one]
    assert [r["category_id"] for r in three] == [r["category_id"] for r in one]
    np.testing.assert_allclose([r["score"] for r in three], [r["score"] for r in one], rtol=1e-4)


def test_other_formats_hold_what_is_drawn(model: Network, photos: Path, tmp_path: Path) -> None:
    scores = sorted(r["score"] for r in _records(predict(model, photos, tmp_path / "a").results))
    cfg = PredictionConfig(
        draw_threshold=scores[-3], format=("coco-rle", "labelme"), no_pictures=True
    )
    summary = predict(model, photos, tmp_path / "b", cfg)
    assert summary.num_instances == len(scores)
    assert [report.num_masks for report in summary.exports.reports] == [3, 3]
    written = json.loads((tmp_path / "b" / "masks-coco-rle.json").read_text())
    assert len(written["annotations"]) == 3
    assert (tmp_path / "b" / "masks-labelme").is_dir()


def test_an_unknown_format_is_refused_before_the_work(
    model: Network, photos: Path, tmp_path: Path
) -> None:
    cfg = PredictionConfig(format=("label-me",))
    with pytest.raises(ValueError, match=r"found 'label-me'; did you mean 'labelme'\?"):
        predict(model, photos, tmp_path / "out", cfg)
    assert not (tmp_path / "out").exists()


def test_a_network_without_segmenter_is_refused(
    tiny_model: ModelConfig, photos: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    alone = Network(replace(tiny_model, segmenter=False), (Category(1, "cup"),))
    with pytest.raises(ValueError, match=r"model\.segmenter false: .* cannot segment"):
        predict(alone, photos, tmp_path / "out")

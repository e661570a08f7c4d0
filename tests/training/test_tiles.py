"""From clicks of a large image to a network and labels: all in windows, results of the whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from discs import BlobProposer, Discs

from sapnet.batches.parts import parts_of
from sapnet.cli import main
from sapnet.data.coco_json import frame_records
from sapnet.data.tiles.grid import Parts
from sapnet.data.tiles.instances import tile_instances
from sapnet.geometry.rle import rle_areas
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label
from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import predict
from sapnet.proposals.config import RunConfig
from sapnet.proposals.propose import propose_dataset
from sapnet.store.reader import ProposalStore
from sapnet.training.config import TrainConfig
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

DISCS = Discs(
    tuple((25.5 + 40 * column, 25.5 + 40 * row, 10) for row in range(4) for column in range(5)),
    height=170,
    width=220,
)
PARTS = Parts.of(128, 32)


def write_truth(path: Path) -> Path:
    truth = DISCS.truth()
    annotations = [
        {"id": i.annotation_id, "image_id": 3, "category_id": 1, "segmentation": i.segmentation}
        for i in truth.instances
    ]
    content = {**frame_records(truth.images, truth.categories), "annotations": annotations}
    path.write_text(json.dumps(content))
    return path


def test_all_steps_in_windows(
    tiny_model: ModelConfig, tiny_training: TrainConfig, tmp_path: Path
) -> None:
    images = DISCS.write(tmp_path / "images").parent
    truth = write_truth(tmp_path / "truth.json")
    run = RunConfig(parts=PARTS)
    propose_dataset(images, DISCS.clicks(), tmp_path / "store", BlobProposer(), run)
    inputs = TrainInputs(
        images, tmp_path / "run", tmp_path / "store", truth=truth, val_images=images,
        val_truth=truth,
    )  # fmt: skip
    cfg = replace(tiny_training, epochs=1)
    summary = train(inputs, tiny_model, cfg)
    assert "val_mask_ap" in summary.figures

    model = load_model(tmp_path / "run", "cpu")
    assert parts_of(model.settings.augment) == PARTS
    settings = LabelConfig(workers=0)
    made = label(model, images, tmp_path / "store", tmp_path / "labels.json", settings)
    assert (made.num_images, made.num_objects) == (1, 20)
    labels = json.loads((tmp_path / "labels.json").read_text())
    assert [image["file_name"] for image in labels["images"]] == ["discs.tif"]
    assert {a["id"] for a in labels["annotations"]} == set(range(1, 21))
    assert all(a["segmentation"]["size"] == [170, 220] for a in labels["annotations"])

    found = predict(model, images, tmp_path / "out", PredictionConfig(no_pictures=True))
    records = json.loads(found.results.read_text())
    assert all(record["segmentation"]["size"] == [170, 220] for record in records)

    words = ["predict", "--run", tmp_path / "run", "--images", images, "--device", "cpu"]
    for name, further in (("plain", []), ("chosen", ["--tile", 96, "--bands", "[3,2,1]"])):
        out = tmp_path / name
        assert main([str(word) for word in [*words, "--out", out, *further]]) == 0
        assert (out / "pictures/discs.jpg").is_file()

    with pytest.raises(ValueError, match="--tile: expected 128"):
        train(replace(inputs, out=tmp_path / "other"), tiny_model, replace(cfg, tile=64))


def test_masks_are_cut_into_windows(
    tiny_model: ModelConfig, tiny_training: TrainConfig, tmp_path: Path
) -> None:
    images = DISCS.write(tmp_path / "images").parent
    inputs = TrainInputs(images, tmp_path / "run", masks=write_truth(tmp_path / "truth.json"))
    cfg = replace(tiny_training, epochs=1, supervision="masks", tile=128, overlap=32)
    train(inputs, tiny_model, cfg)
    assert parts_of(load_model(tmp_path / "run", "cpu").settings.augment) == PARTS


def test_windows_show_all_of_the_truth() -> None:
    truth = DISCS.truth()
    tiled = tile_instances(truth, PARTS)
    assert len(tiled.images) == 4
    ids = [instance.annotation_id for instance in tiled.instances]
    assert len(set(ids)) == len(ids)
    full = {int(area) for area in rle_areas([i.rle() for i in truth.instances])}
    crowds = [instance for instance in tiled.instances if instance.is_crowd]
    whole = [i for i in tiled.instances if not i.is_crowd]
    assert sum(int(rle_areas([i.rle()])[0]) in full for i in whole) >= 20
    for instance in crowds:
        assert int(rle_areas([instance.rle()])[0]) < 0.25 * max(full)
    assert tile_instances(truth, Parts()) is truth


def test_the_store_names_the_windows(tmp_path: Path) -> None:
    images = DISCS.write(tmp_path / "images").parent
    run = RunConfig(parts=PARTS)
    propose_dataset(images, DISCS.clicks(), tmp_path / "store", BlobProposer(), run)
    assert ProposalStore(tmp_path / "store").manifest.settings["tile"] == 128

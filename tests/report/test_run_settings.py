import json
from dataclasses import asdict
from pathlib import Path

import pytest

from sapnet.network.config import ModelConfig
from sapnet.report.run_settings import flatten, read_settings
from sapnet.training.config import TrainConfig
from sapnet.training.run_folder import read_run_json


def test_what_differs_from_the_defaults(tmp_path: Path) -> None:
    content = {
        "files": {"images": "/photos"},
        "model": asdict(ModelConfig(backbone="resnet18")),
        "train": asdict(TrainConfig(epochs=3)),
    }
    (tmp_path / "settings.json").write_text(json.dumps(content))

    found = read_settings(tmp_path)

    assert found.changed == {
        "epochs": "3 (default: 12)",
        "model.backbone": "resnet18 (default: resnet50)",
    }
    assert found.facts == {
        "images": "/photos",
        "finished": "no; the same `sapnet train` continues it",
    }
    assert found.all["optimizer.momentum"] == "0.9"
    assert found.all["model.frozen_stages"] == "null"
    assert found.all["model.augment.short_sides"].startswith("[640, 672")


def test_a_finished_run(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"epochs": 7, "figures": {}}))
    assert read_settings(tmp_path).facts == {"finished": "after 7 epochs"}


def test_a_model_from_elsewhere_has_no_settings(tmp_path: Path) -> None:
    found = read_settings(tmp_path)
    assert (found.facts, found.changed, found.all) == ({}, {}, {})


def test_damaged(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{")
    with pytest.raises(ValueError, match=r"settings\.json: expected json"):
        read_settings(tmp_path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="expected an object, found a list"):
        read_run_json(tmp_path, "settings.json")


def test_flatten() -> None:
    assert flatten({"a": 1, "b": {"c": [2], "d": {"e": None}}}) == {
        "a": 1,
        "b.c": [2],
        "b.d.e": None,
    }

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from sapnet.cli import main
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.network.config import ModelConfig
from sapnet.training.config import TrainConfig
from sapnet.training.inputs import TrainInputs, describe_run
from sapnet.training.run_folder import FREE_TO_CHANGE
from tests.conftest import TinySet


def test_a_run_is_described_by_its_files_and_settings(tmp_path: Path) -> None:
    inputs = TrainInputs(tmp_path / "images", tmp_path / "run", proposals="s3://bucket/store/")
    described = describe_run(inputs, ModelConfig(), TrainConfig(epochs=3))
    assert described["files"] == {
        "images": str((tmp_path / "images").resolve()),
        "proposals": "s3://bucket/store",
    }
    assert described["train"]["epochs"] == 3
    assert not set(FREE_TO_CHANGE) & described["train"].keys()
    assert json.loads(json.dumps(described))["model"]["backbone"] == "resnet50"


def test_corrections_count_by_their_content(tmp_path: Path) -> None:
    file = tmp_path / "corrections.json"
    inputs = TrainInputs(tmp_path, tmp_path / "run", corrections=file)
    described = []
    for text in ("a", "b", "a"):
        file.write_text(text)
        described.append(describe_run(inputs, ModelConfig(), TrainConfig())["files"])
    assert described[0] == described[2] != described[1]


def test_clicks_and_masks_count_by_their_content(tmp_path: Path, tiny_set: TinySet) -> None:
    """A store that was brought up to date, or other masks, are not what the run was begun with."""
    store = tmp_path / "store"
    shutil.copytree(tiny_set.store, store)
    inputs = TrainInputs(tiny_set.images, tmp_path / "run", proposals=store)
    first = describe_run(inputs, ModelConfig(), TrainConfig())["contents"]
    clicks = load_clicks(tiny_set.clicks)
    fewer = save_clicks(tmp_path / "clicks.json", replace(clicks, clicks=clicks.clicks[1:]))
    words = ("--proposer", "simulated", "--file", tiny_set.parts, "--workers", 1)
    data = ("--images", tiny_set.images, "--clicks", fewer, "--out", store)
    assert main([str(word) for word in ("propose", *data, *words)]) == 0
    second = describe_run(inputs, ModelConfig(), TrainConfig())["contents"]
    assert first["clicks"] != second["clicks"]
    masks = tmp_path / "masks.json"
    described = []
    for text in ("a", "b", "a"):
        masks.write_text(text)
        inputs = TrainInputs(tiny_set.images, tmp_path / "run", masks=masks)
        described.append(describe_run(inputs, ModelConfig(), TrainConfig())["contents"])
    assert described[0] == described[2] != described[1]

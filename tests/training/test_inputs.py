from __future__ import annotations

import json
from pathlib import Path

from sapnet.network.config import ModelConfig
from sapnet.training.config import TrainConfig
from sapnet.training.inputs import TrainInputs, describe_run
from sapnet.training.run_folder import FREE_TO_CHANGE


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

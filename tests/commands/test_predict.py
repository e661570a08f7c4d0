from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.cli import main
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.structures.clicks import Category


@pytest.fixture
def run(tiny_model: ModelConfig, tmp_path: Path) -> Path:
    Network(tiny_model, (Category(1, "cup"), Category(2, "cat"))).save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def test_batches(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for name in ("1.png", "2.png", "3.png"):
        pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    images = [str(tmp_path / name) for name in ("1.png", "2.png", "3.png")]
    words = ["predict", "--run", str(run), "--device", "cpu", "--no-pictures", "--images", *images]
    assert main([*words, "--out", str(tmp_path / "out"), "--batch-size", "2"]) == 0
    records = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [r["image_id"] for r in records] == sorted(r["image_id"] for r in records)
    assert {r["file_name"] for r in records} == {"1.png", "2.png", "3.png"}
    assert f"{len(records)} instances on 3 images: " in capsys.readouterr().out
    assert main([*words, "--out", str(tmp_path / "no"), "--batch-size", "0"]) == 2
    assert "batch_size: expected at least 1, found 0" in capsys.readouterr().err

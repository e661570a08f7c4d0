"""The network and its card go to the hub, and nothing else of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from huggingface_hub import HfApi

from sapnet.cli import main
from sapnet.network.model import Network
from sapnet.structures.clicks import Category

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig


@pytest.fixture
def run(tiny_model: ModelConfig, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    Network(tiny_model, (Category(1, "car"), Category(2, "bus"))).save_pretrained(folder)
    (folder / "metrics.json").write_text(json.dumps({"mask_ap": 0.25, "mask_ap75": None}))
    (folder / "labels.json").write_text("{}")
    return folder


def test_a_push(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[Any] = []
    uploaded: dict[str, str] = {}

    def upload(_: HfApi, *, repo_id: str, folder_path: str, **__: object) -> None:
        made.append(repo_id)
        for path in Path(folder_path).iterdir():
            uploaded[path.name] = "" if path.suffix == ".safetensors" else path.read_text("utf-8")

    monkeypatch.setattr(HfApi, "create_repo", lambda *_, **options: made.append(options))
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    words = ["push", "--run", str(run), "--to", "me/cars", "--licence", "mit", "--private"]
    assert main([*words, "--data", "my photographs", "--data-licence", "CC0"]) == 0
    assert made == [{"private": True, "exist_ok": True}, "me/cars"]
    assert sorted(uploaded) == ["README.md", "config.json", "model.safetensors"]
    _, header, text = uploaded["README.md"].split("---\n", 2)
    assert yaml.safe_load(header)["license"] == "mit"
    for part in ("car, bus", "| mask AP, held-out images | 0.250 |", "my photographs", "CC0"):
        assert part in text
    assert "AP75" not in text
    assert "--run me/cars" in capsys.readouterr().out


def test_a_card_alone(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HfApi, "create_repo", lambda *_, **__: pytest.fail("the hub was asked"))
    (run / "metrics.json").unlink()
    card = tmp_path / "card.md"
    assert main(["push", "--run", str(run), "--to", "me/cars", "--card", str(card)]) == 0
    text = card.read_text("utf-8")
    assert "No figures were measured." in text
    assert "Licence of these weights: not stated." in text
    assert "license:" not in text


def test_what_cannot_be_pushed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("401 unauthorized")

    monkeypatch.setattr(HfApi, "create_repo", refuse)
    assert main(["push", "--run", str(run), "--to", "me/cars"]) == 1
    assert "the hub did not take it (401 unauthorized). Log in" in capsys.readouterr().err
    assert main(["push", "--run", str(run), "--to", "cars"]) == 1
    assert "--to: expected USER/NAME, found 'cars'" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["push", "--run", str(tmp_path / "empty"), "--to", "me/cars"]) == 1
    assert "no trained network here" in capsys.readouterr().err

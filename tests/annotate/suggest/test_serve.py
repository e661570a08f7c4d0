"""`annotate --run`: the run's classes, its suggestions over HTTP, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from sapnet.annotate.click.routes import click_routes
from sapnet.annotate.click.serve import open_workspace
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.server import build_app
from sapnet.annotate.suggest.run_files import local_name, open_run
from sapnet.annotate.suggest.serve import suggesting
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.structures.clicks import Category

testclient = pytest.importorskip("fastapi.testclient", reason="the page needs the extra `ui`")


@pytest.fixture
def run(tmp_path: Path, tiny_model: ModelConfig) -> Path:
    torch.manual_seed(0)
    Network(tiny_model, (Category(1, "cup"), Category(5, "car"))).save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def test_the_page_has_the_classes_of_the_run_and_looks(
    run: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (64, 48)).save(images / "a.png")
    cfg = AnnotateConfig(images, ("car",), run=str(run), proposer="none", device="cpu")
    opened = open_run(str(run))
    workspace = open_workspace(cfg, opened)
    assert [category.name for category in workspace.file.categories] == ["car", "cup"]
    with suggesting(cfg, workspace, opened) as (desk, routes):
        app = build_app(workspace, [click_routes(workspace, desk), routes])
        with testclient.TestClient(app, base_url="http://localhost") as client:
            assert client.get("/api/session").json()["run"] == str(run)
            state = wait_for(
                lambda: (s := client.get("/api/suggest").json())["looked"] and s, "the image", 120
            )
            assert state == {"looked": 1, "total": 1, "message": ""}
            answer = client.get("/api/suggest/image", params={"image": "a.png"}).json()
            assert answer["ready"]
            assert client.get("/api/suggest/image", params={"image": "b"}).status_code == 404
            following = {"image": "", "kind": "teach"}
            assert client.get("/api/suggest/next", params=following).json() == {"image": "a.png"}
            body = {"version": None, "objects": [], "done": True, "dismissed": [0]}
            put = client.put("/api/document", params={"image": "a.png"}, json=body)
            assert put.status_code == 200
            assert client.get("/api/suggest/next", params=following).json() == {"image": None}
    assert (images / "clicks-seen.jsonl").is_file()


def test_runs_that_cannot_suggest_are_refused(
    run: Path, tmp_path: Path, tiny_model: ModelConfig
) -> None:
    assert open_run(str(run)).classes == ("cup", "car")
    with pytest.raises(FileNotFoundError, match="no trained network here"):
        open_run(str(tmp_path))
    choosing = replace(tiny_model, segmenter=False)
    Network(choosing, (Category(1, "cup"),)).save_pretrained(tmp_path / "choosing")
    with pytest.raises(ValueError, match="expected a run with a segmenter"):
        open_run(str(tmp_path / "choosing"))
    config = run / "config.json"
    for content in ("{", "[]", json.dumps({"categories": 7})):
        config.write_text(content)
        with pytest.raises(ValueError, match="is damaged"):
            open_run(str(run))
    with pytest.raises(ValueError, match="min_score"):
        AnnotateConfig(tmp_path, min_score=1.5)


def test_other_weights_have_another_digest(run: Path) -> None:
    before = open_run(str(run)).weights
    (run / "model.safetensors").write_bytes(b"other")
    assert open_run(str(run)).weights != before


def test_a_folder_is_found_from_elsewhere(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    assert local_name("run") == str(run.resolve())
    assert local_name("user/name") == "user/name"

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from sapnet.annotate.click.serve import open_workspace
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.documents import Document
from sapnet.annotate.teach.record import Lesson, open_taught
from sapnet.annotate.teach.serve import open_teacher
from sapnet.proposals.click.weights import load_weights, save_weights
from sapnet.structures.clicks import Click

FIGURES = {"favourite": 0.5, "best": 0.6}


def settings(folder: Path, **more: object) -> AnnotateConfig:
    return AnnotateConfig(folder, ("person",), teach=True, skip_errors=True, **more)  # type: ignore[arg-type]


def learned(folder: Path, weights: Path) -> Path:
    """Leave what a lesson of an earlier session leaves."""
    taught = open_taught(folder / "clicks.json", str(weights))
    path = taught.path / "1.safetensors"
    network = load_weights(weights)
    network.decoder.to_masks.bias.data += 1
    save_weights(path, network, {})
    taught.add(Lesson(10, "1.safetensors", None, FIGURES, FIGURES))
    return path


def test_a_session_goes_on_with_what_was_taught_and_undoes_it(
    folder: Path, click_weights: Path
) -> None:
    cfg = settings(folder, checkpoint=str(click_weights))
    workspace = open_workspace(cfg)
    assert not open_teacher(cfg, workspace).can_undo
    assert workspace.file.proposer == ("click", str(click_weights))
    path = learned(folder, click_weights)
    workspace = open_workspace(cfg)
    teacher = open_teacher(cfg, workspace)
    assert teacher.can_undo
    assert workspace.file.proposer == ("click", str(path))
    teacher.undo()
    assert workspace.file.proposer == ("click", str(click_weights))


def test_a_later_session_knows_what_was_begun_with(folder: Path, click_weights: Path) -> None:
    cfg = settings(folder, checkpoint=str(click_weights))
    file = open_workspace(cfg).file
    file.replace("a.png", Document((Click(0, 0, 1, ((5.0, 6.0),)),)), None)
    workspace = open_workspace(settings(folder))
    open_teacher(settings(folder), workspace)
    assert workspace.file.proposer == ("click", str(click_weights))


def test_other_proposers_cannot_be_taught(folder: Path) -> None:
    cfg = settings(folder, proposer="regions")
    with pytest.raises(ValueError, match="expected the proposer click, found regions"):
        open_teacher(cfg, open_workspace(cfg))


def test_the_page_is_told_and_can_undo(folder: Path, click_weights: Path) -> None:
    from fastapi.testclient import TestClient

    from sapnet.annotate.click.routes import click_routes
    from sapnet.annotate.server import build_app
    from sapnet.annotate.teach.routes import teach_routes

    cfg = settings(folder, checkpoint=str(click_weights))
    learned(folder, click_weights)
    workspace = open_workspace(cfg)
    routers = [click_routes(workspace), teach_routes(open_teacher(cfg, workspace))]
    client = TestClient(build_app(workspace, routers), base_url="http://localhost")
    assert client.get("/api/session").json()["teach"] is False
    state = client.get("/api/teach").json()
    assert state == {"message": "", "needed": 10, "busy": False, "can_undo": True}
    assert client.post("/api/teach/undo").json()["can_undo"] is False
    again = client.post("/api/teach/undo")
    assert again.status_code == 422
    assert "nothing to undo" in again.json()["detail"]


def test_a_lesson_sees_images_as_the_page_shows_them(folder: Path, click_weights: Path) -> None:
    from PIL import Image

    cfg = settings(folder, checkpoint=str(click_weights))
    assert open_teacher(cfg, open_workspace(cfg)).plan.words == ()
    Image.new("I;16", (30, 20), 4000).save(folder / "deep.png")
    assert open_teacher(cfg, open_workspace(cfg)).plan.words == ("--bits", "12")

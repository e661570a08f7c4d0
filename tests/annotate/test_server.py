import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from fastapi.testclient import TestClient
from PIL import Image

from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.annotate.server import STATIC
from sapnet.proposals.regions.proposer import RegionProposer
from tests.annotate.pages import app_of

NAME = "süd/bäume 1.jpg"
OBJECT = {"category_id": 1, "points": [[3.5, 4.5]]}


@pytest.fixture
def client(folder: Path, open_folder: Callable[..., Any]) -> TestClient:
    return TestClient(app_of(open_folder(folder)), base_url="http://127.0.0.1")


def test_the_page_and_all_its_parts_are_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for path in STATIC.glob("*/*"):
        answer = client.get(f"/static/{path.relative_to(STATIC).as_posix()}")
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "no-cache"
    script = client.get("/static/click/app.js").headers["content-type"]
    assert script.startswith("text/javascript")


def test_the_session_lists_images_and_classes(client: TestClient) -> None:
    session = client.get("/api/session").json()
    assert session["mode"] == "annotate"
    assert [entry["name"] for entry in session["categories"]] == ["person", "car", "dog"]
    listed = {image["name"]: image for image in session["images"]}
    assert set(listed) == {"a.png", "broken.jpg", NAME}
    assert (listed[NAME]["width"], listed[NAME]["height"], listed[NAME]["levels"]) == (100, 60, 1)
    assert "cannot be read" in listed["broken.jpg"]["problem"]


@pytest.mark.parametrize(
    "name",
    ["../clicks.json", "../../etc/passwd", "/etc/passwd", "süd/../a.png", "süd", "", "x.png"],
)
@pytest.mark.parametrize("path", ["document", "tile", "thumbnail"])
def test_only_listed_images_are_reached(client: TestClient, name: str, path: str) -> None:
    query = {"image": name, "level": 0, "column": 0, "row": 0}
    assert client.get(f"/api/{path}", params=query).status_code == 404
    assert client.get("/static/../server.py").status_code == 404
    assert client.get("/static/%2e%2e/server.py").status_code == 404


def test_tiles_are_pictures(client: TestClient) -> None:
    query = {"image": NAME, "level": 0, "column": 0, "row": 0}
    answer = client.get("/api/tile", params=query)
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (100, 60)
    assert client.get("/api/tile", params={**query, "column": 1}).status_code == 404
    thumbnail = client.get("/api/thumbnail", params={"image": NAME})
    assert Image.open(io.BytesIO(thumbnail.content)).size == (100, 60)


def test_an_image_that_is_cut_off_is_told_and_kept(
    client: TestClient, folder: Path, open_folder: Callable[..., Any]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:1500])
    client = TestClient(app_of(open_folder(folder)), base_url="http://127.0.0.1")
    query = {"image": "cut.jpg", "level": 0, "column": 0, "row": 0}
    answer = client.get("/api/tile", params=query)
    assert answer.status_code == 422
    assert "cut.jpg: cannot be read" in answer.json()["detail"]
    listed = {image["name"]: image for image in client.get("/api/session").json()["images"]}
    assert "cannot be read" in listed["cut.jpg"]["problem"]


def test_previews(folder: Path, open_folder: Callable[..., Any]) -> None:
    with ThreadPoolExecutor(1) as executor:
        workspace = open_folder(folder, PreviewWorker(RegionProposer(), executor))
        client = TestClient(app_of(workspace), base_url="http://127.0.0.1")
        assert client.get("/api/session").json()["proposer"] == "regions"
        query = {"image": "a.png", "client": "tab"}
        assert client.post("/api/prepare", params=query).status_code == 202
        body = {"client": "tab", "objects": [{**OBJECT, "points": [[24, 18]]}], "selected": 0}
        answer = client.post("/api/preview", params={"image": "a.png"}, json=body).json()
        assert answer["stale"] is False
        assert 1 <= len(answer["candidates"]) <= 8
        assert answer["candidates"][0]["mask"]["size"] == [48, 64]
        scores = [entry["score"] for entry in answer["candidates"]]
        assert scores == sorted(scores, reverse=True)
        refused = client.post(
            "/api/preview", params={"image": "a.png"}, json={**body, "selected": 1}
        )
        assert refused.status_code == 422


def test_without_a_proposer_there_are_no_previews(client: TestClient) -> None:
    assert client.get("/api/session").json()["proposer"] is None
    body = {"client": "tab", "objects": [OBJECT], "selected": 0}
    answer = client.post("/api/preview", params={"image": NAME}, json=body)
    assert answer.status_code == 422

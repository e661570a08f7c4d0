import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image

from sapnet.annotate.preview import PreviewWorker
from sapnet.annotate.server import STATIC, build_app
from sapnet.data.clicks import load_clicks
from sapnet.proposals.regions.proposer import RegionProposer

NAME = "süd/bäume 1.jpg"
OBJECT = {"category_id": 1, "points": [[3.5, 4.5]]}


@pytest.fixture
def client(folder: Path, open_folder: Callable[..., Any]) -> TestClient:
    return TestClient(build_app(open_folder(folder)), base_url="http://127.0.0.1")


def put(
    client: TestClient, name: str, objects: list, version: str | None, *, done: bool = False
) -> Response:
    body = {"version": version, "objects": objects, "done": done}
    return client.put("/api/document", params={"image": name}, json=body)


def get(client: TestClient, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/document", params={"image": name}).json()
    return found


def test_the_page_and_all_its_parts_are_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for path in STATIC.iterdir():
        answer = client.get(f"/static/{path.name}")
        assert answer.status_code == 200, path.name
        assert answer.headers["cache-control"] == "no-cache"
    script = client.get("/static/app.js").headers["content-type"]
    assert script.startswith("text/javascript")


def test_the_session_lists_images_and_classes(client: TestClient) -> None:
    session = client.get("/api/session").json()
    assert session["mode"] == "annotate"
    assert [entry["name"] for entry in session["categories"]] == ["person", "car", "dog"]
    listed = {image["name"]: image for image in session["images"]}
    assert set(listed) == {"a.png", "broken.jpg", NAME}
    assert (listed[NAME]["width"], listed[NAME]["height"], listed[NAME]["levels"]) == (100, 60, 1)
    assert "cannot be read" in listed["broken.jpg"]["problem"]


def test_a_change_is_saved_and_counted(client: TestClient, folder: Path) -> None:
    before = get(client, NAME)
    assert before["objects"] == []
    answer = put(client, NAME, [OBJECT, {**OBJECT, "category_id": 2}], before["version"]).json()
    assert answer["ids"] == [1, 2]
    after = get(client, NAME)
    assert after["version"] == answer["version"]
    assert [entry["id"] for entry in after["objects"]] == [1, 2]
    assert len(load_clicks(folder.parent / "clicks.json").clicks) == 2
    listed = {image["name"]: image for image in client.get("/api/session").json()["images"]}
    assert listed[NAME]["objects"] == 2
    put(client, NAME, after["objects"], after["version"], done=True)
    assert get(client, NAME)["done"] is True


def test_an_old_version_is_a_conflict_with_the_current_document(client: TestClient) -> None:
    version = get(client, NAME)["version"]
    put(client, NAME, [OBJECT], version)
    answer = put(client, NAME, [], version)
    assert answer.status_code == 409
    assert "changed meanwhile" in answer.json()["detail"]
    assert answer.json()["document"] == get(client, NAME)
    assert len(get(client, NAME)["objects"]) == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"category_id": 1, "points": []},
        {"category_id": 1, "points": [[1]]},
        {"category_id": 77, "points": [[1, 1]]},
        {"category_id": 1, "points": [[100, 1]]},
        {"category_id": 1, "points": [[1, 1]], "mask": {"size": [60, 100], "counts": "\u00e9"}},
    ],
)
def test_malformed_objects_are_refused_and_change_nothing(client: TestClient, entry: dict) -> None:
    version = get(client, NAME)["version"]
    answer = put(client, NAME, [OBJECT, entry], version)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert get(client, NAME)["version"] == version


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
    client = TestClient(build_app(open_folder(folder)), base_url="http://127.0.0.1")
    query = {"image": "cut.jpg", "level": 0, "column": 0, "row": 0}
    answer = client.get("/api/tile", params=query)
    assert answer.status_code == 422
    assert "cut.jpg: cannot be read" in answer.json()["detail"]
    listed = {image["name"]: image for image in client.get("/api/session").json()["images"]}
    assert "cannot be read" in listed["cut.jpg"]["problem"]


def test_a_disk_that_refuses_is_told(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sapnet.annotate import documents

    def refuse(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(documents, "write_json_atomic", refuse)
    answer = put(client, NAME, [OBJECT], None)
    assert answer.status_code == 500
    assert answer.json()["detail"] == "No space left on device"
    assert get(client, NAME)["objects"] == []
    assert not (folder.parent / "clicks.json").exists()


def test_previews(folder: Path, open_folder: Callable[..., Any]) -> None:
    with ThreadPoolExecutor(1) as executor:
        workspace = open_folder(folder, PreviewWorker(RegionProposer(), executor))
        client = TestClient(build_app(workspace), base_url="http://127.0.0.1")
        assert client.get("/api/session").json()["proposer"] == "regions"
        query = {"image": "a.png", "client": "tab"}
        assert client.post("/api/prepare", params=query).status_code == 204
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

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from fastapi.testclient import TestClient
from httpx2 import Response

from sapnet.data.clicks import load_clicks
from tests.annotate.pages import app_of

NAME = "süd/bäume 1.jpg"
OBJECT = {"category_id": 1, "points": [[3.5, 4.5]]}


@pytest.fixture
def client(folder: Path, open_folder: Callable[..., Any]) -> TestClient:
    return TestClient(app_of(open_folder(folder)), base_url="http://127.0.0.1")


def put(
    client: TestClient, name: str, objects: list, version: str | None, *, done: bool = False
) -> Response:
    body = {"version": version, "objects": objects, "done": done}
    return client.put("/api/document", params={"image": name}, json=body)


def get(client: TestClient, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/document", params={"image": name}).json()
    return found


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


def test_a_disk_that_refuses_is_told(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sapnet.annotate.click import click_file

    def refuse(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(click_file, "write_json_atomic", refuse)
    answer = put(client, NAME, [OBJECT], None)
    assert answer.status_code == 500
    assert answer.json()["detail"] == "No space left on device"
    assert get(client, NAME)["objects"] == []
    assert not (folder.parent / "clicks.json").exists()

"""Requests that no page sends: none is served, none costs much, and the server goes on."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from fastapi.testclient import TestClient
from PIL import Image

from sapnet.annotate.bodies import MAX_VALUES, BoundedBodies
from sapnet.annotate.click.routes import click_routes
from sapnet.annotate.guard import new_token
from sapnet.annotate.serve import is_local, page_address
from sapnet.annotate.server import build_app
from tests.annotate.pages import app_of

OpenFolder = Callable[..., Any]

OBJECT = {"category_id": 1, "points": [[3.5, 4.5]]}
FULL = {"size": [48, 64], "counts": "PP3"}

OUTSIDE = [
    "../secret.png",
    "..%2fsecret.png",
    "..%252fsecret.png",
    "%2e%2e/secret.png",
    "..\\secret.png",
    "..%5csecret.png",
    "....//secret.png",
    "/etc/passwd",
    "file:///etc/passwd",
    "a.png/../../secret.png",
    "a.png%00.jpg",
    "%c0%ae%c0%ae/secret.png",
    "\uff0e\uff0e/secret.png",
    "",
    ".",
    "..",
    "a" * 5_000,
]


@pytest.fixture
def client(folder: Path, open_folder: OpenFolder) -> TestClient:
    (folder.parent / "secret.png").write_bytes((folder / "a.png").read_bytes())
    app = app_of(open_folder(folder))
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.mark.parametrize("name", OUTSIDE, ids=range(len(OUTSIDE)))
def test_nothing_outside_is_reached(client: TestClient, name: str) -> None:
    for path in ("document?", "thumbnail?", "tile?level=0&column=0&row=0&"):
        answer = client.get(f"/api/{path}image={name}")
        assert answer.status_code in (404, 422), (path, answer.text[:200])
    answer = client.get(f"/static/{name}")
    assert answer.status_code in (200, 404, 405, 422), answer.text[:200]
    assert "root:" not in answer.text
    assert not answer.content.startswith(b"\x89PNG")


WRONG_OBJECTS: dict[str, dict[str, Any]] = {
    "point outside": {**OBJECT, "points": [[64, 4]]},
    "point NaN": {**OBJECT, "points": [[float("nan"), 4]]},
    "point infinite": {**OBJECT, "points": [[float("inf"), 4]]},
    "no point": {**OBJECT, "points": []},
    "points of three": {**OBJECT, "points": [[1, 2, 3]]},
    "text": {**OBJECT, "points": "text"},
    "category unknown": {**OBJECT, "category_id": 99},
    "category huge": {**OBJECT, "category_id": 10**30},
    "id huge": {**OBJECT, "id": 2**63},
    "id negative": {**OBJECT, "id": -1},
    "box NaN": {**OBJECT, "box": [float("nan"), 1, 5, 5]},
    "box infinite": {**OBJECT, "box": [1, 1, float("inf"), 5]},
    "box turned round": {**OBJECT, "box": [9, 9, 2, 2]},
    "box without area": {**OBJECT, "box": [2, 2, 2, 9]},
    "box outside": {**OBJECT, "box": [2, 2, 70, 9]},
    "box negative": {**OBJECT, "box": [-1, 2, 7, 9]},
    "box score": {**OBJECT, "box": [2, 2, 7, 9], "box_score": 7},
    "mask cut": {**OBJECT, "mask": {"size": [48, 64], "counts": "Z28`000"}},
    "mask of nothing": {**OBJECT, "mask": {"size": [48, 64], "counts": ""}},
    "mask of letters": {**OBJECT, "mask": {"size": [48, 64], "counts": "é" * 20}},
    "mask of varints": {**OBJECT, "mask": {"size": [48, 64], "counts": "o" * 2000}},
    "mask too large": {**OBJECT, "mask": {"size": [480, 640], "counts": "PP3"}},
    "mask of size 0": {**OBJECT, "mask": {"size": [0, 64], "counts": "PP3"}},
    "mask of size NaN": {**OBJECT, "mask": {"size": [float("nan"), 64], "counts": "PP3"}},
    "mask a list": {**OBJECT, "mask": [1, 2]},
    "no object": {},
}


@pytest.mark.parametrize("name", WRONG_OBJECTS)
def test_wrong_saves_are_refused(client: TestClient, folder: Path, name: str) -> None:
    body = json.dumps({"version": None, "objects": [WRONG_OBJECTS[name]]})
    address, headers = "/api/document?image=a.png", {"content-type": "application/json"}
    answer = client.put(address, content=body, headers=headers)
    assert answer.status_code == 422, answer.text[:300]
    assert isinstance(answer.json()["detail"], str)
    assert not (folder.parent / "clicks.json").exists()
    preview = json.dumps({"client": "t", "selected": 0, "objects": [WRONG_OBJECTS[name]]})
    answer = client.post("/api/preview?image=a.png", content=preview, headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"version": "\\ud800"}',
        b"1" * 5000,
    ],
    ids=range(8),
)
def test_bodies_that_are_no_json(client: TestClient, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = client.put("/api/document?image=a.png", content=content, headers=headers)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_other_methods(client: TestClient, method: str) -> None:
    assert client.request(method, "/api/document?image=a.png").status_code in (400, 404, 405)


def test_many_points_are_refused_quickly(client: TestClient) -> None:
    """3,000 objects of 1,000 points took half a minute and 670 MB."""
    objects = [{"category_id": 1, "points": [[1, 1]] * 1000}] * 3000
    body = json.dumps({"client": "t", "selected": 0, "objects": objects}).encode()
    start = time.process_time()
    answer = client.post("/api/preview?image=a.png", content=body)
    assert answer.status_code == 413
    assert time.process_time() - start < 2
    objects = [{"category_id": 1, "points": [[1, 1]] * 1000}] * 60
    answer = client.put("/api/document?image=a.png", json={"version": None, "objects": objects})
    assert answer.status_code == 422
    assert "at most 50000 points" in answer.json()["detail"]
    assert MAX_VALUES > 2 * 50_000


def test_nothing_with_a_problem_is_served(client: TestClient) -> None:
    answer = client.get("/api/tile?image=broken.jpg&level=0&column=0&row=0")
    assert answer.status_code == 422
    assert "cannot be read" in answer.json()["detail"]
    thumbnail = client.get("/api/thumbnail?image=broken.jpg")
    assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/svg+xml")


def test_links_that_leave_the_folder_are_problems(folder: Path, open_folder: OpenFolder) -> None:
    secret = folder.parent / "secret.png"
    Image.new("RGB", (9, 9)).save(secret)
    (folder / "link.png").symlink_to(secret)
    (folder / "own.png").symlink_to(folder / "a.png")
    client = TestClient(app_of(open_folder(folder)), base_url="http://127.0.0.1")
    images = {image["name"]: image for image in client.get("/api/session").json()["images"]}
    assert "leads out of the folder" in images["link.png"]["problem"]
    assert images["own.png"]["problem"] == ""
    address = "/api/tile?level=0&column=0&row=0&image="
    assert client.get(f"{address}link.png").status_code == 422
    assert client.get(f"{address}own.png").status_code == 200


@pytest.mark.parametrize("name", ["../secret.png", "/etc/x.png", "..\\x.png", "a/../../x.png"])
def test_clicks_of_images_elsewhere_are_refused(
    folder: Path, open_folder: OpenFolder, name: str
) -> None:
    content = {
        "images": [{"id": 1, "file_name": name, "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [],
    }
    (folder.parent / "clicks.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="expected the name of an image inside its folder"):
        open_folder(folder)


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such names")
def test_a_name_that_is_not_utf_8_is_a_problem(folder: Path, open_folder: OpenFolder) -> None:
    path = os.fsencode(folder) + b"/b\xff\xe4.png"
    try:
        with open(path, "wb") as file:  # noqa: PTH123  # a path of bytes
            file.write((folder / "a.png").read_bytes())
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    client = TestClient(app_of(open_folder(folder)), base_url="http://127.0.0.1")
    images = {image["name"]: image for image in client.get("/api/session").json()["images"]}
    assert "not UTF-8" in images["b\\xff\\xe4.png"]["problem"]
    assert images["a.png"]["problem"] == ""


def test_a_token_is_needed_where_others_reach_the_page(
    folder: Path, open_folder: OpenFolder
) -> None:
    token = new_token()
    workspace = open_folder(folder)
    app = build_app(workspace, [click_routes(workspace)], token)
    client = TestClient(app, base_url="http://192.168.1.7", follow_redirects=False)
    for address in ("/", "/api/session", "/?token=", "/?token=wrong", "/static/click/app.js"):
        assert client.get(address).status_code == 401
    assert client.put("/api/document?image=a.png&token=" + token, json={}).status_code == 401
    opened = client.get(f"/?token={token}")
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/api/session").status_code == 200  # the client keeps the cookie
    client.cookies.set("token", "wrong")
    for cookie in (b"token=\xff; x", b'token="', b"=;=", b"token" * 999):
        assert client.get("/", headers={b"cookie": cookie}).status_code == 401
    assert len(token) >= 32
    with socket.create_server(("127.0.0.1", 0)) as bound:
        assert page_address(bound, token).endswith(f"/?token={token}")
    assert [is_local(host) for host in ("::1", "127.0.0.2", "0.0.0.0", "example.org")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_stalled_writers_are_dropped(
    folder: Path,
    open_folder: OpenFolder,
    serving: Callable[..., AbstractContextManager[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BoundedBodies.__init__, "__defaults__", (0.3,))
    with serving(open_folder(folder)) as address:
        host, port = address.removeprefix("http://").strip("/").split(":")
        with socket.create_connection((host, int(port)), 5) as stalled:
            head = f"PUT /api/document?image=a.png HTTP/1.1\r\nHost: {host}:{port}\r\n"
            stalled.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
            stalled.settimeout(5)
            answer = b""
            while part := stalled.recv(1000):
                answer += part
    assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("kind", ["never end", "arrive slowly", "never begin", "second request"])
def test_connections_without_a_request_are_closed(
    kind: str,
    folder: Path,
    open_folder: OpenFolder,
    serving: Callable[..., AbstractContextManager[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sapnet.annotate.serve.HEAD_SECONDS", 0.5)
    with serving(open_folder(folder)) as address:
        host, port = address.removeprefix("http://").strip("/").split(":")
        head = f"GET /api/session HTTP/1.1\r\nHost: {host}:{port}\r\n".encode()
        with socket.create_connection((host, int(port)), 5) as client:
            client.settimeout(10)
            if kind == "second request":
                client.sendall(head + b"\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200")
            if kind in ("never end", "second request"):
                client.sendall(head)
            answer, start = b"", time.monotonic()
            if kind == "arrive slowly":
                client.settimeout(0.1)
                while time.monotonic() - start < 5:
                    try:
                        client.sendall(head[:1])
                        head = head[1:] or b"X-More: 1\r\n"
                        answer = client.recv(1000)
                        break
                    except TimeoutError:
                        continue
                    except OSError:
                        break
            else:
                while part := client.recv(10_000):
                    answer += part
            assert time.monotonic() - start < 5
        if kind in ("never end", "second request"):
            assert b"HTTP/1.1 408" in answer
        if kind == "never begin":
            assert answer == b""
        with socket.create_connection((host, int(port)), 5) as client:  # others are served
            client.sendall(f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_folder_is_no_clicks_file(folder: Path) -> None:
    from sapnet.annotate.click.opening import open_click_file

    with pytest.raises(IsADirectoryError, match="expected a clicks file to write, found a folder"):
        open_click_file(folder, folder, ["car"])


def test_leftovers_of_killed_saves_are_cleared(tmp_path: Path) -> None:
    from sapnet.system.files import clear_leftovers

    names = [".clicks.json.ab12_xyz", ".clicks.json.lock", ".other.json.ab12_xyz", "clicks.json"]
    for name in names:
        (tmp_path / name).touch()
    clear_leftovers(tmp_path / "clicks.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])

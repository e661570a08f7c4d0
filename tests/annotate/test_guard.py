from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from fastapi.testclient import TestClient

from tests.annotate.pages import app_of

OWN = {"host": "127.0.0.1:8765"}


@pytest.fixture
def client(folder: Path, open_folder: Callable[..., Any]) -> TestClient:
    return TestClient(app_of(open_folder(folder)))


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "[::1]:8765", "192.168.1.7"])
def test_addresses_and_localhost_are_served(client: TestClient, host: str) -> None:
    assert client.get("/api/session", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example:8765", "127.0.0.1.evil.example", "", "a b"])
def test_names_that_may_lead_here_from_elsewhere_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/session", headers={"host": host})
    assert answer.status_code == 403
    assert "is not this server" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9999"},  # another server on this machine
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_pages_of_other_sites_are_refused(
    client: TestClient, headers: dict[str, str], method: str
) -> None:
    body = {"version": None, "objects": []}
    answer = client.request(
        method, "/api/document?image=a.png", headers={**OWN, **headers}, json=body
    )
    assert answer.status_code == 403


def test_the_own_page_is_served(client: TestClient) -> None:
    headers = {**OWN, "origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}
    body = {"version": None, "objects": []}
    answer = client.put("/api/document?image=a.png", headers=headers, json=body)
    assert answer.status_code == 200


def test_a_link_from_elsewhere_opens_the_page(client: TestClient) -> None:
    headers = {**OWN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 200


def test_the_page_may_load_from_its_own_server_only(client: TestClient) -> None:
    policy = client.get("/", headers=OWN).headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy

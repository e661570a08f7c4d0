"""The audit page in real Chromium: keys judge, the outline hides, and a reload goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from sapnet.annotate.audit.app import build_audit_app
from sapnet.annotate.audit.config import AuditConfig
from sapnet.annotate.audit.desk import AuditDesk, open_audit
from sapnet.annotate.serve import build_server, listen, page_address
from tests.annotate.review_set import make_review_set

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def desk(tmp_path: Path) -> AuditDesk:
    files = make_review_set(tmp_path)
    return open_audit(AuditConfig(labels=files.labels, images=files.images))


@pytest.fixture
def address(desk: AuditDesk) -> Iterator[str]:
    bound = listen("127.0.0.1", 0)
    server = build_server(build_audit_app(desk))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    yield page_address(bound)
    server.should_exit = True
    thread.join()
    bound.close()


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 900, "height": 800})
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    assert failures == []


def is_drawn(page: Page) -> bool:
    return bool(page.evaluate("() => document.getElementById('picture').naturalWidth > 0"))


def test_keys_judge_and_a_reload_goes_on(
    page: Page, desk: AuditDesk, wait_for: Callable[..., Any]
) -> None:
    wait_for(lambda: is_drawn(page), "the picture")
    assert page.inner_text("#position") == "1 / 3"
    assert "outline of one" in page.inner_text("#question")
    page.keyboard.press("1")
    wait_for(lambda: page.inner_text("#position") == "2 / 3", "the second label")
    page.keyboard.press("f")
    wait_for(lambda: page.inner_text("#position") == "3 / 3", "the third label")
    assert [entry.judgement for entry in desk.audit.sample] == ["keep", "fix", None]
    page.reload()
    wait_for(lambda: page.inner_text("#position") == "3 / 3", "the first label without a judgement")
    page.click("[data-judgement=wrong]")
    wait_for(lambda: "labels are right" in page.inner_text("#headline"), "the figures")
    assert desk.audit.num_judged == 3
    assert page.evaluate("() => document.getElementById('progress').value") == 1
    page.keyboard.press("Backspace")
    wait_for(lambda: desk.audit.num_judged == 2, "the judgement that is taken back")


def test_space_hides_the_outline_and_arrows_move(page: Page, wait_for: Callable[..., Any]) -> None:
    wait_for(lambda: is_drawn(page), "the picture")
    page.keyboard.press(" ")
    wait_for(
        lambda: "outlined=false" in (page.get_attribute("#picture", "src") or ""), "no outline"
    )
    page.keyboard.press("ArrowRight")
    wait_for(lambda: page.inner_text("#position") == "2 / 3", "the second label")
    assert "outlined=true" in (page.get_attribute("#picture", "src") or "")
    page.keyboard.press("ArrowLeft")
    wait_for(lambda: page.inner_text("#position") == "1 / 3", "the first label")


def test_an_unsaved_judgement_is_told(
    page: Page, desk: AuditDesk, wait_for: Callable[..., Any]
) -> None:
    wait_for(lambda: is_drawn(page), "the picture")
    desk.path.write_text("{}")
    page.keyboard.press("3")
    wait_for(lambda: "Not saved" in page.inner_text("#problem"), "the message")
    assert page.inner_text("#position") == "1 / 3"
    assert desk.audit.num_judged == 0


def test_requests_beyond_the_sample_are_refused(desk: AuditDesk) -> None:
    from fastapi.testclient import TestClient

    client = TestClient(build_audit_app(desk), base_url="http://127.0.0.1")
    assert client.get("/api/audit/picture", params={"number": 3}).status_code == 404
    body = {"number": -1, "judgement": "keep"}
    assert client.put("/api/audit/judgement", json=body).status_code == 404
    body = {"number": 0, "judgement": "good"}
    assert client.put("/api/audit/judgement", json=body).status_code == 422
    session = client.get("/api/audit").json()
    assert [row["judgement"] for row in session["labels"]] == [None] * 3
    assert session["judged"] == 0

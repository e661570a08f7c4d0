"""The page's server under requests of every form of its schema, and under a thousand clients."""

from __future__ import annotations

import asyncio
import logging
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from zygote import Zygote, _kill

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from tests.annotate.pages import app_of

if TYPE_CHECKING:
    from tests.conftest import TinySet

logger = logging.getLogger(__name__)

NUM_CLIENTS, SECONDS = 1000, 60.0
PATHS = ("/api/session", "/api/thumbnail?image={}", "/api/document?image={}", "/")


@pytest.mark.slow
def test_every_request_of_the_schema(tiny_set: TinySet, tmp_path: Path) -> None:
    """Whatever fits the OpenAPI schema, or nearly does, is answered without an error of ours."""
    schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")
    from hypothesis import HealthCheck, given, settings

    from sapnet.annotate.click.opening import open_click_file
    from sapnet.annotate.workspace import Workspace

    listing, file = open_click_file(tiny_set.images, tmp_path / "clicks.json", ["thing"])
    app = app_of(Workspace(listing, file))

    async def at_home(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        """The application at its own address."""
        headers = [(k, v) for k, v in scope.get("headers", ()) if k != b"host"]
        await app({**scope, "headers": [(b"host", b"127.0.0.1"), *headers]}, receive, send)

    schema = schemathesis.openapi.from_asgi("/openapi.json", at_home)
    effort = settings(
        max_examples=150, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )
    counted = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @effort
        @given(case=operation.as_strategy())
        def run(case: Any) -> None:  # noqa: ANN401
            nonlocal counted
            counted += 1
            assert case.call().status_code < 500

        run()
    assert counted > 500
    logger.info("schemathesis: %d requests", counted)


async def client(port: int, names: list[str], number: int, end: float, took: list[float]) -> None:
    """Ask for one thing after the other on one connection, as a browser does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        number += 1
        path = PATHS[number % len(PATHS)].format(names[number % len(names)])
        start = time.monotonic()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        assert head.startswith(b"HTTP/1.1 200"), head[:100]
        (length,) = (
            int(line.split(b":")[1])
            for line in head.lower().splitlines()
            if line.startswith(b"content-length")
        )
        await reader.readexactly(length)
        took.append(time.monotonic() - start)
    writer.close()


async def clients(port: int, names: list[str], pid: int) -> tuple[list[float], list[int]]:
    end, took, memory = time.monotonic() + SECONDS, list[float](), list[int]()

    async def watch() -> None:
        while time.monotonic() < end:
            await asyncio.sleep(1)
            memory.append(resident_kb(pid))

    tasks = [client(port, names, number, end, took) for number in range(NUM_CLIENTS)]
    await asyncio.gather(watch(), *tasks)
    return took, memory


def resident_kb(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.slow
def test_a_thousand_clients(
    tiny_set: TinySet, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    from tests.faults.test_kills import free_port, wait_until_up

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4 * NUM_CLIENTS:
        pytest.skip(f"this machine allows {hard} open files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * NUM_CLIENTS, hard))
    port = free_port()
    words = ["annotate", tiny_set.images, "--classes", "thing", "--port", port, "--no-browser"]
    words += ["--out", tmp_path / "clicks.json", "--proposer", "none"]
    with Zygote(tmp_path / "log.txt") as zygote:
        pid = zygote.start(words)
        session = wait_until_up(f"http://127.0.0.1:{port}")
        names = [image["name"] for image in session["images"]]
        took, memory = asyncio.run(clients(port, names, pid))
        _kill(pid)
        zygote.wait()
    warm, last = statistics.median(memory[10:20]), statistics.median(memory[-10:])
    figures = (NUM_CLIENTS, len(took), statistics.median(took), max(took), warm / 1e3, last / 1e3)
    logger.info(
        "%d clients: %d requests, median %.2f s, longest %.2f s, %.0f MB after 10 s, %.0f MB at "
        "the end",
        *figures,
    )
    record_property("figures", figures)
    assert len(took) > NUM_CLIENTS
    assert last < 1.05 * warm

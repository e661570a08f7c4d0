"""A stand-in for the Hugging Face hub on the loopback: serves one saved model under a name."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REVISION = "0" * 40
CHUNK = 10_000_000
"""Bytes that the hub's client takes before it writes them."""


@dataclass
class FakeHub:
    """The state of the hub.

    Attributes:
        folder: of the model.
        name: of the model.
        address: of the hub; for HF_ENDPOINT.
        may_send: a file of several chunks stops in the middle until it is set.
        breaks: the connection ends there instead.
        paths: paths that were asked for.
    """

    folder: Path
    name: str
    address: str = ""
    may_send: threading.Event = field(default_factory=threading.Event)
    breaks: bool = False
    paths: list[str] = field(default_factory=list)


@contextmanager
def fake_hub(folder: Path, name: str) -> Iterator[FakeHub]:
    """Serve a folder with config, image processor and weights as a model of the hub."""
    server = _Server(("127.0.0.1", 0), _Handler)
    hub = server.hub = FakeHub(folder, name, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.may_send.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: FakeHub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path, hub = self.path.split("?")[0], self.server.hub
        hub.paths.append(f"{self.command} {path}")
        if path.startswith(f"/api/models/{hub.name}"):
            self._send_json(_tree(hub) if "/tree/" in path else _model(hub))
        elif path.startswith(f"/{hub.name}/resolve/"):
            self._send_file((hub.folder / path.split("/")[-1]).read_bytes(), with_body=with_body)
        else:
            self.send_error(404)

    def _send_json(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_file(self, content: bytes, *, with_body: bool) -> None:
        asked = self.headers.get("range", "")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("content-length", str(len(content) - start))
        if asked:
            self.send_header("content-range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("accept-ranges", "bytes")
        self.send_header("etag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("x-repo-commit", REVISION)
        self.end_headers()
        if not with_body:
            return
        if len(content) > CHUNK:
            self.wfile.write(content[start : len(content) // 2])
            start = max(start, len(content) // 2)
            if self.server.hub.breaks:
                self.close_connection = True
                return
            self.server.hub.may_send.wait(60)
        self.wfile.write(content[start:])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _model(hub: FakeHub) -> dict[str, Any]:
    siblings = [
        {"rfilename": entry["path"], "size": entry["size"], "blobId": entry["oid"]}
        for entry in _tree(hub)
    ]
    return {"id": hub.name, "modelId": hub.name, "sha": REVISION, "siblings": siblings}


def _tree(hub: FakeHub) -> list[dict[str, Any]]:
    return [
        {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "0" * 40}
        for path in sorted(hub.folder.iterdir())
    ]

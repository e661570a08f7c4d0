"""A running page: listening, serving, and the page's address."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import webbrowser
from threading import Timer

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from sapnet.annotate.guard import TOKEN

_BROWSER_DELAY = 0.7
"""Seconds between listening and opening the browser: the server must be ready by then."""

_SHUTDOWN_SECONDS = 3
"""Seconds that an open connection may delay ctrl-C."""

HEAD_SECONDS = 10.0
"""Longest time that the headers of a request may take to arrive, from the first byte or from the
opening of the connection."""

IDLE_SECONDS = 5
"""Time that a connection is kept after a response."""

_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain\r\nconnection: close\r\n"
    b"content-length: 37\r\n\r\nthe headers took too long to arrive.\n"
)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        OSError: the address is taken, or does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(
            f"cannot listen on {host}, port {port} ({error.strerror}). If another page runs there, "
            "name another port, or --port 0 for a free one."
        ) from error


def serve(app: FastAPI, bound: socket.socket, address: str, *, open_browser: bool) -> None:
    """Serve the page until ctrl-C.

    Args:
        app: the application.
        bound: a listening socket, from `listen`.
        address: of the page.
        open_browser: True to open the page in the user's browser.
    """
    if open_browser:
        Timer(_BROWSER_DELAY, webbrowser.open, (address,)).start()
    build_server(app).run(sockets=[bound])


def build_server(app: FastAPI) -> uvicorn.Server:
    """Return the server of the application; it logs warnings only."""
    config = uvicorn.Config(
        app,
        http=TimedHeaders,
        log_level="warning",
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        lifespan="on",
    )
    return uvicorn.Server(config)


class TimedHeaders(H11Protocol):
    """A connection that is closed when the headers of a request do not arrive in time.

    uvicorn limits the idle time after a response only: who sends a header now and then, or nothing
    at all, would hold a connection for ever.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the time of the headers ends with the last of them."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        is_served = self.cycle is not None and not self.cycle.response_complete
        if is_served or self.transport.is_closing():
            self._stop_watching()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self._drop)

    def _stop_watching(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _drop(self) -> None:
        self._late = None
        if self.conn.trailing_data[0]:  # a part of the headers: somebody waits for an answer
            self.transport.write(_TOO_SLOW)
        self.transport.close()


def page_address(bound: socket.socket, token: str | None = None) -> str:
    """Return the address of the page: the local one if the server listens on all addresses.

    Args:
        bound: a listening socket.
        token: secret that the address must carry; None for none.
    """
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    query = "" if token is None else f"?{TOKEN}={token}"
    return f"http://[{host}]:{port}/{query}" if ":" in host else f"http://{host}:{port}/{query}"


def is_local(host: str) -> bool:
    """Return True if only programs on this machine can reach a server at that address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name
        return False

"""A running page: listening, serving, and the page's address."""

from __future__ import annotations

import ipaddress
import socket
import webbrowser
from threading import Timer

import uvicorn
from fastapi import FastAPI

from sapnet.annotate.guard import TOKEN

_BROWSER_DELAY = 0.7
"""Seconds between listening and opening the browser: the server must be ready by then."""

_SHUTDOWN_SECONDS = 3
"""Seconds that an open connection may delay ctrl-C."""


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
        app, log_level="warning", timeout_graceful_shutdown=_SHUTDOWN_SECONDS, lifespan="on"
    )
    return uvicorn.Server(config)


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

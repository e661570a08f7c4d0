"""From settings to a running page: everything is checked before the address is printed."""

from __future__ import annotations

import socket
import webbrowser
from threading import Timer

import uvicorn
from fastapi import FastAPI

from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.documents import open_click_file
from sapnet.annotate.preview import PreviewWorker
from sapnet.annotate.server import Workspace

_BROWSER_DELAY = 0.7
"""Seconds between listening and opening the browser, which must find the server there."""

_SHUTDOWN_SECONDS = 3
"""How long an open connection may hold up ctrl-C."""

_LOCAL = ("127.0.0.1", "localhost", "::1")


def open_workspace(cfg: AnnotateConfig) -> Workspace:
    """Opens the images, the clicks file and the proposer that the settings name.

    Raises:
        FileNotFoundError, ValueError: something is missing or malformed.
    """
    listing, file = open_click_file(cfg.images, cfg.clicks_file, cfg.classes)
    return Workspace(listing, file, build_preview(cfg))


def build_preview(cfg: AnnotateConfig) -> PreviewWorker | None:
    """The worker that makes candidates; None for the proposer "none".

    Raises:
        ValueError: the checkpoint or the device is missing.
    """
    match cfg.proposer:
        case "none":
            return None
        case "regions":
            from sapnet.proposals.regions.proposer import RegionProposer, RegionsConfig

            if cfg.num_proposals is None:
                return PreviewWorker(RegionProposer())
            return PreviewWorker(RegionProposer(RegionsConfig(num_proposals=cfg.num_proposals)))
        case "sam":
            from sapnet.proposals.config import SamConfig
            from sapnet.proposals.sam import SamProposer

            return PreviewWorker(
                SamProposer(SamConfig(checkpoint=cfg.checkpoint, device=cfg.device))
            )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        OSError: the address is taken or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(
            f"cannot listen on {host}, port {port} ({error.strerror}). If another page runs there, "
            "name another port, or --port 0 for a free one."
        ) from error


def serve(app: FastAPI, bound: socket.socket, *, open_browser: bool) -> None:
    """Serves the page until ctrl-C.

    Args:
        app: the application.
        bound: a listening socket, from `listen`.
        open_browser: open the page in the user's browser.
    """
    address = page_address(bound)
    if open_browser:
        Timer(_BROWSER_DELAY, webbrowser.open, (address,)).start()
    build_server(app).run(sockets=[bound])


def build_server(app: FastAPI) -> uvicorn.Server:
    """The server of the application, quiet but for warnings."""
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=_SHUTDOWN_SECONDS, lifespan="on"
    )
    return uvicorn.Server(config)


def page_address(bound: socket.socket) -> str:
    """The address of the page; of all addresses of this machine, the local one."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def is_local(host: str) -> bool:
    """Whether only programs on this machine reach a server at that address."""
    return host in _LOCAL

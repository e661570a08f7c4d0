"""An audit from its settings to its figures: the page until it is stopped, then the file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sapnet.annotate.audit.desk import AuditDesk, open_audit
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.system.files import write_json_atomic
from sapnet.system.lock import locked

if TYPE_CHECKING:
    from collections.abc import Callable

    from sapnet.annotate.audit.config import AuditConfig


def run_audit(cfg: AuditConfig, say: Callable[[str], None]) -> AuditDesk:
    """Judge labels on the page until it is stopped, and write the figures.

    Args:
        cfg: with `figures_only`, the page stays closed.
        say: takes the lines for the user, the page's address among them.

    Returns:
        The desk with its judgements.

    Raises:
        FileNotFoundError, ValueError: as `open_audit`; or the page's libraries are not installed.
    """
    desk = open_audit(cfg)
    with allowing_pixels(cfg.max_pixels):
        if not cfg.figures_only:
            with locked(desk.path):
                _open_page(cfg, desk, say)
    if cfg.metrics is not None:
        write_json_atomic(cfg.metrics, desk.figures().to_json())
    return desk


def _open_page(cfg: AuditConfig, desk: AuditDesk, say: Callable[[str], None]) -> None:
    """Open the page, and serve it until it is stopped."""
    try:
        from sapnet.annotate.audit.app import build_audit_app
        from sapnet.annotate.guard import new_token
        from sapnet.annotate.serve import is_local, listen, page_address, serve
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the page needs {error.name}. Install it with `pip install 'sapnet[ui]'`."
        ) from error
    bound = listen(cfg.host, cfg.port)
    say(f"{len(desk.audit.sample)} labels to judge; judgements go to {desk.path}")
    token = None if is_local(cfg.host) else new_token()
    address = page_address(bound, token)
    if token is not None:
        say("the address holds a secret: who has it can see the images and the judgements")
    say(f"open {address} (ctrl-C stops and gives the figures; every judgement is saved at once)")
    with suppress(KeyboardInterrupt):  # the figures follow
        serve(build_audit_app(desk, token), bound, address, open_browser=not cfg.no_browser)

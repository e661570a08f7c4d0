"""The server of the audit page: pictures of labels, and judgements."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from sapnet.annotate.audit.desk import AuditDesk
from sapnet.annotate.guard import OwnPageOnly, new_token
from sapnet.annotate.serve import is_local, listen, page_address, serve
from sapnet.annotate.server import STATIC, page_files, problem_response
from sapnet.evaluation.audit.audit_file import Judgement

if TYPE_CHECKING:
    from collections.abc import Callable

    from sapnet.annotate.audit.config import AuditConfig


class JudgementBody(BaseModel):
    """A judgement of one label of the sample; None takes it back."""

    number: int
    judgement: Judgement | None


def build_audit_app(desk: AuditDesk, token: str | None = None) -> FastAPI:
    """Return the application that serves the audit page.

    Args:
        desk: the sample and the judgements.
        token: secret that requests must know; None lets every program of this machine in.
    """
    app = FastAPI(title="sapnet audit", docs_url=None, redoc_url=None)
    app.add_middleware(OwnPageOnly, token=token)
    for kind, status in ((ValueError, 422), (OSError, 500)):
        app.add_exception_handler(kind, problem_response(status))

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(STATIC / "audit/index.html", headers={"cache-control": "no-cache"})

    @app.get("/api/audit")
    def read() -> dict[str, Any]:
        """Return the sample, the judgements and the figures."""
        return {
            "file": str(desk.path),
            "labels": [_row(desk, number) for number in range(len(desk.audit.sample))],
            **_progress(desk),
        }

    @app.get("/api/audit/picture")
    def picture(number: int, outlined: bool = True) -> Response:
        _check(desk, number)
        content = desk.picture(number, outlined=outlined)
        return Response(content, media_type="image/jpeg", headers={"cache-control": "no-cache"})

    @app.put("/api/audit/judgement")
    def judge(body: JudgementBody) -> dict[str, Any]:
        """Save a judgement; return the figures with it."""
        _check(desk, body.number)
        desk.judge(body.number, body.judgement)
        return _progress(desk)

    app.mount("/static", page_files(), name="static")
    return app


def _check(desk: AuditDesk, number: int) -> None:
    if not 0 <= number < len(desk.audit.sample):
        raise HTTPException(404, f"no label {number} in the sample")


def _row(desk: AuditDesk, number: int) -> dict[str, Any]:
    entry = desk.audit.sample[number]
    return {
        "id": entry.annotation_id,
        "image": desk.image_name(entry),
        "category": desk.audit.categories[entry.stratum.category_id],
        "judgement": entry.judgement,
    }


def _progress(desk: AuditDesk) -> dict[str, Any]:
    figures = desk.figures()
    return {
        "judged": figures.num_judged,
        "headline": figures.headline(),
        "still_to_judge": figures.still_to_judge,
        "half_width": figures.half_width,
    }


def serve_audit(desk: AuditDesk, cfg: AuditConfig, say: Callable[[str], None]) -> None:
    """Open the page, and serve it until it is stopped.

    Args:
        desk: the labels to judge.
        cfg: address and port.
        say: takes the lines for the user, the page's address among them.

    Raises:
        OSError: the port is taken.
    """
    bound = listen(cfg.host, cfg.port)
    say(f"{len(desk.audit.sample)} labels to judge; judgements go to {desk.path}")
    token = None if is_local(cfg.host) else new_token()
    address = page_address(bound, token)
    if token is not None:
        say("the address holds a secret: who has it can see the images and the judgements")
    say(f"open {address} (ctrl-C stops and gives the figures; every judgement is saved at once)")
    with suppress(KeyboardInterrupt):  # the figures follow
        serve(build_audit_app(desk, token), bound, address, open_browser=not cfg.no_browser)

"""The server of the audit page: pictures of labels, and judgements."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from sapnet.annotate.audit.desk import AuditDesk
from sapnet.annotate.guard import OwnPageOnly
from sapnet.annotate.server import STATIC, page_files, problem_response
from sapnet.evaluation.audit.audit_file import Judgement


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

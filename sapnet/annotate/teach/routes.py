"""Routes of the teaching: its state, and back to the weights before."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sapnet.annotate.teach.teacher import Teacher


def teach_routes(teacher: Teacher) -> APIRouter:
    """Return the routes that `--teach` adds to the page.

    Args:
        teacher: gives the lessons.
    """
    router = APIRouter(prefix="/api/teach")

    @router.get("")
    def state() -> dict[str, Any]:
        """Return what the page shows."""
        return {
            "message": teacher.message,
            "needed": teacher.plan.min_pinned,
            "busy": teacher.is_busy,
            "can_undo": teacher.can_undo,
        }

    @router.post("/undo")
    def undo() -> dict[str, Any]:
        """Go back by one lesson; 422 if there is none."""
        teacher.undo()
        return state()

    return router

"""Routes of the suggestions: those of an image, the next image, and the progress."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.suggest.desk import Suggestion, SuggestionDesk
from sapnet.annotate.suggest.scout import Scout
from sapnet.annotate.workspace import Workspace
from sapnet.geometry.rle import rle_to_json


def suggest_routes(
    workspace: Workspace[ClickFile], desk: SuggestionDesk, scout: Scout
) -> APIRouter:
    """Return the routes that `--run` adds to the page.

    Args:
        workspace: the images.
        desk: holds the suggestions.
        scout: looks at the images.
    """
    router = APIRouter(prefix="/api/suggest")

    @router.get("")
    def state() -> dict[str, Any]:
        """Return the progress."""
        return asdict(scout.progress)

    @router.get("/image")
    def of_image(image: str) -> dict[str, Any]:
        """Return the open suggestions of an image; one not seen yet is looked at next."""
        workspace.find_image(image)
        found = desk.open_of(image)
        if found is None:
            scout.want(image)
            return {"ready": scout.has_failed(image), "suggestions": [], "dismissed": []}
        suggestions = [_describe(entry) for entry in found]
        dismissed = desk.dismissed_of(image)
        return {"ready": True, "suggestions": suggestions, "dismissed": dismissed}

    @router.get("/next")
    def following(image: str, kind: Literal["teach", "missed"]) -> dict[str, str | None]:
        """Return the image to go to: where a correction teaches most, or an object was missed."""
        find = desk.next_to_teach if kind == "teach" else desk.next_missed
        return {"image": find(image)}

    return router


def _describe(entry: Suggestion) -> dict[str, Any]:
    return {
        "number": entry.number,
        "category_id": entry.category_id,
        "score": round(entry.score, 4),
        "point": entry.point,
        "mask": rle_to_json(entry.mask),
    }

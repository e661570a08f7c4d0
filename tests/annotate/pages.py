"""The application of a workspace, with the routes of its page."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from sapnet.annotate.click.export import export_routes
from sapnet.annotate.click.proposers import proposer_routes
from sapnet.annotate.click.routes import click_routes
from sapnet.annotate.review.routes import review_routes
from sapnet.annotate.server import build_app
from sapnet.annotate.suggest.desk import SuggestionDesk
from sapnet.annotate.suggest.routes import suggest_routes
from sapnet.annotate.suggest.scout import Scout
from sapnet.annotate.workspace import Workspace


def app_of(
    workspace: Workspace[Any], suggestions: tuple[SuggestionDesk, Scout] | None = None
) -> FastAPI:
    is_review = workspace.mode == "review"
    if is_review:
        return build_app(workspace, [review_routes(workspace.file)])
    images = workspace.file.path.parent / "images"
    routers = [
        click_routes(workspace, suggestions[0] if suggestions else None),
        export_routes(workspace.file, images),
        proposer_routes(workspace, "cpu"),
    ]
    if suggestions:
        routers.append(suggest_routes(workspace, *suggestions))
    return build_app(workspace, routers)

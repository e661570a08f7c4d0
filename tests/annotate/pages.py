"""The application of a workspace, with the routes of its page."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from sapnet.annotate.click.routes import click_routes
from sapnet.annotate.review.routes import review_routes
from sapnet.annotate.server import build_app
from sapnet.annotate.workspace import Workspace


def app_of(workspace: Workspace[Any]) -> FastAPI:
    is_review = workspace.mode == "review"
    routes = review_routes(workspace.file) if is_review else click_routes(workspace)
    return build_app(workspace, [routes])

"""The server of the pages: images, documents and previews over HTTP."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from sapnet.annotate.bodies import BoundedBodies
from sapnet.annotate.different import all_of, few_and_different
from sapnet.annotate.guard import OwnPageOnly
from sapnet.annotate.listing import ListedImage
from sapnet.annotate.pixels import TILE_SIDE, num_levels
from sapnet.annotate.wire import PreviewBody, from_document, from_proposals
from sapnet.annotate.workspace import ImageDocuments, Workspace

# Some systems register another type for scripts, and then browsers refuse to run modules.
mimetypes.add_type("text/javascript", ".js")

STATIC = Path(__file__).parent / "static"

_PLACEHOLDER = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="120"><rect width="160" '
    'height="120" fill="#ccc"/><path d="M60 40l40 40m0-40l-40 40" stroke="#888" '
    'stroke-width="6"/></svg>'
)
"""Picture in place of a thumbnail that cannot be made."""

_KEEP = "private, max-age=3600"
"""Cache header of tiles and thumbnails, whose address changes when the file does."""


def build_app(
    workspace: Workspace[ImageDocuments],
    routers: Iterable[APIRouter] = (),
    token: str | None = None,
) -> FastAPI:
    """Return the application that serves the page.

    Args:
        workspace: the images and their documents.
        routers: the routes of the page's mode: those that save clicks, or those of a review.
        token: secret that requests must know; None on an address of this machine only.

    Returns:
        An ASGI application.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        yield
        if workspace.preview is not None:
            workspace.preview.close()

    app = FastAPI(title="sapnet annotate", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(BoundedBodies)
    app.add_middleware(OwnPageOnly, token=token)  # the outer one: it looks at headers only
    for kind, status in ((ValueError, 422), (OSError, 500)):
        app.add_exception_handler(kind, problem_response(status))
    app.add_exception_handler(RequestValidationError, _malformed)
    app.include_router(_session_routes(workspace))
    app.include_router(_pixel_routes(workspace))
    app.include_router(_document_routes(workspace))
    for router in routers:
        app.include_router(router)
    app.mount("/static", page_files(), name="static")
    return app


def page_files() -> StaticFiles:
    """Return the application that serves the files of all pages."""
    return _PageFiles(directory=STATIC)


class _PageFiles(StaticFiles):
    """The files of the page; browsers check each time if they changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401  # passed on
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def _session_routes(workspace: Workspace[ImageDocuments]) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    def page() -> FileResponse:
        return FileResponse(STATIC / "click/index.html", headers={"cache-control": "no-cache"})

    @router.get("/api/session")
    def session() -> dict[str, Any]:
        """Return the facts that the page needs once."""
        file = workspace.file
        return {
            "mode": workspace.mode,
            "file": str(file.path),
            "proposer": None if workspace.preview is None else workspace.preview.name,
            "teach": workspace.is_taught,
            "run": workspace.run,
            "tile_side": TILE_SIDE,
            "categories": [{"id": c.category_id, "name": c.name} for c in file.categories],
            "images": [_image_summary(workspace, image) for image in workspace.listing],
        }

    return router


def _pixel_routes(workspace: Workspace[ImageDocuments]) -> APIRouter:
    router = APIRouter()

    @router.get("/api/tile")
    def tile(image: str, level: int, column: int, row: int) -> Response:
        listed = workspace.find_readable(image)
        try:
            content = workspace.pixels.tile(listed, level, column, row)
        except IndexError as error:
            raise HTTPException(404, str(error)) from error
        except (ValueError, OSError) as error:
            raise _unreadable(workspace, listed, error) from error
        return Response(content, media_type="image/jpeg", headers={"cache-control": _KEEP})

    @router.get("/api/thumbnail")
    def thumbnail(image: str) -> Response:
        listed = workspace.find_image(image)
        if listed.problem:
            return _no_picture()
        try:
            content = workspace.pixels.thumbnail(listed)
        except (ValueError, OSError) as error:
            _unreadable(workspace, listed, error)
            return _no_picture()
        return Response(content, media_type="image/jpeg", headers={"cache-control": _KEEP})

    return router


def _document_routes(workspace: Workspace[ImageDocuments]) -> APIRouter:
    router = APIRouter()

    @router.get("/api/document")
    def read(image: str) -> dict[str, Any]:
        workspace.find_image(image)
        return from_document(workspace.file.document(image))

    @router.post("/api/prepare", status_code=202)
    async def prepare(image: str, client: str) -> Response:
        """Begin to prepare an image for previews; respond at once.

        A browser opens six connections to a server. One that waits for a slow proposer would be
        missing where a change is to be saved.
        """
        listed = workspace.find_image(image)
        if workspace.preview is not None and not listed.problem:
            workspace.preview.begin_prepare(client, listed.path)
        return Response(status_code=202)

    @router.post("/api/preview")
    async def preview(image: str, body: PreviewBody) -> dict[str, Any]:
        """Return the selected object's candidates; `stale` after a newer request of the tab."""
        listed = workspace.find_readable(image)
        clicks = workspace.to_clicks(image, body.objects)
        if workspace.preview is None or body.selected >= len(clicks):
            raise HTTPException(422, "expected a proposer and an object that is selected")
        found = await workspace.preview.propose(body.client, listed.path, clicks, body.selected)
        if found is None:
            return {"stale": True, "candidates": [], "withheld": 0}
        order = all_of(found) if body.every else few_and_different(found)
        candidates = from_proposals(found, order)
        return {"stale": False, "candidates": candidates, "withheld": len(found) - len(order)}

    return router


def _image_summary(workspace: Workspace[ImageDocuments], image: ListedImage) -> dict[str, Any]:
    num_objects, is_done = workspace.file.summary(image.name)
    return {
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "stamp": image.stamp,
        "levels": num_levels(image.width, image.height),
        "objects": num_objects,
        "done": is_done,
        "problem": image.problem,
    }


def _unreadable(
    workspace: Workspace[ImageDocuments], image: ListedImage, error: Exception
) -> HTTPException:
    """Return the response for an image that cannot be read; the listing keeps the reason."""
    workspace.listing.report(image.name, str(error))
    return HTTPException(422, str(error))


def problem_response(status: int) -> Callable[[Request, Exception], JSONResponse]:
    """Return a handler that responds with the error's one line."""

    def handle(request: Request, error: Exception) -> JSONResponse:
        del request
        return JSONResponse({"detail": _printable(str(error))}, status)

    return handle


def _malformed(request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request, without the values, which json may be unable to hold."""
    del request
    found = error.errors() if isinstance(error, RequestValidationError) else []
    parts = [f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in found[:5]]
    return JSONResponse({"detail": _printable("; ".join(parts)[:1000])}, 422)


def _printable(text: str) -> str:
    """Return text without halves of surrogate pairs, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def _no_picture() -> Response:
    """Return the placeholder for the thumbnail of an image that cannot be read."""
    headers = {"cache-control": "no-store"}
    return Response(_PLACEHOLDER, media_type="image/svg+xml", headers=headers)

"""The click page's server: images, documents and previews over HTTP."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from sapnet.annotate.documents import ClickFile, Document, VersionConflictError
from sapnet.annotate.guard import OwnPageOnly
from sapnet.annotate.listing import ImageListing, ListedImage
from sapnet.annotate.pixels import TILE_SIDE, PixelCache, num_levels
from sapnet.annotate.preview import PreviewWorker
from sapnet.annotate.review.desk import ReviewDesk
from sapnet.annotate.review.routes import review_routes
from sapnet.annotate.wire import (
    DocumentBody,
    ObjectBody,
    PreviewBody,
    from_document,
    from_proposals,
    to_click,
)
from sapnet.structures.clicks import Click

# Some systems name another type, and then browsers refuse to run modules.
mimetypes.add_type("text/javascript", ".js")

STATIC = Path(__file__).parent / "static"

_KEEP = "private, max-age=3600"
"""Tiles and thumbnails: their address changes when the file does."""


@dataclass(frozen=True)
class Workspace:
    """All that the server works on.

    Attributes:
        listing: the images.
        file: the clicks, or the labels under review.
        preview: who makes candidates, None for nobody.
        mode: what the page does when it opens: "annotate", or another module of the page.
        pixels: decoded images.
    """

    listing: ImageListing
    file: ClickFile | ReviewDesk
    preview: PreviewWorker | None = None
    mode: str = "annotate"
    pixels: PixelCache = field(default_factory=PixelCache)


def build_app(workspace: Workspace, routers: Iterable[APIRouter] = ()) -> FastAPI:
    """The application that serves the page.

    Args:
        workspace: what is worked on.
        routers: further routes, for other modes of the page.

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
    app.add_middleware(OwnPageOnly)
    app.add_exception_handler(VersionConflictError, _conflict)
    for kind, status in ((ValueError, 422), (OSError, 500)):
        app.add_exception_handler(kind, _problem(status))
    app.include_router(_session_routes(workspace))
    app.include_router(_pixel_routes(workspace))
    app.include_router(_document_routes(workspace))
    if isinstance(workspace.file, ReviewDesk):
        app.include_router(review_routes(workspace.file))
    for router in routers:
        app.include_router(router)
    app.mount("/static", _PageFiles(directory=STATIC), name="static")
    return app


class _PageFiles(StaticFiles):
    """The page's own files; a browser asks each time whether they changed, with an upgrade say."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401  # passed on
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def find_image(workspace: Workspace, name: str) -> ListedImage:
    """The listed image of a name.

    Raises:
        HTTPException: 404 if it was not listed; nothing outside the listing can be named.
    """
    if name not in workspace.listing:
        raise HTTPException(404, f"no image {name!r} in this folder")
    return workspace.listing[name]


def to_clicks(workspace: Workspace, name: str, objects: Sequence[ObjectBody]) -> tuple[Click, ...]:
    """Clicks of the objects that the page sent for an image.

    Raises:
        ValueError: one of them does not fit the image or the categories.
    """
    record = workspace.file.record(name)
    categories = frozenset(category.category_id for category in workspace.file.categories)
    return tuple(to_click(body, record, categories) for body in objects)


def _session_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    @router.get("/api/session")
    def session() -> dict[str, Any]:
        """What the page needs to know once."""
        file = workspace.file
        return {
            "mode": workspace.mode,
            "file": str(file.path),
            "proposer": None if workspace.preview is None else workspace.preview.name,
            "tile_side": TILE_SIDE,
            "categories": [{"id": c.category_id, "name": c.name} for c in file.categories],
            "images": [_image_summary(workspace, image) for image in workspace.listing],
        }

    return router


def _pixel_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.get("/api/tile")
    def tile(image: str, level: int, column: int, row: int) -> Response:
        listed = find_image(workspace, image)
        try:
            content = workspace.pixels.tile(listed, level, column, row)
        except IndexError as error:
            raise HTTPException(404, str(error)) from error
        except (ValueError, OSError) as error:
            raise _unreadable(workspace, listed, error) from error
        return Response(content, media_type="image/jpeg", headers={"cache-control": _KEEP})

    @router.get("/api/thumbnail")
    def thumbnail(image: str) -> Response:
        listed = find_image(workspace, image)
        try:
            content = workspace.pixels.thumbnail(listed)
        except (ValueError, OSError) as error:
            raise _unreadable(workspace, listed, error) from error
        return Response(content, media_type="image/jpeg", headers={"cache-control": _KEEP})

    return router


def _document_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.get("/api/document")
    def read(image: str) -> dict[str, Any]:
        find_image(workspace, image)
        return from_document(workspace.file.document(image))

    @router.put("/api/document")
    def write(image: str, body: DocumentBody) -> dict[str, Any]:
        """Saves a changed document; 409 if somebody else changed it meanwhile."""
        find_image(workspace, image)
        if not isinstance(workspace.file, ClickFile):
            raise HTTPException(405, "this page writes no clicks; it reviews labels")
        document = Document(to_clicks(workspace, image, body.objects), body.done)
        saved = workspace.file.replace(image, document, body.version)
        return {"version": saved.version, "ids": [c.annotation_id for c in saved.objects]}

    @router.post("/api/prepare")
    async def prepare(image: str, client: str) -> Response:
        """Prepares an image for previews; answers when that is done."""
        listed = find_image(workspace, image)
        if workspace.preview is not None and not listed.problem:
            await workspace.preview.prepare(client, listed.path)
        return Response(status_code=204)

    @router.post("/api/preview")
    async def preview(image: str, body: PreviewBody) -> dict[str, Any]:
        """Candidates of the selected object; `stale` if the same tab has asked again since."""
        listed = find_image(workspace, image)
        clicks = to_clicks(workspace, image, body.objects)
        if workspace.preview is None or body.selected >= len(clicks):
            raise HTTPException(422, "expected a proposer and an object that is selected")
        found = await workspace.preview.propose(body.client, listed.path, clicks, body.selected)
        if found is None:
            return {"stale": True, "candidates": []}
        return {"stale": False, "candidates": from_proposals(found)}

    return router


def _image_summary(workspace: Workspace, image: ListedImage) -> dict[str, Any]:
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


def _unreadable(workspace: Workspace, image: ListedImage, error: Exception) -> HTTPException:
    """The answer for an image whose pixels cannot be read; the listing keeps why."""
    workspace.listing.report(image.name, str(error))
    return HTTPException(422, str(error))


def _conflict(request: Request, error: Exception) -> JSONResponse:
    del request
    current = from_document(error.document) if isinstance(error, VersionConflictError) else None
    return JSONResponse({"detail": str(error), "document": current}, 409)


def _problem(status: int) -> Callable[[Request, Exception], JSONResponse]:
    """A handler that answers with the error's one line."""

    def handle(request: Request, error: Exception) -> JSONResponse:
        del request
        return JSONResponse({"detail": str(error)}, status)

    return handle

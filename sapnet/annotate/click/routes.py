"""Routes of the click page: changed clicks are saved."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from sapnet.annotate.click.classes import class_routes
from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.documents import Document, VersionConflictError
from sapnet.annotate.suggest.desk import SuggestionDesk
from sapnet.annotate.wire import DocumentBody, from_document
from sapnet.annotate.workspace import Workspace


def click_routes(
    workspace: Workspace[ClickFile], suggestions: SuggestionDesk | None = None
) -> APIRouter:
    """Return the routes that write clicks.

    Args:
        workspace: the images and their clicks file.
        suggestions: keeps which ones are dismissed; None without any.
    """
    router = APIRouter()
    router.include_router(class_routes(workspace.file))

    @router.put("/api/document", response_model=None)
    def write(image: str, body: DocumentBody) -> dict[str, Any] | JSONResponse:
        """Save a changed document; 409 if somebody else changed it in the meantime."""
        workspace.find_image(image)
        document = Document(workspace.to_clicks(image, body.objects), body.done)
        try:
            workspace.file.check_version(image, body.version)  # a refused change dismisses nothing
            if suggestions is not None:
                suggestions.dismiss(image, body.dismissed, body.restored)
            saved = workspace.file.replace(image, document, body.version)
        except VersionConflictError as error:
            content = {"detail": str(error), "document": from_document(error.document)}
            return JSONResponse(content, 409)
        answer = {"version": saved.version, "ids": [c.annotation_id for c in saved.objects]}
        if suggestions is not None:  # other tabs may have dismissed further ones
            answer["dismissed"] = suggestions.dismissed_of(image)
        return answer

    return router

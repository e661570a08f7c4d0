"""Routes of the review page: the queue, documents with decisions, and candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field

from sapnet.annotate.documents import VersionConflictError
from sapnet.annotate.review.desk import QueueEntry, ReviewDesk, ReviewDocument, ReviewedObject
from sapnet.annotate.wire import MAX_POINTS, ObjectBody, few_points, from_object, to_click
from sapnet.geometry.rle import rle_iou, rle_to_json
from sapnet.structures.clicks import RLE, ImageRecord


class ReviewedBody(ObjectBody):
    """An object with the decision on it."""

    decision: Literal["accepted", "picked", "clicked", "drawn", "deleted"] | None = None


class ReviewBody(BaseModel):
    """A changed document and the version it is based on; None replaces any version."""

    version: str | None
    objects: Annotated[
        list[ReviewedBody], Field(max_length=10 * MAX_POINTS), AfterValidator(few_points)
    ]


def review_routes(desk: ReviewDesk) -> APIRouter:
    """Return the routes that the review mode of the page adds.

    Args:
        desk: the labels and the decisions on them.
    """
    router = APIRouter(prefix="/api/review")

    @router.get("/queue")
    def queue() -> list[dict[str, Any]]:
        """Return all labels, the most uncertain first."""
        return [_queue_row(entry) for entry in desk.queue()]

    @router.get("/document")
    def read(image: str) -> dict[str, Any]:
        _find_image(desk, image)
        return _from_reviewed(desk.reviewed(image))

    @router.put("/document", response_model=None)
    def write(image: str, body: ReviewBody) -> dict[str, Any] | JSONResponse:
        """Save decisions; 409 if somebody else changed those of the image in the meantime."""
        record = _find_image(desk, image)
        categories = frozenset(category.category_id for category in desk.categories)
        objects = [
            ReviewedObject(to_click(entry, record, categories), entry.decision)
            for entry in body.objects
        ]
        try:
            saved = desk.replace(image, objects, body.version)
        except VersionConflictError as error:
            content = {"detail": str(error), "document": _from_reviewed(error.document)}
            return JSONResponse(content, 409)
        return {
            "version": saved.version,
            "ids": [entry.click.annotation_id for entry in body_order(saved, objects)],
        }

    @router.get("/candidates")
    def candidates(object_id: int) -> dict[str, Any]:
        """Return the candidates of a label, the most likely first."""
        if object_id not in desk.labels.labels:
            raise HTTPException(404, f"no label of an object {object_id}")
        return _candidates(desk, object_id)

    return router


def body_order(document: ReviewDocument, objects: list[ReviewedObject]) -> list[ReviewedObject]:
    """Return the document's objects in the order of the request."""
    of_id = {entry.click.annotation_id: entry for entry in document.objects}
    return [of_id[entry.click.annotation_id] for entry in objects]


def _find_image(desk: ReviewDesk, name: str) -> ImageRecord:
    try:
        return desk.record(name)
    except KeyError as error:
        raise HTTPException(404, f"no image {name!r} among the labels") from error


def _from_reviewed(document: ReviewDocument) -> dict[str, Any]:
    return {
        "version": document.version,
        "done": False,
        "objects": [
            {**from_object(entry.click), "decision": entry.decision} for entry in document.objects
        ],
    }


def _queue_row(entry: QueueEntry) -> dict[str, Any]:
    return {
        "id": entry.label.annotation_id,
        "image": entry.image.file_name,
        "category_id": entry.label.category_id,
        "uncertainty": entry.label.uncertainty,
        "decision": entry.decision,
    }


def _candidates(desk: ReviewDesk, object_id: int) -> dict[str, Any]:
    """Return the stored proposals, with the label file's selection scores if it has them."""
    label, proposals = desk.labels.labels[object_id], desk.store.find(object_id).proposals
    given = label.candidates
    is_scored = given is not None and given.rles == proposals.rles
    scores = np.array(given.scores) if is_scored and given is not None else proposals.scores
    order = np.argsort(-scores, kind="stable")
    chosen = int(np.argmax(rle_iou([label.rle], proposals.rles)[0]))
    click = desk.store.find(object_id).click
    return {
        "points": click.points,
        "negative_points": click.negative_points,
        "candidates": [
            _candidate(proposals.rles[k], float(scores[k]), proposals.prompts[k]) for k in order
        ],
        "chosen": int(np.flatnonzero(order == chosen)[0]),
        "scored_by": "selection" if is_scored else "proposer",
    }


def _candidate(rle: RLE, score: float, prompt: str) -> Mapping[str, Any]:
    return {"mask": rle_to_json(rle), "score": round(score, 4), "prompt": prompt}

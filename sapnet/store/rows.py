"""Stored objects and images as rows of Arrow tables, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.structures.clicks import RLE, Click, ImageRecord
from sapnet.structures.grids import CROP_SIZE
from sapnet.structures.proposals import GIVEN_MASK, Proposals, StoredObject

if TYPE_CHECKING:
    import pyarrow as pa

BOX_LENGTH = 4
"""Numbers of a known box; an estimated one is followed by its score."""


def object_to_row(stored: StoredObject) -> dict[str, Any]:
    """Convert a stored object to a row of an objects file."""
    proposals = stored.proposals
    return {
        **click_to_row(stored.click),
        "rles": [rle["counts"] for rle in proposals.rles],
        "boxes": proposals.boxes.astype(np.float32).ravel(),
        "scores": proposals.scores.astype(np.float32),
        "prompts": list(proposals.prompts),
        "mask_crops": stored.mask_crops.astype(np.uint8).tobytes(),
        "holds_rival": stored.holds_rival.astype(bool).tolist(),
    }


def click_to_row(click: Click) -> dict[str, Any]:
    """Convert a click to the columns that hold it; a known mask is stored as a proposal."""
    return {
        "annotation_id": click.annotation_id,
        "image_id": click.image_id,
        "category_id": click.category_id,
        "points": [float(value) for point in click.points for value in point],
        "negative_points": [float(value) for point in click.negative_points for value in point],
        "box": _box_to_list(click),
    }


def image_to_row(image: ImageRecord, first_object: int, num_objects: int) -> dict[str, Any]:
    """Convert an image to a row of an images file."""
    return {
        "image_id": image.image_id,
        "file_name": image.file_name,
        "width": image.width,
        "height": image.height,
        "first_object": first_object,
        "num_objects": num_objects,
    }


def objects_from_rows(rows: pa.RecordBatch, image_size: tuple[int, int]) -> list[StoredObject]:
    """Convert the rows of one image to stored objects, which no longer refer to the file.

    Args:
        rows: of an objects file.
        image_size: (height, width) of the image.
    """
    return [_object_from_row(row, image_size) for row in rows.to_pylist()]


def _object_from_row(row: dict[str, Any], image_size: tuple[int, int]) -> StoredObject:
    crops = np.frombuffer(row["mask_crops"], np.uint8)
    rles = tuple(RLE(size=list(image_size), counts=counts) for counts in row["rles"])
    prompts = tuple(row["prompts"])
    box, box_score = _box_and_score(row["box"])
    return StoredObject(
        click=Click(
            annotation_id=row["annotation_id"],
            image_id=row["image_id"],
            category_id=row["category_id"],
            points=_pairs(row["points"]),
            negative_points=_pairs(row["negative_points"]),
            box=box,
            mask=rles[0] if prompts == (GIVEN_MASK,) else None,  # stored once, as the proposal
            box_score=box_score,
        ),
        proposals=Proposals(
            rles=rles,
            boxes=np.asarray(row["boxes"], np.float32).reshape(-1, 4),
            scores=np.asarray(row["scores"], np.float32),
            prompts=prompts,
        ),
        mask_crops=crops.reshape(-1, CROP_SIZE, CROP_SIZE).copy(),
        holds_rival=np.asarray(row["holds_rival"], bool),
    )


def _box_to_list(click: Click) -> list[float] | None:
    if click.box is None:
        return None
    return [*click.box] if click.box_score is None else [*click.box, click.box_score]


def _box_and_score(
    numbers: list[float] | None,
) -> tuple[tuple[float, float, float, float] | None, float | None]:
    if numbers is None:
        return None, None
    x1, y1, x2, y2, *score = numbers
    return (x1, y1, x2, y2), score[0] if score else None


def _pairs(flat: Sequence[float]) -> tuple[tuple[float, float], ...]:
    return tuple(zip(flat[::2], flat[1::2], strict=True))

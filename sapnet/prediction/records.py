"""Records of COCO results files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sapnet.geometry.rle import encode_masks, rle_areas, rle_boxes, rle_to_json

if TYPE_CHECKING:
    from sapnet.structures.clicks import Category
    from sapnet.structures.outputs import Predictions


def result_records(
    predictions: Predictions,
    categories: Sequence[Category],
    image_id: int,
    *,
    file_name: str | None = None,
    score_threshold: float = 0.0,
) -> list[dict[str, Any]]:
    """Convert the predictions of one image to records of a COCO results file.

    Args:
        predictions: P instances of one image, original frame.
        categories: the C categories by label.
        image_id: id of the image.
        file_name: path of the image below the folder of images; None leaves the key out.
        score_threshold: least score of an instance that is kept.

    Returns:
        A record per kept instance with at least one pixel, in the order of the predictions. (A
        small mask may vanish when it is resized to the original frame.)
    """
    kept = (predictions.scores >= score_threshold).cpu()
    rles = encode_masks(predictions.masks.cpu()[kept].numpy())
    labels = predictions.labels.cpu()[kept].tolist()
    scores = predictions.scores.cpu()[kept].tolist()
    boxes, areas = rle_boxes(rles).tolist(), rle_areas(rles)
    head: dict[str, Any] = {"image_id": image_id}
    if file_name is not None:
        head["file_name"] = file_name
    return [
        {
            **head,
            "category_id": categories[label].category_id,
            "category_name": categories[label].name,
            "segmentation": rle_to_json(rle),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": score,
        }
        for rle, label, score, (x1, y1, x2, y2), area in zip(
            rles, labels, scores, boxes, areas, strict=True
        )
        if area
    ]

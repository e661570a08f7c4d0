"""Files of the masks of clicks on one image: COCO json, a picture each, and an overlay."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sapnet.geometry.rle import encode_masks, rle_areas, rle_boxes, rle_to_json
from sapnet.prediction.drawing import NEGATIVE_COLOR, draw_box, draw_click
from sapnet.system.files import write_json_atomic

if TYPE_CHECKING:
    from sapnet.prediction.clicked.text import ObjectPrompt
    from sapnet.prediction.detections import Detections
    from sapnet.system.from_json import JSON

MASKS_NAME, OVERLAY_NAME, MASKS_FOLDER = "masks.json", "overlay.png", "masks"

UNNAMED = "object"
"""Category of objects whose class nobody named."""

_MASK_FILE = re.compile(r"\d{3,}(_.*)?\.png")
_IMAGE_ID = 1


@dataclass(frozen=True)
class ClickedFiles:
    """Paths of the written files.

    Attributes:
        masks: COCO json of all masks.
        overlay: the image with masks and clicks drawn on it.
        pictures: one black and white picture per mask, in the order of the objects.
    """

    masks: Path
    overlay: Path
    pictures: tuple[Path, ...]


def check_folder(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder whose files would be replaced without a request.

    Raises:
        FileExistsError: it is a file, or holds files and `overwrite` is false.
    """
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out}: expected a folder, found a file. Give another --out.")
    if not overwrite and out.is_dir() and any(out.iterdir()):
        raise FileExistsError(
            f"{out}: expected a new or empty folder, found files in it. Give another --out, or "
            "--overwrite to replace the files of an earlier run."
        )


def write_clicked(
    out: Path,
    file_name: str,
    prompts: Sequence[ObjectPrompt],
    detections: Detections,
    info: Mapping[str, JSON],
) -> ClickedFiles:
    """Write the masks of clicks on one image; mask pictures of an earlier run are removed.

    Args:
        out: folder; made if missing.
        file_name: name of the image.
        prompts: N objects as they were asked for.
        detections: their N masks, in the same order, with the image.
        info: what made the masks, for the json file.
    """
    folder = out / MASKS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if _MASK_FILE.fullmatch(old.name):
            old.unlink()
    pictures = []
    for n, (prompt, mask) in enumerate(zip(prompts, detections.mask, strict=True), start=1):
        name = re.sub(r"[^\w-]+", "_", prompt.label or UNNAMED)
        pictures.append(folder / f"{n:03}_{name}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(pictures[-1])
    overlay = out / OVERLAY_NAME
    Image.fromarray(draw_clicked(prompts, detections)).save(overlay)
    masks = out / MASKS_NAME
    write_json_atomic(masks, {"info": dict(info), **_instances(file_name, prompts, detections)})
    return ClickedFiles(masks, overlay, tuple(pictures))


def draw_clicked(prompts: Sequence[ObjectPrompt], detections: Detections) -> np.ndarray:
    """Draw the masks, and the clicks and boxes that were asked for.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    picture: np.ndarray = np.asarray(detections.plot())
    for prompt in prompts:
        if prompt.box is not None:
            picture = draw_box(picture, np.array(prompt.box))
        for point in prompt.points:
            picture = draw_click(picture, point)
        for point in prompt.negative_points:
            picture = draw_click(picture, point, NEGATIVE_COLOR)
    return picture


def _instances(
    file_name: str, prompts: Sequence[ObjectPrompt], detections: Detections
) -> dict[str, Any]:
    """Make the sections of a COCO instance file."""
    names = list(dict.fromkeys(prompt.label or UNNAMED for prompt in prompts))
    height, width = detections.mask.shape[1:]
    rles = encode_masks(detections.mask)
    rows = zip(
        prompts, rles, rle_boxes(rles).tolist(), rle_areas(rles), detections.confidence, strict=True
    )
    return {
        "images": [{"id": _IMAGE_ID, "file_name": file_name, "width": width, "height": height}],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names, start=1)],
        "annotations": [
            {
                "id": n,
                "image_id": _IMAGE_ID,
                "category_id": names.index(prompt.label or UNNAMED) + 1,
                "segmentation": rle_to_json(rle),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": int(area),
                "iscrowd": 0,
                "score": float(score),
                "point": list(prompt.points[0]),
                "negative_points": [list(point) for point in prompt.negative_points],
            }
            for n, (prompt, rle, (x1, y1, x2, y2), area, score) in enumerate(rows, start=1)
        ],
    }

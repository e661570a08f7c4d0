"""Predict instances of new images: a COCO results file and pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.data.images import list_images, load_image
from sapnet.geometry.rle import encode_masks, rle_areas, rle_to_json
from sapnet.network.model import SAPNet
from sapnet.prediction.detections import to_detections
from sapnet.system.files import write_json_atomic
from sapnet.system.parallel import map_ahead

if TYPE_CHECKING:
    import supervision as sv

    from sapnet.structures.clicks import Category
    from sapnet.structures.outputs import Predictions


@dataclass(frozen=True)
class PredictSummary:
    """What `predict` wrote: the results file, the pictures' folder (or None) and counts."""

    results: Path
    pictures: Path | None
    num_images: int
    num_instances: int


def predict(
    model: SAPNet,
    images: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    score_threshold: float = 0.0,
    draw_threshold: float = 0.3,
    draw: bool = True,
    workers: int = 4,
) -> PredictSummary:
    """Instances of many images: a COCO results file and pictures.

    The records carry the image's `file_name` besides its `image_id`. The id is the number in the
    file's name where all names are different numbers (as COCO's are), else the place in the list.

    Args:
        model: a trained network.
        images: a folder, a file, or files.
        out: folder for `results.json` and `pictures/`; made if absent.
        score_threshold: least score of a record.
        draw_threshold: least score of an instance drawn on a picture.
        draw: whether pictures are written.
        workers: threads that read images, encode masks and write pictures while the network works
            on others.

    Raises:
        ValueError: no worker.
    """
    from tqdm import tqdm

    if workers < 1:
        raise ValueError(f"workers: expected at least 1, found {workers}")
    paths = list_images(images)
    out = Path(out)
    pictures = out / "pictures" if draw else None
    (pictures or out).mkdir(parents=True, exist_ok=True)
    finish = partial(
        _finish_image,
        categories=model.categories,
        score_threshold=score_threshold,
        draw_threshold=draw_threshold,
    )
    picture_paths = [pictures and pictures / f"{name}.jpg" for name in _unique_names(paths)]
    targets = zip(paths, image_ids(paths), picture_paths, strict=True)
    records: list[dict[str, Any]] = []
    with ThreadPoolExecutor(workers) as pool:
        loaded = map_ahead(pool, load_image, paths, ahead=workers)
        segmented = (
            _Segmented(pixels, model.segment_pixels(pixels), *target)
            for pixels, target in zip(loaded, targets, strict=True)
        )
        finished = map_ahead(pool, finish, segmented, ahead=workers)
        for found in tqdm(finished, total=len(paths), desc="predict", unit="image"):
            records += found
    write_json_atomic(out / "results.json", records)
    return PredictSummary(out / "results.json", pictures, len(paths), len(records))


@dataclass(frozen=True)
class _Segmented:
    """An image with its instances, and where its records and its picture belong."""

    pixels: np.ndarray
    predictions: Predictions
    path: Path
    image_id: int
    picture: Path | None


def _finish_image(
    image: _Segmented,
    categories: tuple[Category, ...],
    score_threshold: float,
    draw_threshold: float,
) -> list[dict[str, Any]]:
    """Records of one image; draws its picture where one is asked for."""
    from PIL import Image

    from sapnet.prediction.drawing import draw_predictions

    detections = to_detections(image.predictions, categories, score_threshold)
    if image.picture is not None:
        kept = detections[detections.confidence >= draw_threshold]
        drawn = draw_predictions(image.pixels, kept, [category.name for category in categories])
        Image.fromarray(drawn).save(image.picture, quality=90)
    return list(_result_records(detections, image.image_id, image.path.name))


def image_ids(paths: Sequence[Path]) -> list[int]:
    """Ids of images in results: the numbers that they are named by, else their places from 1.

    Args:
        paths: all images, in the order in which they are predicted.

    Returns:
        One id per image, no two alike.
    """
    stems = [path.stem for path in paths]
    if all(stem.isascii() and stem.isdigit() for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(paths) + 1))


def _unique_names(paths: Sequence[Path]) -> list[str]:
    """A picture's name per image: its stem, with the place in the list where stems repeat."""
    counts = Counter(path.stem for path in paths)
    return [
        path.stem if counts[path.stem] == 1 else f"{path.stem}-{place}"
        for place, path in enumerate(paths, start=1)
    ]


def _result_records(
    detections: sv.Detections, image_id: int, file_name: str
) -> Iterator[dict[str, Any]]:
    if len(detections) == 0:
        return
    rles = encode_masks(detections.mask)
    for place, (rle, area) in enumerate(zip(rles, rle_areas(rles), strict=True)):
        if area == 0:  # a mask may vanish when it is resized to the original
            continue
        x1, y1, x2, y2 = detections.xyxy[place].tolist()
        yield {
            "image_id": image_id,
            "file_name": file_name,
            "category_id": int(detections.data["category_id"][place]),
            "segmentation": rle_to_json(rle),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": float(detections.confidence[place]),
        }

"""A data set of discs, for reports."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.geometry.rle import encode_masks

HEIGHT, WIDTH, NUM_IMAGES = 120, 160, 4
FACTORS = (0.5, 0.8, 1.0, 1.5)
"""Radii of the candidates, in radii of the disc."""


def _disc(height: int, x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:height, :WIDTH]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def _json_rles(masks: list[np.ndarray]) -> list[dict[str, object]]:
    rles = encode_masks(np.stack(masks))
    return [{"size": rle["size"], "counts": rle["counts"].decode()} for rle in rles]


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two discs each, with truth, labels with four candidates, and predictions."""
    return _draw(tmp_path_factory.mktemp("data"), HEIGHT, FACTORS)


@pytest.fixture(scope="module")
def upright_discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on upright images with eight candidates, whose report is the longest."""
    return _draw(tmp_path_factory.mktemp("upright"), 240, (*FACTORS, 0.4, 0.6, 1.2, 2.0))


def _draw(folder: Path, height: int, factors: tuple[float, ...]) -> Path:
    rng = np.random.default_rng(0)
    images, truth, labels, results = [], [], [], []
    for image_id in range(NUM_IMAGES):
        picture = rng.integers(90, 140, (height, WIDTH, 3))
        record = {"file_name": f"{image_id}.png", "height": height, "width": WIDTH}
        images.append({"id": image_id, **record})
        for place in range(2):
            x, y, radius = 45 + 70 * place, 60 + 8 * image_id, 22.0
            picture[_disc(height, x, y, radius)] = (200, 80 + 60 * place, 60)
            candidates = _json_rles([_disc(height, x, y, radius * f) for f in factors])
            chosen = (image_id + place) % 4
            annotation = {
                "id": 10 * image_id + place,
                "image_id": image_id,
                "category_id": 1 + place,
                "iscrowd": 0,
            }
            truth.append({**annotation, "segmentation": candidates[2]})
            scores = [0.9 if k == chosen else min(0.2 + 0.1 * k, 0.8) for k in range(len(factors))]
            found = {
                "segmentations": candidates,
                "scores": scores,
                "own_scores": [0.5] * len(factors),
            }
            label = {"segmentation": candidates[chosen], "score": 0.9, "candidates": found}
            labels.append({**annotation, **label, "point": [x, y]})
            result = {"segmentation": candidates[1 + place], "score": 0.9 - 0.65 * place}
            results.append({"image_id": image_id, "category_id": 1 + place, **result})
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{image_id}.png")
    frame = {
        "images": images,
        "categories": [{"id": 1, "name": "lamp <b>"}, {"id": 2, "name": "větrník"}],
    }
    (folder / "truth.json").write_text(json.dumps({**frame, "annotations": truth}))
    (folder / "labels.json").write_text(json.dumps({**frame, "annotations": labels}))
    (folder / "results.json").write_text(json.dumps(results))
    return folder

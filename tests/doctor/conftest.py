"""A small data set on disk that is in order, to be spoilt one way at a time."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sapnet.doctor.finding import Finding

WIDTH, HEIGHT, NUM_IMAGES, PER_IMAGE = 64, 48, 3, 10


@dataclass
class Small:
    """Three images of 64 x 48 px with ten objects each, of the categories 1 and 2."""

    root: Path
    content: dict[str, Any]

    def write(self) -> Path:
        path = self.root.parent / "clicks.json"
        path.write_text(json.dumps(self.content), encoding="utf-8")
        return path


@pytest.fixture
def small(tmp_path: Path) -> Small:
    root = tmp_path / "images"
    root.mkdir()
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for image_id in range(1, NUM_IMAGES + 1):
        pixels = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"{image_id}.png")
        record = {"file_name": f"{image_id}.png", "width": WIDTH, "height": HEIGHT}
        images.append({"id": image_id, **record})
        for place in range(PER_IMAGE):
            x, y = 4.5 + 12 * (place % 5), 10.5 + 24 * (place // 5)
            square = [x - 3, y - 3, x + 3, y - 3, x + 3, y + 3, x - 3, y + 3]
            annotations.append(
                {
                    "id": 100 * image_id + place,
                    "image_id": image_id,
                    "category_id": 1 + place % 2,
                    "point": [x, y],
                    "segmentation": [[round(value - 0.5) for value in square]],
                }
            )
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    return Small(root, {"images": images, "categories": categories, "annotations": annotations})


@pytest.fixture
def kinds() -> Callable[[Sequence[Finding]], dict[str, list[str]]]:
    """Places by severity and kind."""

    def group(findings: Sequence[Finding]) -> dict[str, list[str]]:
        grouped: dict[str, list[str]] = {}
        for finding in findings:
            grouped.setdefault(f"{finding.severity}: {finding.kind}", []).append(finding.place)
        return grouped

    return group

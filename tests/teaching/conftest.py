from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.teaching.config import SourceConfig


@pytest.fixture
def source(tmp_path: Path) -> SourceConfig:
    """Two images of a bright and a dark square each, the second one of a category of wholes."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for image_id in (1, 2):
        pixels = rng.integers(100, 120, (64, 96, 3), np.uint8)
        boxes = [(10, 12, 24, 24), (50, 20, 32, 36)]
        for place, (x, y, width, height) in enumerate(boxes):
            pixels[y : y + height, x : x + width] = (240, 10)[place]
            polygon = [x, y, x + width, y, x + width, y + height, x, y + height]
            annotations.append(
                {
                    "id": 10 * image_id + place,
                    "image_id": image_id,
                    "category_id": 1 + place,
                    "segmentation": [polygon],
                }
            )
        name = f"{image_id}.png"
        Image.fromarray(pixels).save(tmp_path / name)
        images.append({"id": image_id, "file_name": name, "width": 96, "height": 64})
    categories = [{"id": 1, "name": "part"}, {"id": 2, "name": "whole"}]
    truth = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "instances.json").write_text(json.dumps(truth))
    return SourceConfig(str(tmp_path), str(tmp_path / "instances.json"))

"""Tiny data sets made on the spot."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Write = Callable[[dict[str, Any]], Path]


@pytest.fixture
def write_json(tmp_path: Path) -> Write:
    """Write a dictionary to clicks.json and return its path."""

    def write(content: dict[str, Any]) -> Path:
        path = tmp_path / "clicks.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def content() -> dict[str, Any]:
    """A valid file: a.jpg is 640 x 480 with one object of category 7; category 3 is unused."""
    return {
        "images": [{"id": 5, "file_name": "a.jpg", "width": 640, "height": 480}],
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
        "annotations": [
            {
                "id": 17,
                "image_id": 5,
                "category_id": 7,
                "point": [12.5, 20.5],
                "segmentation": [[10, 20, 14, 20, 14, 26, 10, 26]],
            }
        ],
    }

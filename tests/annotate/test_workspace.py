from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from fastapi import HTTPException

from sapnet.annotate.wire import ObjectBody


def test_only_listed_images_are_found(folder: Path, open_folder: Callable[..., Any]) -> None:
    workspace = open_folder(folder)
    assert workspace.find_image("a.png").path == folder / "a.png"
    with pytest.raises(HTTPException, match=r"no image '\.\./clicks\.json'"):
        workspace.find_image("../clicks.json")


def test_objects_become_clicks_of_their_image(
    folder: Path, open_folder: Callable[..., Any]
) -> None:
    workspace = open_folder(folder)
    body = ObjectBody(id=3, category_id=2, points=[(5.5, 6.5)])
    (click,) = workspace.to_clicks("a.png", [body])
    assert (click.annotation_id, click.category_id, click.points) == (3, 2, ((5.5, 6.5),))
    assert click.image_id == workspace.file.record("a.png").image_id
    with pytest.raises(ValueError, match="expected a category id of"):
        workspace.to_clicks("a.png", [ObjectBody(category_id=9, points=[(5.5, 6.5)])])

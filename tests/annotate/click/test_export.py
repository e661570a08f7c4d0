"""Export of saved masks, and the proposer that the page names."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from fastapi.testclient import TestClient
from PIL import Image

from sapnet.annotate.click.export import FINDINGS_HEADER
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.documents import Document
from sapnet.annotate.workspace import Workspace
from sapnet.commands.convert import TARGETS
from sapnet.data.choices import MASK_FORMATS, MaskFormat
from sapnet.data.formats.writers.export import FILE_FORMATS, GEO_FORMATS
from sapnet.geometry.rle import encode_masks, rle_areas, to_rle
from sapnet.structures.clicks import Click
from tests.annotate.pages import app_of


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """Two images: one with a mask and done, one with a click alone."""
    images = tmp_path / "images"
    images.mkdir()
    for name in "ab":
        Image.new("RGB", (64, 48)).save(images / f"{name}.png")
    listing, file = open_click_file(images, tmp_path / "clicks.json", ("car",))
    client = TestClient(app_of(Workspace(listing, file)), base_url="http://127.0.0.1")
    assert client.get("/api/export?to=coco-rle").status_code == 422
    mask = np.zeros((1, 48, 64), np.uint8)
    mask[0, 10:30, 20:50] = 1
    made = Click(0, 1, 1, ((30.5, 20.5),), mask=encode_masks(mask)[0])
    file.replace("a.png", Document((made,), True), None)
    file.replace("b.png", Document((Click(0, 2, 1, ((5.5, 5.5),)),)), None)
    return client


def test_coco_holds_the_masks(client: TestClient) -> None:
    answer = client.get("/api/export", params={"to": "coco-rle", "scope": "done"})
    assert answer.headers["content-disposition"] == 'attachment; filename="coco-rle.json"'
    content: dict[str, Any] = json.loads(answer.content)
    (annotation,) = content["annotations"]
    assert rle_areas([to_rle(annotation["segmentation"], 48, 64)])[0] == 20 * 30
    assert [image["file_name"] for image in content["images"]] == ["a.png"]


@pytest.mark.parametrize("to", MASK_FORMATS)
def test_every_format_of_convert_is_written(client: TestClient, to: MaskFormat) -> None:
    if to in GEO_FORMATS:
        pytest.importorskip("rasterio", reason="the extra `geo`")
    answer = client.get("/api/export", params={"to": to})
    assert answer.status_code == 200, answer.text
    name = f"{to}{FILE_FORMATS.get(to, '.zip')}"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    if to in FILE_FORMATS:
        assert int(answer.headers["content-length"]) == len(answer.content) > 0
        return
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        assert len(packed.namelist()) > 1
        assert all(entry.startswith(f"{to}/") for entry in packed.namelist())


def test_the_formats_are_those_of_convert(client: TestClient) -> None:
    assert tuple(client.get("/api/export/formats").json()) == get_args(MaskFormat)
    assert TARGETS == ("clicks", *get_args(MaskFormat))


def test_what_a_format_cannot_hold_is_told(client: TestClient) -> None:
    told = unquote(client.get("/api/export?to=roboflow").headers[FINDINGS_HEADER])
    assert "exports without images to validate: RF-DETR wants valid" in told
    assert client.get("/api/export?to=coco-rle").headers[FINDINGS_HEADER] == ""


def test_unknown_formats_and_checkpoints_are_refused(client: TestClient) -> None:
    assert client.get("/api/export?to=nothing").status_code == 422
    assert client.post("/api/proposer", json={"checkpoint": "x/y"}).status_code == 422


def test_the_proposer_and_better_ones_are_named(client: TestClient) -> None:
    found = client.get("/api/proposer").json()
    assert found["name"] is None
    assert {"facebook/sam-vit-base"} <= {offer["checkpoint"] for offer in found["offers"]}
    for offer in found["offers"]:
        assert offer["licence"] == "Apache-2.0"
        assert offer["command"].endswith(offer["checkpoint"])
    assert found["fixed"] == "this page was started with --proposer none"
    refused = client.post("/api/proposer", json={"checkpoint": "facebook/sam-vit-base"})
    assert "--proposer none; start it without" in refused.json()["detail"]

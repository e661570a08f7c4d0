from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.clicks import load_clicks
from sapnet.data.coco import load_instances
from sapnet.demo.config import DemoConfig
from sapnet.demo.parts import NUCLEI, prepare_parts
from sapnet.geometry.rle import decode_masks

MOST_BYTES = 3 * 2**20
"""Size that the images of the demo may have in the wheel."""


def test_the_nuclei_are_small_and_complete() -> None:
    files = [path for path in NUCLEI.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert "CC0" in (NUCLEI / "README.md").read_text("utf-8")
    seen = set()
    for split in ("train", "val"):
        truth = load_instances(NUCLEI / f"instances_{split}.json")
        names = {image.file_name for image in truth.images}
        assert names == {path.name for path in (NUCLEI / "images" / split).iterdir()}
        assert not names & seen
        seen |= names
        for image in truth.images:
            with Image.open(NUCLEI / "images" / split / image.file_name) as opened:
                assert opened.size == (image.width, image.height)
        text = (NUCLEI / "README.md").read_text("utf-8")
        assert f"{len(truth.instances)} " in text
    assert len(seen) == 30


def test_parts_have_the_clicks_of_their_images(tmp_path: Path) -> None:
    cfg = DemoConfig(out=tmp_path, train_images=4, test_images=1, size=128, workers=1)
    parts = {part.name: part for part in prepare_parts(cfg)}
    assert list(parts) == ["simulated", "nuclei"]
    assert [part.proposer for part in parts.values()] == ["simulated", "click"]
    assert [part.training.epochs for part in parts.values()] == [3, 24]
    simulated, nuclei = (load_clicks(part.clicks) for part in parts.values())
    assert len(simulated.images) == 4
    truth = load_instances(parts["nuclei"].train.truth)
    assert len(nuclei.clicks) == len(truth.instances)
    masks = {one.annotation_id: one.rle() for one in truth.instances}
    for click in nuclei.clicks[::50]:
        x, y = (int(value) for value in click.point)
        assert np.asarray(decode_masks([masks[click.annotation_id]])[0])[y, x]


def test_only_the_wanted_parts_are_prepared(tmp_path: Path) -> None:
    (part,) = prepare_parts(DemoConfig(out=tmp_path, parts=("nuclei",), nuclei_epochs=2))
    assert part.training.epochs == 2
    assert part.model.backbone != "test_resnet"
    assert not (tmp_path / "data").exists()
    with pytest.raises(ValueError, match="expected simulated, nuclei or both"):
        DemoConfig(parts=())
    with pytest.raises(ValueError, match="nuclei_epochs: expected at least 1, found 0"):
        DemoConfig(nuclei_epochs=0)

"""What a store keeps of what was annotated, through `sapnet propose` and a second one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sapnet.data.clicks import save_clicks
from sapnet.geometry.rle import to_rle
from sapnet.pipeline.proposing import propose
from sapnet.proposals.config import ProposeConfig
from sapnet.store.layout import COVERAGE_NAME
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category, Click, ClickSet, Coverage, IgnoredRegion, ImageRecord
from sapnet.structures.coverage import Unmarked

REGION = IgnoredRegion(2, to_rle([[1, 1, 8, 1, 8, 8, 1, 8]], 24, 32))
IMAGES = tuple(ImageRecord(number, f"{number}.png", 32, 24) for number in (1, 2, 3))
CLICKS = ClickSet(
    IMAGES,
    (Category(1, "cat"), Category(2, "dog")),
    tuple(Click(number, number, 1, ((10.5, 12.5),)) for number in (1, 2, 3)),
)


def run(folder: Path, clicks: ClickSet, unmarked: Unmarked | None = None) -> ProposalStore:
    for image in IMAGES:
        Image.new("RGB", (32, 24), (60 * image.image_id, 9, 9)).save(folder / image.file_name)
    path = save_clicks(folder / "clicks.json", clicks)
    file = folder / "masks.json"
    square = [[5, 5, 20, 5, 20, 20, 5, 20]]
    file.write_text(
        json.dumps([{"annotation_id": n, "segmentations": [square]} for n in (1, 2, 3)])
    )
    out = folder / "store"
    cfg = ProposeConfig(str(folder), str(path), str(out), proposer="file", file=file)
    propose(replace(cfg, unmarked=unmarked))
    return ProposalStore(out)


def test_marks_and_regions_are_kept(tmp_path: Path) -> None:
    coverage = {1: Coverage(()), 2: Coverage((1, 2)), 3: Coverage(None, (REGION,))}
    assert run(tmp_path, replace(CLICKS, coverage=coverage)).coverage == coverage


def test_nothing_said_is_no_file(tmp_path: Path) -> None:
    store = run(tmp_path, CLICKS)
    assert not (store.path / COVERAGE_NAME).exists()
    assert store.coverage == {}


def test_marks_that_change_propose_for_nothing_again(tmp_path: Path) -> None:
    store = run(tmp_path, replace(CLICKS, coverage={1: Coverage((1,))}))
    shards = {path: path.stat().st_mtime_ns for path in (store.path / "shards").iterdir()}
    assert run(tmp_path, replace(CLICKS, coverage={2: Coverage(())})).coverage == {2: Coverage(())}
    assert run(tmp_path, CLICKS).coverage == {}
    assert {p: p.stat().st_mtime_ns for p in (store.path / "shards").iterdir()} == shards


def test_unmarked_images_are_marked_as_told(tmp_path: Path) -> None:
    store = run(tmp_path, replace(CLICKS, coverage={1: Coverage(())}), "partial")
    assert store.coverage == {1: Coverage(()), 2: Coverage((1, 2)), 3: Coverage((1, 2))}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    store = run(tmp_path, replace(CLICKS, coverage={1: Coverage(())}))
    (store.path / COVERAGE_NAME).write_text('{"images": [{"id": 1, "partial": 3}]}')
    with pytest.raises(
        ValueError, match=r"coverage\.json: damaged .*Run the same `sapnet propose`"
    ):
        _ = ProposalStore(store.path).coverage

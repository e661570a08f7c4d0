"""Files of windows, other segmenters, advice, origins, marks and maps: read, or one line."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from readers import GOOD, make_set

from sapnet.cli import main
from sapnet.data.clicks import load_clicks
from sapnet.data.coverage.stored import load_coverage
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.readers.geo import read_geo
from sapnet.data.formats.readers.origins import ORIGIN_FILE, read_origins
from sapnet.data.geo.features import Feature, write_geopackage
from sapnet.data.images import load_image
from sapnet.network.loading import load_predictor
from sapnet.network.model import Network
from sapnet.pipeline.advice import advise, read_state
from sapnet.segmentation.others import mask2former_weights, torchvision_weights
from sapnet.segmentation.others.config import OtherSegmenterConfig
from sapnet.store.layout import COVERAGE_NAME, MANIFEST_NAME
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category
from tests.faults.test_inputs import WRONG, changed, places
from tests.faults.test_run_files import JUNK, replaced, tried
from tests.support.small_mask2former import save_small_mask2former

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from tests.conftest import TinySet

CATEGORIES = (Category(1, "cup"), Category(2, "cat"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images of 32 x 24 px, clicks and truth."""
    folder = tmp_path_factory.mktemp("further") / "set"
    make_set(folder)
    return folder


# --- marks of partial images --------------------------------------------------------------------

MARKED = {
    **GOOD["clicks"],
    "images": [
        {**GOOD["clicks"]["images"][0], "done": True, "not_exhaustive_category_ids": [3]},
        {**GOOD["clicks"]["images"][1], "done": None, "neg_category_ids": [1]},
    ],
}
MARKED["annotations"] = [
    *MARKED["annotations"],
    {"id": 6, "image_id": 1, "category_id": 1, "bbox": [20, 2, 4, 4], "ignore": 1, "difficult": 0,
     "iscrowd": 0},
]  # fmt: skip


def test_marks_in_clicks_files(folder: Path) -> None:
    path = folder / "marked.json"
    path.write_text(json.dumps(MARKED))
    assert load_clicks(path).coverage[1].partial == (3,)
    ways = [way for way in places(MARKED) if way and way[0] in ("images", "annotations")]
    last = len(MARKED["annotations"]) - 1
    ways += [("annotations", last, key) for key in MARKED["annotations"][last]]
    marker = "<the wrong value>"
    for way in ways:
        if way[-1] in ("done", "not_exhaustive_category_ids", "neg_category_ids", 0) or (
            way[:2] == ("annotations", last)
        ):
            template = json.dumps(changed(MARKED, way, marker))
            for text in WRONG:
                path.write_text(template.replace(json.dumps(marker), text), encoding="utf-8")
                tried(f"{way} = {text[:20]}", lambda: load_clicks(path), path.name)


def test_marks_in_stores(tmp_path: Path) -> None:
    path = tmp_path / COVERAGE_NAME
    mask = {"size": [24, 32], "counts": "Z28`0000000000000000n>"}
    region = {"category_id": 3, "segmentation": mask}
    good = {"images": [{"id": 1, "partial": [3]}, {"id": 2, "ignored": [region]}]}
    replaced(path, good, lambda: load_coverage(path))


# --- windows ------------------------------------------------------------------------------------


def test_windows_in_stores(tiny_set: TinySet, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(tiny_set.store, store)
    path = store / MANIFEST_NAME
    good = json.loads(path.read_text())
    good["settings"] |= {"tile": 64, "overlap": 16, "bands": [1]}

    def read() -> object:
        opened = ProposalStore(store)
        return opened.parts, opened.coverage

    path.write_text(json.dumps(good))
    assert tried("right", read, "") is None
    for key in ("tile", "overlap", "bands"):
        for text in WRONG:
            value = json.dumps(changed(good, ("settings", key), "<>")).replace('"<>"', text)
            path.write_text(value, encoding="utf-8")
            tried(f"{key} = {text[:20]}", read, "store")


ADDRESSES = [
    "a.png#xywh=0,0,8,8", "a.png#xywh=0,0,0,8", "a.png#xywh=999999999,0,8,8", "a.png#bands=1",
    "a.png#xywh=0,0,999999999,999999999", "a.png#bands=9", "a.png#bands=1,2", "a.png#bands=0",
    "a.png#xywh=30,20,8,8&bands=3,2,1", "a.png#xywh=-1,0,8,8", "#xywh=0,0,8,8", "a.png#", "#",
    "../a.png#xywh=0,0,8,8", "a.png#xywh=0,0,8,8#xywh=0,0,4,4", "a.png#xywh=0,0,8,8&bands=",
    "none.png#xywh=0,0,8,8",
]  # fmt: skip


@pytest.mark.parametrize("name", ADDRESSES)
def test_addresses_of_windows(name: str, folder: Path) -> None:
    """As names in a clicks file, and as files."""
    content = json.loads(json.dumps(GOOD["clicks"]))
    content["images"][0] |= {"file_name": name, "width": 8, "height": 8}
    path = folder / "addresses.json"
    path.write_text(json.dumps(content))
    tried(name, lambda: load_clicks(path), path.name)
    tried(name, lambda: load_image(folder / "images" / name), "images")


# --- other segmenters ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tiny_model: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each other segmenter, and the checkpoint of one."""
    folder = tmp_path_factory.mktemp("others")
    save_small_mask2former(folder / "checkpoint", ("cup", "cat"))
    (folder / "checkpoint" / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.2, 0.2, 0.2]})
    )
    known = mask2former_weights.read_architecture(str(folder / "checkpoint"))
    for name, architecture in (
        ("mask2former", known),
        ("mask-rcnn", {"anchors": [8, 16, 32, 64, 128]}),
    ):
        other = OtherSegmenterConfig(name, None, architecture)  # type: ignore[arg-type]
        torch.manual_seed(0)
        Network(replace(tiny_model, other=other), CATEGORIES).save_pretrained(folder / name)
    return folder


def spoil(path: Path, ways: list[tuple[Any, ...]], read: Callable[[], object], named: str) -> None:
    """Put a wrong value in the place of each of some; the file is as before afterwards."""
    before = path.read_text()
    content, rng = json.loads(before), random.Random(1)
    try:
        for way in ways:
            for text in rng.sample(WRONG, 3):
                value = json.dumps(changed(content, way, "<>")).replace('"<>"', text)
                path.write_text(value, encoding="utf-8")
                if text in ("1e9", "0.5") or text.startswith("9" * 9):
                    continue  # a network of a billion channels is no fault of the reader
                tried(f"{way} = {text[:20]}", read, named)
        for junk in JUNK:
            path.write_bytes(junk)
            tried(f"{junk[:20]!r}", read, named)
    finally:
        path.write_text(before)


@pytest.mark.parametrize("name", ["mask-rcnn", "mask2former"])
def test_runs_of_other_segmenters(name: str, runs: Path) -> None:
    path = runs / name / "config.json"
    content = json.loads(path.read_text())
    inner = ("settings", "other")
    ways = [(*inner, *way) for way in places(content["settings"]["other"])]
    chosen = ways[:4] + random.Random(0).sample(ways[4:], min(16, len(ways) - 4))
    assert load_predictor(runs / name, "cpu")
    if name == "mask2former":  # found before a network of transformers' default size is built
        chosen.append((*inner, "architecture", "config"))
    spoil(path, chosen, lambda: load_predictor(runs / name, "cpu"), name)
    weights = runs / name / "model.safetensors"
    right = weights.read_bytes()
    try:
        for junk in (*JUNK, right[: len(right) // 2], right[8:]):
            weights.write_bytes(junk)
            assert tried(f"{junk[:20]!r}", lambda: load_predictor(runs / name, "cpu"), name)
    finally:
        weights.write_bytes(right)


def test_checkpoints_of_mask2former(runs: Path) -> None:
    checkpoint = str(runs / "checkpoint")

    def read() -> object:
        return mask2former_weights.read_architecture(checkpoint)

    for name in ("config.json", "preprocessor_config.json"):
        path = runs / "checkpoint" / name
        ways = list(places(json.loads(path.read_text())))
        rng = random.Random(0)
        spoil(path, rng.sample(ways, min(30, len(ways))), read, "checkpoint")
    path = runs / "checkpoint" / "model.safetensors"
    right = path.read_bytes()
    for junk in (*JUNK, right[: len(right) // 2], right[8:]):
        path.write_bytes(junk)
        assert tried("weights", lambda: mask2former_weights.load_state(checkpoint), "checkpoint")
    path.write_bytes(right)


def test_files_of_mask_rcnn(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"

    def read() -> object:
        from sapnet.segmentation.config import PredictConfig
        from sapnet.segmentation.others.mask_rcnn import build_published

        return torchvision_weights.load_state(
            str(path), lambda builder, count: build_published(builder, count, PredictConfig()).model
        )

    rows = torchvision_weights.HEADS
    states: list[object] = [{}, {rows: 3}, {rows: torch.zeros(())}, {rows: torch.zeros(0)}, [1]]
    states += [{"model": None}, {"state_dict": [1]}, {rows: torch.zeros(3, 1024), 5: 1}]
    for state in states:
        torch.save(state, path)
        assert tried(str(state)[:40], read, path.name)
    for junk in JUNK:
        path.write_bytes(junk)
        assert tried(f"{junk[:20]!r}", read, path.name)


# --- advice and origins -------------------------------------------------------------------------


def test_advice(folder: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(GOOD["labels"]))

    def read() -> str:
        return advise(read_state(tmp_path, None, folder / "images")).sentence()

    missed = {"annotations": [{"id": 1, "score": 0.5}, {"id": 2, "score": 0.25}]}
    replaced(tmp_path / "missed.json", missed, read)
    (tmp_path / "missed.json").unlink()
    origin = {"chosen_by": "person", "decision": "picked", "proposer": "click"}
    good = json.loads(labels.read_text())
    good["info"] = {"origin": {**origin, "sapnet": "1"}}
    for record in good["annotations"]:
        record["origin"] = origin
    marker = "<the wrong value>"
    for way in places(good):
        if "origin" in way or "info" in way:
            template = json.dumps(changed(good, way, marker))
            for text in WRONG:
                labels.write_text(template.replace(json.dumps(marker), text), encoding="utf-8")
                tried(f"{way} = {text[:20]}", read, labels.name)


def test_origins_beside_results(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text(json.dumps(GOOD["results"]))
    good = {"chosen_by": "segmenter", "run": "run", "run_weights": "0" * 12}
    replaced(tmp_path / ORIGIN_FILE, good, lambda: read_origins(results, "results"))


# --- maps ---------------------------------------------------------------------------------------

SQUARE = [[2.0, 3.0], [12.0, 3.0], [12.0, 12.0], [2.0, 12.0], [2.0, 3.0]]
MAP = {
    "type": "FeatureCollection",
    "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}},
    "features": [
        {"type": "Feature", "properties": {"species": "oak", "image": "a.png"},
         "geometry": {"type": "Point", "coordinates": [5.5, 4.5]}},
        {"type": "Feature", "properties": {"class": 3},
         "geometry": {"type": "MultiPoint", "coordinates": [[5.5, 4.5], [6, 6]]}},
        {"type": "Feature", "properties": {"class": "oak"},
         "geometry": {"type": "Polygon", "coordinates": [SQUARE]}},
        {"type": "Feature", "properties": {"class": "oak"},
         "geometry": {"type": "MultiPolygon", "coordinates": [[SQUARE]]}},
    ],
}  # fmt: skip


def read_map(path: Path, folder: Path) -> object:
    return read_geo(path, Findings(), ImageFolder(folder / "images"), None, "oak")


@pytest.mark.parametrize("on_map", [False, True])
def test_geojson(on_map: bool, folder: Path, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio", reason="places on the map need the extra geo")
    content, images = MAP, folder
    if on_map:
        images = tmp_path
        (images / "images").mkdir()
        with rasterio.open(
            images / "images" / "a.tif", "w", driver="GTiff", height=24, width=32, count=3,
            dtype="uint8", crs="EPSG:32633", transform=rasterio.Affine(1, 0, 0, 0, 1, 0),
        ) as file:  # fmt: skip
            file.write(np.zeros((3, 24, 32), np.uint8))
        content = changed(MAP, ("crs", "properties", "name"), "urn:ogc:def:crs:EPSG::3857")
    path = tmp_path / "map.geojson"
    replaced(path, content, lambda: read_map(path, images), 3)


def test_geopackages(folder: Path, tmp_path: Path) -> None:
    """Junk, flipped bytes, and hostile shapes in a right file."""
    pytest.importorskip("pyogrio", reason="GeoPackages need the extra geo")
    path = tmp_path / "map.gpkg"
    write_geopackage(
        path,
        [Feature("a", polygons=((np.array(SQUARE),),), properties={"id": 7, "category": "oak"})],
        "EPSG:32633",
    )
    right = path.read_bytes()
    assert tried("right", lambda: read_map(path, folder), "") is None
    rng = random.Random(0)
    contents = [*JUNK, right[: len(right) // 2]]
    for _ in range(60):
        content = bytearray(right)
        for _ in range(4):
            content[rng.randrange(len(content))] = rng.randrange(256)
        contents.append(bytes(content))
    for number, content in enumerate(contents):
        path.write_bytes(content)
        tried(f"bytes {number}", lambda: read_map(path, folder), path.name)
    head = right[right.index(b"GP\x00") :][:40]
    body = b"\x01\x06\x00\x00\x00\x01\x00\x00\x00\x01\x03\x00\x00\x00"
    shapes = [b"", b"GP", head, head + body, head + body + b"\xff" * 4, head + b"\x01\x01" * 30]
    shapes += [head + b"\x01\x06\x00\x00\x00" + b"\xff" * 4, head + b"\x01\x07\x00\x00\x00" * 9]
    for shape in shapes:
        path.write_bytes(right)
        with sqlite3.connect(path) as database:
            database.execute("DROP TRIGGER IF EXISTS rtree_masks_geom_update1")
            for (trigger,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                database.execute(f'DROP TRIGGER "{trigger}"')
            database.execute("UPDATE masks SET geom = ?", (shape,))
        tried(f"{shape[:60]!r}", lambda: read_map(path, folder), path.name)


# --- the commands -------------------------------------------------------------------------------


def test_commands_end_in_a_line(
    runs: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "labels.json").write_text(json.dumps(GOOD["labels"]))
    (tmp_path / "run" / "missed.json").write_text("[]")
    (tmp_path / "map.geojson").write_text('{"features": [{"geometry": {"type": "MultiPolygon"}}]}')
    (tmp_path / "map.gpkg").write_bytes(b"junk")
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "config.json").write_bytes(b"[]")
    images = folder / "images"
    out = tmp_path / "out.json"
    train = ["train", "--images", images, "--supervision", "masks", "--out", tmp_path / "new"]
    train += ["--masks", folder / "right_instances.json", "--device", "cpu", "--segmenter"]
    lines: list[list[object]] = [
        ["advise", "--run", tmp_path / "run"],
        ["convert", tmp_path / "map.geojson", "--images", images, "--out", out],
        ["convert", tmp_path / "map.gpkg", "--images", images, "--out", out],
        [*train, "mask2former", "--checkpoint", tmp_path / "junk"],
        [*train, "mask-rcnn", "--checkpoint", tmp_path / "map.gpkg"],
        ["predict", "--run", runs / "mask-rcnn", "--images", images, "--tile", 7, "--out", out],
    ]
    for words in lines:
        assert main([*map(str, words)]) in (1, 2), words
        said = capsys.readouterr().err
        assert "fault of sapnet" not in said, said
        assert "Traceback" not in said, said
        assert f"sapnet {words[0]}: error: " in said.strip().splitlines()[-1], said

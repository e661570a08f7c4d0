from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
import numpy as np
import pytest
from PIL import ExifTags, Image

from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.geometry.rle import decode_masks
from sapnet.pipeline.proposing import propose
from sapnet.proposals.config import ProposeConfig, ProposerName, RunConfig
from sapnet.proposals.from_file import FileProposer
from sapnet.proposals.propose import default_workers, propose_dataset
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.store.layout import StoreError
from sapnet.store.part import Part
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.proposals import Proposals

if TYPE_CHECKING:
    from tests.conftest import TinySet

WIDTH, HEIGHT = 40, 30
CLICKS_PER_IMAGE = (1, 0, 5, 2, 40, 0, 3)


@pytest.fixture
def clicks() -> ClickSet:
    images = tuple(
        ImageRecord(10 + index, f"part/{index}.jpg", WIDTH, HEIGHT)
        for index in range(len(CLICKS_PER_IMAGE))
    )
    generator = np.random.default_rng(0)
    objects: list[Click] = []
    for image, count in zip(images, CLICKS_PER_IMAGE, strict=True):
        for _ in range(count):
            point = (float(generator.uniform(0, WIDTH)), float(generator.uniform(0, HEIGHT)))
            objects.append(
                Click(500 - len(objects), image.image_id, 1 + len(objects) % 2, (point,))
            )
    return ClickSet(images, (Category(1, "cat"), Category(2, "dog")), tuple(objects))


@pytest.fixture
def images_dir(tmp_path: Path, clicks: ClickSet) -> Path:
    folder = tmp_path / "images"
    generator = np.random.default_rng(1)
    for image in clicks.images:
        path = folder / image.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


def proposal_file(path: Path, clicks: ClickSet) -> Path:
    """Three rectangles round each click."""
    records = []
    for click in clicks.clicks:
        x, y = (int(value) for value in click.point)
        rectangles = [
            [x - s, y - s, x + s + 1, y - s, x + s + 1, y + s + 1, x - s, y + s + 1]
            for s in (0, 3, 9)
        ]
        records.append(
            {
                "annotation_id": click.annotation_id,
                "segmentations": [[rectangle] for rectangle in rectangles],
                "scores": [0.5, 0.75, 0.25],
            }
        )
    path.write_text(json.dumps(records))
    return path


@pytest.fixture
def proposer(tmp_path: Path, clicks: ClickSet) -> FileProposer:
    return FileProposer(proposal_file(tmp_path / "proposals.json", clicks))


def shards(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((store / "shards").iterdir())}


class Watched:
    """Another proposer, with a hook before each image."""

    name = "file"

    def __init__(self, proposer: FileProposer, before: Callable[[int], None]) -> None:
        self.proposer = proposer
        self.settings = proposer.settings
        self.before = before
        self.seen: list[int] = []

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        self.before(len(self.seen))
        self.seen.append(clicks[0].image_id)
        return self.proposer.propose(image, clicks)


def test_every_click_and_image_is_in_the_store(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    summary = propose_dataset(images_dir, clicks, tmp_path / "store", proposer)
    assert (summary.num_images, summary.num_objects, summary.num_proposals) == (7, 51, 153)
    assert (summary.num_images_before, summary.skipped) == (0, ())
    store = ProposalStore(tmp_path / "store")
    assert store.is_complete
    assert tuple(store.images) == clicks.images
    assert store.num_objects_of_image.tolist() == list(CLICKS_PER_IMAGE)
    assert store.manifest.proposer == "file"
    assert store.manifest.settings == proposer.settings
    for click in clicks.clicks:
        stored = store.find(click.annotation_id)
        assert stored.click == click
        x, y = (int(value) for value in click.point)
        masks = decode_masks(stored.proposals.rles)
        assert masks[:, y, x].tolist() == [1, 1, 1]
        assert stored.proposals.scores.tolist() == [0.5, 0.75, 0.25]


def test_rivals_come_from_all_clicks_of_the_image(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    propose_dataset(images_dir, clicks, tmp_path / "store", proposer)
    store = ProposalStore(tmp_path / "store")
    crowded = store.objects_of_image(4)
    for stored in crowded:
        masks = decode_masks(stored.proposals.rles)
        rivals = [
            other.click.point
            for other in crowded
            if other is not stored and other.click.category_id == stored.click.category_id
        ]
        expected = [any(mask[int(y), int(x)] for x, y in rivals) for mask in masks]
        assert stored.holds_rival.tolist() == expected
    assert any(stored.holds_rival.any() for stored in crowded)


def test_two_workers_equal_one(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    threads = os.environ.get("OMP_NUM_THREADS")
    propose_dataset(images_dir, clicks, tmp_path / "one", proposer, RunConfig(1, 2))
    propose_dataset(images_dir, clicks, tmp_path / "two", proposer, RunConfig(2, 2))
    assert len(shards(tmp_path / "one")) == 8
    assert shards(tmp_path / "two") == shards(tmp_path / "one")
    assert os.environ.get("OMP_NUM_THREADS") == threads


@pytest.mark.parametrize("stop_at", range(6))
def test_a_stopped_run_goes_on_to_the_same_store(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer, stop_at: int
) -> None:
    run = RunConfig(shard_images=2)

    def stop(images_seen: int) -> None:
        if images_seen == stop_at:
            raise KeyboardInterrupt

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    propose_dataset(images_dir, clicks, whole, proposer, run)
    if stop_at < 5:  # five images have clicks
        with pytest.raises(KeyboardInterrupt):
            propose_dataset(images_dir, clicks, stopped, Watched(proposer, stop), run)
    again = Watched(proposer, lambda _: None)
    summary = propose_dataset(images_dir, clicks, stopped, again, run)
    assert shards(stopped) == shards(whole)
    # At most one shard of two images is done twice.
    assert summary.num_images_before == [0, 2, 2, 4, 6, 0][stop_at]
    assert len(again.seen) == [5, 4, 4, 2, 1, 5][stop_at]


def test_a_killed_process_goes_on_to_the_same_store(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    """SIGKILL to a process that writes a shard per image, at a moment nobody chose."""
    script = """
        import pickle, sys, time
        from pathlib import Path
        from sapnet.proposals.config import RunConfig
        from sapnet.proposals.propose import propose_dataset

        images_dir, clicks, out, proposer = pickle.loads(Path(sys.argv[1]).read_bytes())
        quick = proposer.propose
        proposer.propose = lambda *arguments: (time.sleep(0.3), quick(*arguments))[1]
        propose_dataset(images_dir, clicks, out, proposer, RunConfig(shard_images=1))
    """
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    propose_dataset(images_dir, clicks, whole, proposer, RunConfig(shard_images=1))
    (tmp_path / "arguments").write_bytes(pickle.dumps((images_dir, clicks, killed, proposer)))
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "arguments")],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (killed / "shards/00002.images.arrow").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    begun = ProposalStore(killed)
    assert 3 <= begun.num_images < 7
    assert not begun.is_complete
    propose_dataset(images_dir, clicks, killed, proposer, RunConfig(shard_images=1))
    assert shards(killed) == shards(whole)


def test_a_finished_store_is_left_alone(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    propose_dataset(images_dir, clicks, tmp_path / "store", proposer)
    watched = Watched(proposer, lambda _: None)
    summary = propose_dataset(images_dir, clicks, tmp_path / "store", watched)
    assert watched.seen == []
    assert (summary.num_images, summary.num_images_before) == (0, 7)


def test_another_data_set_or_settings_are_refused(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    propose_dataset(images_dir, clicks, tmp_path / "store", proposer)
    before = shards(tmp_path / "store")
    images = tuple(replace(i, file_name=i.file_name + ".other.jpg") for i in clicks.images)
    for image in images:
        shutil.copy(
            images_dir / image.file_name.removesuffix(".other.jpg"), images_dir / image.file_name
        )
    objects = clicks.clicks
    with pytest.raises(StoreError, match="a store of other images"):
        propose_dataset(
            images_dir,
            replace(clicks, images=images, clicks=objects),
            tmp_path / "store",
            proposer,
        )
    other = Watched(proposer, lambda _: None)
    other.settings = {**proposer.settings, "file": "other.json"}
    with pytest.raises(StoreError, match=r"settings.file: the store has 'proposals.json'"):
        propose_dataset(images_dir, clicks, tmp_path / "store", other)
    assert shards(tmp_path / "store") == before


def test_missing_images_are_found_before_the_work(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    (images_dir / "part/4.jpg").unlink()
    (images_dir / "part/6.jpg").write_text("no image")
    watched = Watched(proposer, lambda _: None)
    with pytest.raises(ValueError, match=r"2 of 7 images.*image 14, part/4.jpg.*--skip-errors"):
        propose_dataset(images_dir, clicks, tmp_path / "store", watched)
    assert watched.seen == []


def test_an_image_cut_off_is_named(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    """Its header is fine; what is done before it stays done."""
    path = images_dir / "part/2.jpg"
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ValueError, match=r"image 12, .*part/2.jpg.*--skip-errors"):
        propose_dataset(images_dir, clicks, tmp_path / "store", proposer, RunConfig(shard_images=2))
    assert ProposalStore(tmp_path / "store").image_ids.tolist() == [10, 11]


def test_skipped_images_are_listed_and_tried_again(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    whole = (images_dir / "part/2.jpg").read_bytes()
    (images_dir / "part/2.jpg").write_bytes(whole[:-400])
    (images_dir / "part/3.jpg").unlink()
    Image.new("RGB", (HEIGHT, WIDTH // 4)).save(images_dir / "part/6.jpg")
    run = RunConfig(skip_errors=True)
    summary = propose_dataset(images_dir, clicks, tmp_path / "store", proposer, run)
    assert {image.image_id: image.file_name for image in summary.skipped} == {
        12: "part/2.jpg",
        13: "part/3.jpg",
        16: "part/6.jpg",
    }
    assert all(image.reason for image in summary.skipped)
    assert ProposalStore(tmp_path / "store").image_ids.tolist() == [10, 11, 14, 15]
    (images_dir / "part/2.jpg").write_bytes(whole)
    summary = propose_dataset(images_dir, clicks, tmp_path / "store", proposer, run)
    assert [image.image_id for image in summary.skipped] == [13, 16]
    assert ProposalStore(tmp_path / "store").image_ids.tolist() == [10, 11, 14, 15, 12]


def test_progress_counts_objects(
    tmp_path: Path,
    images_dir: Path,
    clicks: ClickSet,
    proposer: FileProposer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    propose_dataset(images_dir, clicks, tmp_path / "store", proposer)
    shown = capfd.readouterr().err
    assert "51/51" in shown
    assert "objects/s" in shown


def test_images_in_object_storage_give_the_same_store(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    """Two of them lie on their side, one with and one without clicks."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for index in (0, 1):
        path = images_dir / f"part/{index}.jpg"
        Image.open(path).save(path, exif=exif)
    memory = fsspec.filesystem("memory")
    memory.put(str(images_dir), "/bucket", recursive=True)
    click_file = save_clicks(tmp_path / "clicks.json", clicks)
    memory.put_file(str(click_file), "/bucket/clicks.json")
    propose_dataset(images_dir, clicks, tmp_path / "local", proposer)
    cfg = ProposeConfig(
        images="memory://bucket",
        clicks="memory://bucket/clicks.json",
        out=tmp_path / "remote",
        proposer="file",
        file=tmp_path / "proposals.json",
    )
    propose(cfg)
    memory.rm("/bucket", recursive=True)
    assert shards(tmp_path / "remote") == shards(tmp_path / "local")
    upright = ProposalStore(tmp_path / "remote").images[:3]
    assert [(image.width, image.height) for image in upright] == [(30, 40), (30, 40), (40, 30)]


def test_parts_fill_one_store(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, proposer: FileProposer
) -> None:
    propose_dataset(images_dir, clicks, tmp_path / "whole", proposer)
    summaries = [
        propose_dataset(
            images_dir, clicks, tmp_path / "parts", proposer, RunConfig(part=Part(index, 3))
        )
        for index in (2, 0, 1, 1)
    ]
    assert [(s.num_images, s.num_images_before) for s in summaries] == [
        (3, 0),
        (2, 0),
        (2, 0),
        (0, 2),
    ]
    whole, parts = (ProposalStore(tmp_path / name) for name in ("whole", "parts"))
    assert tuple(parts.images) == tuple(whole.images)
    for click in clicks.clicks:
        ours, theirs = (store.find(click.annotation_id) for store in (parts, whole))
        assert ours.click == theirs.click
        assert ours.proposals.rles == theirs.proposals.rles


def test_from_configuration_to_store(tmp_path: Path, images_dir: Path, clicks: ClickSet) -> None:
    """As the command runs it, from a click file."""
    cfg = ProposeConfig(
        images=images_dir,
        clicks=save_clicks(tmp_path / "clicks.json", clicks),
        out=tmp_path / "store",
        proposer="file",
        file=proposal_file(tmp_path / "proposals.json", clicks),
    )
    assert propose(cfg).num_objects == 51
    assert len(ProposalStore(cfg.out)) == 51
    with pytest.raises(ValueError, match="expected --file"):
        propose(replace(cfg, file=None))


def test_sam_from_configuration_to_store(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, checkpoint: Path
) -> None:
    """Each family, images with 0, 1, 2, 3, 5 and 40 clicks."""
    cfg = ProposeConfig(
        images=images_dir,
        clicks=save_clicks(tmp_path / "clicks.json", clicks),
        out=tmp_path / "store",
        proposer="sam",
        checkpoint=str(checkpoint),
        device="cpu",
    )
    assert propose(cfg).num_objects == 51
    store = ProposalStore(cfg.out)
    assert store.num_objects_of_image.tolist() == list(CLICKS_PER_IMAGE)
    assert store.manifest.settings["checkpoint"] == str(checkpoint)
    for index in range(store.num_images):
        for stored in store.objects_of_image(index):
            assert 1 <= len(stored.proposals) <= 3
            assert stored.mask_crops.max(axis=(1, 2)).min() > 0


def test_proposing_for_nothing_is_refused(tiny_set: TinySet, tmp_path: Path) -> None:
    clicks = replace(load_clicks(tiny_set.clicks), clicks=())
    with pytest.raises(ValueError, match="expected clicks to propose for, found none on 8 images"):
        propose_dataset(tiny_set.images, clicks, tmp_path / "store", RegionProposer())
    assert not (tmp_path / "store").exists()


def test_the_depth_of_the_data_set_is_kept_in_the_store(tmp_path: Path) -> None:
    images = (ImageRecord(1, "a.png", 40, 30), ImageRecord(2, "b.png", 40, 30))
    for image, top in zip(images, (200, 4095), strict=True):
        pixels = np.zeros((30, 40), np.uint16)
        pixels[10:20, 10:30] = top
        Image.fromarray(pixels).save(tmp_path / image.file_name)
    seen: list[int] = []

    class Watching(RegionProposer):
        def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
            seen.append(int(image.max()))
            return super().propose(image, clicks)

    clicked = tuple(Click(i.image_id, i.image_id, 1, ((20.5, 15.5),)) for i in images)
    clicks = ClickSet(images, (Category(1, "cup"),), clicked)
    propose_dataset(tmp_path, clicks, tmp_path / "store", Watching(), RunConfig(workers=1))
    assert seen == [12, 255]
    assert ProposalStore(tmp_path / "store").bits == 12
    given = RunConfig(workers=1, bits=14)
    propose_dataset(tmp_path, clicks, tmp_path / "given", Watching(), given)
    assert seen[2:] == [3, 64]
    assert ProposalStore(tmp_path / "given").bits == 14


@pytest.mark.parametrize(
    ("proposer", "num_objects", "expected"),
    [
        ("click", 0, 1),
        ("click", 99, 1),
        ("click", 100, 2),
        ("click", 10_000, 8),
        ("regions", 3, 3),
        ("regions", 100, 8),
        ("sam", 100, 1),
        ("file", 100, 1),
    ],
)
def test_processes_by_default(
    monkeypatch: pytest.MonkeyPatch, proposer: ProposerName, num_objects: int, expected: int
) -> None:
    monkeypatch.setattr("sapnet.proposals.propose.num_cores", lambda: 8)
    assert default_workers(proposer, num_objects) == expected

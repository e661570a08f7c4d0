"""Ray on this machine: two actors, no dashboard, nothing that goes over a network."""

from __future__ import annotations

import operator
import os
import pickle
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import fsspec
import numpy as np
import pytest

from sapnet.proposals.config import RunConfig
from sapnet.proposals.propose import propose_dataset
from sapnet.proposals.ray_engine import _Actor, _in_order, map_with_ray
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.proposals import Proposals

pytest.importorskip("ray.data", reason="Ray is not installed (pip install 'sapnet[ray]')")

WIDTH, HEIGHT = 40, 30
NUM_IMAGES = 40


class SquareProposer:
    """A square around each click; kills its own process once if requested."""

    name = "square"

    def __init__(self, killed: Path | None = None) -> None:
        self.killed = killed
        self.settings = {"side": 5}

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        from sapnet.geometry.rle import encode_masks, rle_boxes

        if self.killed is not None and clicks[0].image_id >= NUM_IMAGES // 2:
            try:
                self.killed.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        bags = []
        for click in clicks:
            x, y = (int(value) for value in click.point)
            masks = np.zeros((1, HEIGHT, WIDTH), np.uint8)
            masks[0, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = 1
            rles = encode_masks(masks)
            score = np.asarray([image[y, x].mean() / 255], np.float32)
            bags.append(Proposals(rles, rle_boxes(rles), score, ("point",)))
        return bags


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_DISABLE_IMPORT_WARNING", "1")
        patch.delenv("RAY_ADDRESS", raising=False)
        ray.init(
            address="local",
            num_cpus=2,
            num_gpus=0,
            include_dashboard=False,
            object_store_memory=80 * 2**20,
            logging_level="ERROR",
            log_to_driver=False,
        )
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def clicks() -> ClickSet:
    generator = np.random.default_rng(0)
    images = tuple(ImageRecord(i, f"{i}.png", WIDTH, HEIGHT) for i in range(NUM_IMAGES))
    points = generator.uniform(0, [WIDTH, HEIGHT], (2 * NUM_IMAGES, 2)).tolist()
    objects = tuple(
        Click(i, i // 2, 1, ((x, y),))
        for i, (x, y) in enumerate(points)
        if i // 2 % 7  # some images have no clicks
    )
    return ClickSet(images, (Category(1, "cat"),), objects)


@pytest.fixture(scope="module")
def images_dir(tmp_path_factory: pytest.TempPathFactory, clicks: ClickSet) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(1)
    for image in clicks.images:
        pixels = generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / image.file_name)
    return folder


@pytest.fixture(scope="module")
def local_store(
    tmp_path_factory: pytest.TempPathFactory, images_dir: Path, clicks: ClickSet
) -> Path:
    """Proposals of the local engine."""
    store = tmp_path_factory.mktemp("local") / "store"
    propose_dataset(images_dir, clicks, store, SquareProposer(), RunConfig(shard_images=8))
    return store


def shards(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((store / "shards").iterdir())}


RAY = RunConfig(engine="ray", shard_images=8, gpus_per_worker=0)


@pytest.mark.usefixtures("cluster")
def test_the_same_store_as_the_local_engine_although_an_actor_is_lost(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, local_store: Path
) -> None:
    killed = tmp_path / "killed"
    store = tmp_path / "store"
    summary = propose_dataset(images_dir, clicks, store, SquareProposer(killed), RAY)
    assert killed.exists()
    assert (summary.num_images, summary.num_objects) == (NUM_IMAGES, len(clicks.clicks))
    assert shards(store) == shards(local_store)


@pytest.mark.usefixtures("cluster")
def test_a_run_into_object_storage_is_finished_by_ray(
    tmp_path: Path, images_dir: Path, clicks: ClickSet, local_store: Path
) -> None:
    """The local engine begins the store; then one image, named by a URL, disappears."""
    manifest = tmp_path / "images.csv"
    rows = [f"{i.file_name},file://{images_dir / i.file_name}" for i in clicks.images]
    manifest.write_text("\n".join(["file_name,location", *rows]))
    url = "memory://bucket/ray"
    hidden = images_dir / "39.png"
    hidden.rename(tmp_path / "39.png")
    try:
        with pytest.raises(ValueError, match=r"image 39, .*39.png.*--skip-errors"):
            propose_dataset(
                manifest, clicks, url, SquareProposer(), RunConfig(shard_images=24, workers=1)
            )
        summary = propose_dataset(
            manifest, clicks, url, SquareProposer(), replace(RAY, skip_errors=True)
        )
    finally:
        (tmp_path / "39.png").rename(hidden)
    assert summary.num_images_before == 24
    assert [image.image_id for image in summary.skipped] == [39]
    memory = fsspec.filesystem("memory")
    files = memory.ls("/bucket/ray/shards", detail=False)
    names = [entry.rpartition("/")[2] for entry in files]
    assert sorted(names) == [
        f"0000{i}.{kind}.arrow" for i in range(3) for kind in ("images", "objects")
    ]
    # Shards of other sizes than the local store's, but for the last: compared as stores.
    copy = tmp_path / "copy"
    memory.get("/bucket/ray/", f"{copy}/", recursive=True)
    memory.rm("/bucket", recursive=True)
    ours, theirs = ProposalStore(copy), ProposalStore(local_store)
    assert ours.image_ids.tolist() == list(range(39))
    for index in range(39):
        for one, other in zip(
            ours.objects_of_image(index), theirs.objects_of_image(index), strict=True
        ):
            assert one.click == other.click
            assert one.proposals.rles == other.proposals.rles
            assert one.proposals.scores.tolist() == other.proposals.scores.tolist()


def test_results_wait_for_those_before_them() -> None:
    outcomes = {
        i: pickle.dumps((i != 3, ValueError("three") if i == 3 else 10 * i)) for i in range(5)
    }
    batches = [
        {"index": np.asarray(part), "outcome": np.asarray([outcomes[i] for i in part], object)}
        for part in ([2, 1], [0], [4, 3])
    ]
    results = _in_order(iter(batches))
    assert [next(results) for _ in range(3)] == [0, 10, 20]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_an_actor_gives_errors_like_results() -> None:
    actor = _Actor(pickle.dumps(partial(operator.floordiv, 10)))
    items = np.asarray([pickle.dumps(i) for i in (5, 0)], object)
    batch = actor({"index": np.asarray([7, 8]), "item": items})
    assert batch["index"].tolist() == [7, 8]
    (is_result, value), (is_other, error) = map(pickle.loads, batch["outcome"])
    assert (is_result, value, is_other) == (True, 2, False)
    assert isinstance(error, ZeroDivisionError)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from sapnet.proposals.ray_engine import RayConfig

    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(ImportError, match=r"pip install 'sapnet\[ray\]'"):
        next(map_with_ray(str, [1], RayConfig()))

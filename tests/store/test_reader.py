from __future__ import annotations

import json
import multiprocessing
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sapnet.geometry.rle import encode_masks
from sapnet.store import reader as store_module
from sapnet.store.describe import describe_objects, given_proposal
from sapnet.store.given import GivenCounts
from sapnet.store.layout import StoreError
from sapnet.store.manifest import Manifest, load_manifest
from sapnet.store.reader import ProposalStore
from sapnet.store.writer import ProposalWriter
from sapnet.structures.clicks import RLE, Category, Click, ImageRecord
from sapnet.structures.proposals import Proposals, StoredObject

SIZE = (48, 64)


def manifest(num_images: int = 7, num_objects: int = 0) -> Manifest:
    return Manifest(
        proposer="regions",
        settings={"num_proposals": 8, "scales": [1, 2]},
        data_fingerprint="abcdef0123456789",
        categories=(Category(1, "cat"), Category(18, "dög")),
        num_images=num_images,
        num_objects=num_objects,
        created="2026-01-01T00:00:00+00:00",
    )


def image(image_id: int) -> ImageRecord:
    return ImageRecord(image_id, f"folder/{image_id}.jpg", width=SIZE[1], height=SIZE[0])


def stored_object(annotation_id: int, image_id: int) -> StoredObject:
    """An object with one to three proposals, all values different for each id."""
    generator = np.random.default_rng(annotation_id)
    k = 1 + annotation_id % 3
    return StoredObject(
        click=Click(
            annotation_id=annotation_id,
            image_id=image_id,
            category_id=1 + 17 * (annotation_id % 2),
            points=((annotation_id + 1 / 3, 2.5), (3.5, 4.5))[: 1 + annotation_id % 2],
            negative_points=((9.5, 8.5),) if annotation_id % 3 == 0 else (),
            box=(1.0, 2.0, 30.25, 40.0) if annotation_id % 4 == 0 else None,
        ),
        proposals=Proposals(
            rles=tuple(RLE(size=list(SIZE), counts=generator.bytes(9)) for _ in range(k)),
            boxes=generator.uniform(0, 40, (k, 4)).astype(np.float32),
            scores=generator.uniform(0, 1, k).astype(np.float32),
            prompts=("point", "point+box", "point")[:k],
        ),
        mask_crops=generator.integers(0, 256, (k, 7, 7), dtype=np.uint8),
        holds_rival=generator.integers(0, 2, k).astype(bool),
    )


OBJECTS_PER_IMAGE = (2, 0, 3, 1, 0, 4, 0)
"""Of the images 100, 101, ...; ids of objects go down, so that order and id differ."""


def contents() -> list[tuple[ImageRecord, list[StoredObject]]]:
    annotation_id = 1000
    images = []
    for index, count in enumerate(OBJECTS_PER_IMAGE):
        ids = range(annotation_id, annotation_id - count, -1)
        annotation_id -= count
        images.append((image(100 + index), [stored_object(i, 100 + index) for i in ids]))
    return images


def write(path: Path, shard_images: int = 3, described: Manifest | None = None) -> Path:
    with ProposalWriter(path, described or manifest(), shard_images) as writer:
        for record, objects in contents():
            if record.image_id not in writer.done_image_ids:
                writer.add(record, objects)
    return path


def test_masks_and_boxes_that_were_given(tmp_path: Path) -> None:
    mask = encode_masks(np.tri(SIZE[0], SIZE[1], dtype=np.uint8)[None])[0]
    clicks = [
        Click(1, 100, 1, ((1.5, 2.5),), mask=mask),
        Click(2, 100, 1, ((1.5, 2.5),), box=(0.0, 0.0, 9.0, 9.0)),
        Click(3, 100, 1, ((1.5, 2.5),), box=(0.0, 0.0, 9.0, 9.0), mask=mask),
        Click(4, 100, 1, ((1.5, 2.5),)),
    ]
    other = replace(given_proposal(mask), prompts=("point",))
    bags = [other if click.mask is None else given_proposal(mask) for click in clicks]
    objects = describe_objects(clicks, bags, SIZE)
    with ProposalWriter(tmp_path / "store", manifest()) as writer:
        writer.add(image(100), objects)
    store = ProposalStore(tmp_path / "store")
    for found, expected in zip(store.objects_of_image(0), objects, strict=True):
        assert_same_object(found, expected)
        assert found.has_given_mask == (expected.click.mask is not None)
    assert store.count_given() == GivenCounts(masks=2, boxes=1)
    assert store.given_ids() == {1, 3}


def test_nothing_given(tmp_path: Path) -> None:
    assert not ProposalStore(write(tmp_path / "empty", 3)).count_given().masks
    with ProposalWriter(tmp_path / "none", manifest()):
        pass
    assert ProposalStore(tmp_path / "none").count_given() == GivenCounts()


def assert_same_object(found: StoredObject, expected: StoredObject) -> None:
    assert found.click == expected.click
    assert found.proposals.rles == expected.proposals.rles
    assert found.proposals.prompts == expected.proposals.prompts
    np.testing.assert_array_equal(found.proposals.boxes, expected.proposals.boxes)
    np.testing.assert_array_equal(found.proposals.scores, expected.proposals.scores)
    np.testing.assert_array_equal(found.mask_crops, expected.mask_crops)
    np.testing.assert_array_equal(found.holds_rival, expected.holds_rival)
    assert found.proposals.boxes.dtype == np.float32
    assert found.holds_rival.dtype == bool


def assert_whole(store: ProposalStore) -> None:
    for index, (record, objects) in enumerate(contents()):
        assert store.images[index] == record
        found = store.objects_of_image(index)
        assert len(found) == len(objects)
        for left, right in zip(found, objects, strict=True):
            assert_same_object(left, right)


@pytest.mark.parametrize("shard_images", [1, 3, 7, 100])
def test_what_is_written_is_read(tmp_path: Path, shard_images: int) -> None:
    store = ProposalStore(write(tmp_path / "store", shard_images))
    assert_whole(store)
    assert (len(store), store.num_images, store.is_complete) == (10, 7, True)
    assert store.categories == (Category(1, "cat"), Category(18, "dög"))
    assert store.image_ids.tolist() == list(range(100, 107))
    assert store.num_objects_of_image.tolist() == list(OBJECTS_PER_IMAGE)
    assert store.manifest == manifest()


def test_find(tmp_path: Path) -> None:
    store = ProposalStore(write(tmp_path / "store"))
    for _, objects in contents():
        for expected in objects:
            assert_same_object(store.find(expected.click.annotation_id), expected)
    for unknown in (0, 990, 1001):
        with pytest.raises(KeyError, match=f"no object with annotation_id {unknown}"):
            store.find(unknown)


def test_positions_of_images(tmp_path: Path) -> None:
    store = ProposalStore(write(tmp_path / "store"))
    assert [store.position_of(image_id) for image_id in (106, 100, 103)] == [6, 0, 3]
    for unknown in (99, 107):
        with pytest.raises(KeyError, match=f"no image with image_id {unknown}"):
            store.position_of(unknown)


def test_images_are_a_sequence(tmp_path: Path) -> None:
    images = ProposalStore(write(tmp_path / "store")).images
    assert len(images) == 7
    assert images[-1] == image(106)
    assert images[1:3] == (image(101), image(102))
    assert [entry.image_id for entry in images] == list(range(100, 107))
    with pytest.raises(IndexError):
        images[7]


def test_empty_store(tmp_path: Path) -> None:
    with ProposalWriter(tmp_path / "store", manifest(num_images=0)):
        pass
    store = ProposalStore(tmp_path / "store")
    assert (len(store), store.num_images, store.is_complete) == (0, 0, True)
    with pytest.raises(KeyError):
        store.find(1)


def test_pickled_store_is_reopened(tmp_path: Path) -> None:
    store = ProposalStore(write(tmp_path / "store"))
    store.objects_of_image(0)
    pickled = pickle.dumps(store)
    assert len(pickled) < 1000
    assert_whole(pickle.loads(pickled))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_forked_worker_reads(tmp_path: Path) -> None:
    store = ProposalStore(write(tmp_path / "store"))
    store.objects_of_image(0)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    worker = context.Process(
        target=lambda: queue.put([s.click.annotation_id for s in store.objects_of_image(5)])
    )
    worker.start()
    assert queue.get(timeout=30) == [994, 993, 992, 991]
    worker.join()


@pytest.mark.parametrize(("limit", "kept"), [("OPEN_SHARDS", 4), ("MAPPED_BYTES", 3)])
def test_mapped_shards_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, kept: int
) -> None:
    count = 9
    with ProposalWriter(tmp_path / "store", manifest(count), shard_images=1) as writer:
        for index in range(count):
            writer.add(image(index), [stored_object(index, index)])
    shard = (tmp_path / "store/shards/00000.objects.arrow").stat().st_size
    monkeypatch.setattr(store_module, limit, {"OPEN_SHARDS": 4, "MAPPED_BYTES": 3.5 * shard}[limit])
    store = ProposalStore(tmp_path / "store")
    objects = [store.objects_of_image(index)[0] for index in range(count)]
    assert len(store._mapped) == kept
    for index, found in enumerate(objects):
        assert_same_object(found, stored_object(index, index))


def test_unfinished_shards_are_left_out_and_done_again(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    whole = {path.name: path.read_bytes() for path in (store / "shards").iterdir()}
    assert len(whole) == 6
    (store / "shards/00001.images.arrow").unlink()  # killed before the second rename
    (store / "shards/00002.images.arrow").unlink()
    (store / "shards/00002.objects.arrow").rename(store / "shards/00002.objects.arrow.part")
    opened = ProposalStore(store)
    assert not opened.is_complete
    assert opened.image_ids.tolist() == [100, 101, 102]
    assert opened.find(998).click.annotation_id == 998
    write(store)
    assert {path.name: path.read_bytes() for path in (store / "shards").iterdir()} == whole
    assert_whole(ProposalStore(store))


def test_an_error_drops_the_shard_in_flight_only(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def write_until_killed() -> None:
        with ProposalWriter(tmp_path / "store", manifest(), 3) as writer:
            for record, objects in contents()[:5]:
                writer.add(record, objects)
            raise Killed

    with pytest.raises(Killed):
        write_until_killed()
    with ProposalWriter(tmp_path / "store", manifest(), 3) as writer:
        assert writer.done_image_ids == {100, 101, 102}


def test_the_manifest_of_the_first_run_stays(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    write(store, described=replace(manifest(), created="2027-01-01T00:00:00+00:00"))
    assert load_manifest(store).created == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        (
            {"proposer": "sam", "settings": {"checkpoint": "x"}},
            "proposer: the store has 'regions', this run 'sam'",
        ),
        (
            {"settings": {"num_proposals": 24, "scales": [1, 2]}},
            "settings.num_proposals: the store has 8, this run 24",
        ),
        ({"settings": {"num_proposals": 8}}, "settings.scales: .*this run None"),
        ({"data_fingerprint": "0" * 64}, "data .*'abcdef012345', this run '000000000000'"),
    ],
)
def test_stores_of_other_settings_are_refused(
    tmp_path: Path, changed: dict[str, object], difference: str
) -> None:
    store = write(tmp_path / "store")
    with pytest.raises(StoreError, match=f"{difference}.*Give another --out") as caught:
        ProposalWriter(store, replace(manifest(), **changed))
    assert str(caught.value).count("the store has") == 1


def test_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(StoreError, match="no proposal store"):
        ProposalWriter(tmp_path, manifest())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_missing_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere: no proposal store.*sapnet propose --out"):
        ProposalStore(tmp_path / "nowhere")


def test_newer_format(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    content = json.loads((store / "manifest.json").read_text())
    (store / "manifest.json").write_text(
        json.dumps({**content, "format_version": 99, "sapnet_version": "7.0"})
    )
    with pytest.raises(StoreError, match=r"format 99 by sapnet 7.0.*Update sapnet"):
        ProposalStore(store)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"format_version": 1}', '{"format_version": 1, "categories": 3}']
)
def test_damaged_manifest(tmp_path: Path, text: str) -> None:
    store = write(tmp_path / "store")
    (store / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=r"manifest.json: damaged.*Delete"):
        ProposalStore(store)


def test_damaged_images_file(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    path = store / "shards/00001.images.arrow"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(
        StoreError, match=r"00001.images.arrow: damaged.*Delete the two files 00001"
    ):
        ProposalStore(store)


@pytest.mark.parametrize("kept", [0, 100])
def test_damaged_objects_file(tmp_path: Path, kept: int) -> None:
    store = write(tmp_path / "store")
    path = store / "shards/00001.objects.arrow"
    path.write_bytes(path.read_bytes()[:kept])
    opened = ProposalStore(store)
    assert len(opened.objects_of_image(0)) == 2  # the other shards are fine
    with pytest.raises(StoreError, match=r"00001.objects.arrow: damaged"):
        opened.objects_of_image(3)


def test_an_image_in_two_shards(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    for kind in ("objects", "images"):
        content = (store / f"shards/00000.{kind}.arrow").read_bytes()
        (store / f"shards/00007.{kind}.arrow").write_bytes(content)
    with pytest.raises(StoreError, match="in two shards"):
        ProposalStore(store)


def test_files_of_other_columns(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    (store / "shards/00000.images.arrow").write_bytes(
        (store / "shards/00000.objects.arrow").read_bytes()
    )
    with pytest.raises(StoreError, match=r"00000.images.arrow: expected the columns"):
        ProposalStore(store)


def test_wrong_shard_size(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shard_images: expected at least 1, found 0"):
        ProposalWriter(tmp_path / "store", manifest(), shard_images=0)

"""Several writers of one store, and stores in object storage."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from sapnet.store import cache as store_cache
from sapnet.store import folder as store_folder
from sapnet.store.cache import local_store
from sapnet.store.layout import StoreError
from sapnet.store.manifest import Manifest
from sapnet.store.part import SHARD_RANGE, Part
from sapnet.store.reader import ProposalStore
from sapnet.store.writer import ProposalWriter
from sapnet.structures.clicks import Category, ImageRecord
from sapnet.system.locations import CACHE_VARIABLE

NUM_IMAGES = 10
IMAGES = [ImageRecord(100 + i, f"{i}.jpg", 64, 48) for i in range(NUM_IMAGES)]


def manifest(created: str = "2026-01-01T00:00:00+00:00") -> Manifest:
    return Manifest("regions", {}, "abc", (Category(1, "cat"),), NUM_IMAGES, 0, created)


def write(store: Path | str, part: Part | None = None, shard_images: int = 3) -> None:
    """The images of one part that the store does not hold yet."""
    part = part or Part()
    with ProposalWriter(store, manifest(), shard_images, part) as writer:
        for image in part.of(IMAGES):
            if image.image_id not in writer.done_image_ids:
                writer.add(image, [])


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder of object storage, with a cache of its own."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    yield "memory://bucket/store"
    memory = fsspec.filesystem("memory")
    if memory.exists("/bucket"):
        memory.rm("/bucket", recursive=True)


def ids(store: Path | str) -> list[int]:
    found: list[int] = ProposalStore(store).image_ids.tolist()
    return found


ALL = [image.image_id for image in IMAGES]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_parts_are_one_store_in_the_order_of_the_images(tmp_path: Path, order: list[int]) -> None:
    for index in order:
        write(tmp_path / "store", Part(index, 3))
    assert ids(tmp_path / "store") == ALL
    assert ProposalStore(tmp_path / "store").is_complete


def test_a_part_done_again_or_another_way_changes_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    write(store, Part(1, 3))
    before = {path.name: path.read_bytes() for path in (store / "shards").iterdir()}
    assert min(before) == f"{SHARD_RANGE}.images.arrow"
    write(store, Part(1, 3))
    assert {path.name: path.read_bytes() for path in (store / "shards").iterdir()} == before
    write(store)  # what is missing, by one undivided run
    assert sorted(ids(store)) == ALL
    write(store, Part(3, 4))
    assert sorted(ids(store)) == ALL


def test_a_killed_part_leaves_those_of_others_alone(tmp_path: Path) -> None:
    store = tmp_path / "store"
    write(store, Part(0, 2))
    write(store, Part(1, 2))
    shards = store / "shards"
    for name in (f"{SHARD_RANGE + 1}.images.arrow", "00001.images.arrow"):
        (shards / name).unlink()  # both parts were killed between their two files
    write(store, Part(1, 2))
    assert (shards / "00001.objects.arrow").exists()
    assert not (shards / "00001.images.arrow").exists()
    write(store, Part(0, 2))
    assert ids(store) == ALL


@pytest.mark.parametrize(
    ("held", "refused", "message"),
    [
        (Part(), Part(), "all of it"),
        (Part(1, 2), Part(1, 2), "part 1/2"),
        (Part(1, 2), Part(), "part 1/2"),
        (Part(), Part(0, 2), "all of it"),
        (Part(1, 2), Part(0, 3), "part 1/2"),
    ],
)
def test_images_have_one_writer_at_a_time(
    tmp_path: Path, held: Part, refused: Part, message: str
) -> None:
    store = tmp_path / "store"
    with ProposalWriter(store, manifest(), part=held):
        with pytest.raises(StoreError, match=rf"another process is writing this store \({message}"):
            ProposalWriter(store, manifest(), part=refused)
        if held.count == 2:
            write(store, Part(0, 2))  # its neighbour is not in the way
    write(store, refused)


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """And while it lives, it is not: locks hold between processes."""
    script = """
        import sys
        from tests.store.test_writer import ProposalWriter, manifest
        from pathlib import Path
        writer = ProposalWriter(Path(sys.argv[1]), manifest())
        print("holding", flush=True)
        sys.stdin.read()
    """
    store = tmp_path / "store"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"holding\n"
        with pytest.raises(StoreError, match="another process is writing"):
            write(store)
    finally:
        process.kill()
        process.communicate()
    write(store)
    assert ids(store) == ALL


def test_where_there_are_no_locks_the_second_writer_stops_at_its_first_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class NoLock:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def __enter__(self) -> None:
            raise NotImplementedError

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(store_folder, "FileLock", NoLock)
    check_second_writer_stops(tmp_path / "store")
    assert "has no locks" in caplog.text


def test_in_object_storage_the_second_writer_stops_at_its_first_shard(url: str) -> None:
    check_second_writer_stops(url)


def check_second_writer_stops(store: Path | str) -> None:
    first, second = (ProposalWriter(store, manifest(), 3) for _ in range(2))
    with first:
        for image in IMAGES[:4]:
            first.add(image, [])

    def write_as_well() -> None:
        with second:
            for image in IMAGES:
                second.add(image, [])

    with pytest.raises(StoreError, match=r"another process has just written this shard"):
        write_as_well()
    assert ids(store) == ALL[:4]
    write(store)
    assert ids(store) == ALL


def test_a_store_in_object_storage_is_written_resumed_and_read(url: str, tmp_path: Path) -> None:
    with ProposalWriter(url, manifest(), 3) as writer:
        for image in IMAGES[:5]:
            writer.add(image, [])
    assert ids(url) == ALL[:5]
    write(url)
    assert ids(url) == ALL  # the copy has what is new
    write(tmp_path / "local")
    assert ids(tmp_path / "local") == ALL


def test_a_shard_is_fetched_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(url)
    copy = local_store(url)
    fetched: list[str] = []
    original = store_cache._fetch
    monkeypatch.setattr(
        store_cache, "_fetch", lambda s, f, c: (fetched.append(f.name), original(s, f, c))[1]
    )
    assert local_store(url) == copy
    assert fetched == []
    (copy / "shards/00001.images.arrow").write_bytes(b"cut off")
    local_store(url)
    assert fetched == ["shards/00001.images.arrow"]
    # What is no shard may change without changing its size.
    fsspec.filesystem("memory").pipe_file("/bucket/store/more/notes.json", b"{}")
    for _ in range(2):
        assert (local_store(url) / "more/notes.json").read_bytes() == b"{}"
    assert fetched[1:] == ["more/notes.json"] * 2
    assert not list(copy.rglob(".*.json.*"))


def test_a_store_made_anew_replaces_its_copy(url: str) -> None:
    write(url)
    assert ids(url) == ALL
    fsspec.filesystem("memory").rm("/bucket", recursive=True)
    with ProposalWriter(url, manifest(created="2027-01-01T00:00:00+00:00"), 2) as writer:
        writer.add(IMAGES[7], [])
    assert ids(url) == [107]


def test_no_store_at_a_url(url: str) -> None:
    with pytest.raises(StoreError, match=r"memory://bucket/store: no proposal store here"):
        ProposalStore(url)


def test_other_settings_are_refused_in_object_storage_too(url: str) -> None:
    write(url)
    other = Manifest("sam", {}, "abc", (Category(1, "cat"),), NUM_IMAGES, 0, "")
    with pytest.raises(StoreError, match="the store has 'regions', this run 'sam'"):
        ProposalWriter(url, other)

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from sapnet.system.locations import as_location, file_system, is_remote, join, local_file


def test_local_places_are_paths() -> None:
    for place in ("a/b", Path("a/b")):
        assert as_location(place) == Path("a/b")
    assert as_location("file:///a/b") == Path("/a/b")
    assert not is_remote("file:///a/b")


def test_urls_stay_text() -> None:
    assert as_location("s3://bucket/a/") == "s3://bucket/a"
    assert is_remote("s3://bucket/a")


@pytest.mark.parametrize(
    ("folder", "name", "expected"),
    [
        ("s3://bucket/a/", "b/c.jpg", "s3://bucket/a/b/c.jpg"),
        ("photos", "b/c.jpg", Path("photos/b/c.jpg")),
        ("photos", "gs://other/c.jpg", "gs://other/c.jpg"),
        ("s3://bucket", "file:///c.jpg", Path("/c.jpg")),
        ("photos", "/c.jpg", Path("/c.jpg")),
    ],
)
def test_join(folder: str, name: str, expected: object) -> None:
    assert join(folder, name) == expected


def test_a_local_file_is_itself(tmp_path: Path) -> None:
    with local_file(tmp_path / "a") as path:
        assert path == tmp_path / "a"


def test_a_remote_file_is_a_copy_for_a_while() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/somewhere/a.txt", b"content")
    with local_file("memory://somewhere/a.txt") as path:
        assert (path.name, path.read_bytes()) == ("a.txt", b"content")
    assert not path.exists()
    memory.rm("/somewhere", recursive=True)
    with (
        pytest.raises(FileNotFoundError, match=r"memory://somewhere/a.txt: no such file"),
        local_file("memory://somewhere/a.txt"),
    ):
        pass


def test_an_unknown_protocol() -> None:
    with pytest.raises(ValueError, match=r"telepathy://x: cannot be reached .*s3fs for s3://"):
        file_system("telepathy://x")

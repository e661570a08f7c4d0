from pathlib import Path

import pytest

from sapnet.data.formats.image_paths import ImageFolder, parse_path_map
from tests.data.formats.conftest import MakeImages

SIZES = {"a.jpg": (4, 3), "sub/b.jpg": (4, 3), "sub/c d.png": (4, 3), "x/e.jpg": (4, 3)}


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("a.jpg", "a.jpg"),
        ("sub\\b.jpg", "sub/b.jpg"),
        ("/home/me/photos/sub/b.jpg", "sub/b.jpg"),
        ("C:\\photos\\sub\\b.jpg", "sub/b.jpg"),
        ("../sub/b.jpg", "sub/b.jpg"),
        ("/data/upload/3/0a1b2c3d-a.jpg", "a.jpg"),
        ("/data/local-files/?d=photos/sub/c%20d.png", "sub/c d.png"),
        ("s3://bucket/photos/sub/b.jpg", "sub/b.jpg"),
        ("https://host/p/sub/c%20d.png?X-Amz-Signature=1", "sub/c d.png"),
        ("b.jpg", "sub/b.jpg"),  # the only file of this name
        ("absent.jpg", None),
    ],
)
def test_references(reference: str, name: str | None, make_images: MakeImages) -> None:
    assert ImageFolder(make_images(SIZES)).file_name(reference) == name


def test_a_name_that_occurs_twice_is_not_guessed(make_images: MakeImages) -> None:
    folder = make_images({**SIZES, "y/e.jpg": (4, 3)})
    assert ImageFolder(folder).file_name("e.jpg") is None
    assert ImageFolder(folder).file_name("/somewhere/y/e.jpg") == "y/e.jpg"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("sub/a.jpg", "sub/a.jpg"),
        ("/abs/a.jpg", "a.jpg"),
        ("C:\\photos\\a.jpg", "a.jpg"),
        ("s3://bucket/deep/a.jpg", "a.jpg"),
        ("/data/local-files/?d=photos/a%20b.jpg", "a b.jpg"),
    ],
)
def test_without_a_folder(reference: str, name: str) -> None:
    assert ImageFolder(None).file_name(reference) == name


def test_the_path_map_goes_first(make_images: MakeImages) -> None:
    pairs = parse_path_map(["s3://bucket/old/=sub/", "/data/local-files/?d=mine/="])
    assert pairs == (("s3://bucket/old/", "sub/"), ("/data/local-files/?d=mine/", ""))
    folder = ImageFolder(make_images(SIZES), pairs)
    assert folder.file_name("s3://bucket/old/b.jpg") == "sub/b.jpg"
    assert (
        ImageFolder(None, pairs).file_name("/data/local-files/?d=mine/q%20r/s.jpg") == "q r/s.jpg"
    )


@pytest.mark.parametrize("entry", ["no-equals", "=to"])
def test_a_malformed_path_map(entry: str) -> None:
    with pytest.raises(ValueError, match=r"expected FROM=TO"):
        parse_path_map([entry])


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such folder"):
        ImageFolder(tmp_path / "absent")


def test_names_that_no_file_system_takes(make_images: MakeImages) -> None:
    assert ImageFolder(make_images({"a.jpg": (4, 3)})).file_name("x" * 5_000) is None

from pathlib import Path

import pytest
from PIL import Image

from sapnet.prediction.sources import image_ids, opened_sources, picture_names


def test_names_of_pictures_never_collide() -> None:
    assert picture_names(["a.png", "b.jpg"]) == ["a", "b"]
    assert picture_names(["1-2.png", "1.jpg", "1.png"]) == ["1-2", "1.jpg", "1.png"]
    assert picture_names(["day/1.png", "night/1.png", "x/2.png"]) == [
        "day/1.png",
        "night/1.png",
        "2",
    ]
    # Resolving one collision makes the next.
    assert picture_names(["1.png", "1.jpg", "1.png.gif"]) == ["1.png", "1.jpg", "1.png.gif"]
    assert picture_names(["A.png", "a.jpg"]) == ["A.png", "a.jpg"]
    assert picture_names([]) == []


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["x/000012.jpg", "7.png"], [12, 7]),
        (["a.png", "7.png"], [1, 2]),
        (["day/1.png", "night/1.png"], [1, 2]),
        (["1.png", f"{2**53}.png"], [1, 2]),
        (["1.png", "9" * 40 + ".png"], [1, 2]),
        (["\u0661.png", "2.png"], [1, 2]),
        ([], []),
    ],
)
def test_ids_are_numbers_of_all_names_or_places(names: list[str], ids: list[int]) -> None:
    assert image_ids(names) == ids


def test_urls_are_fetched_under_their_name(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    system = fsspec.filesystem("memory")
    for place in ("/shop/a.png", "/other/a.png", "/shop/b.png"):
        system.pipe(place, (tmp_path / "a.png").read_bytes())
    with opened_sources(["memory://shop/a.png", "memory://shop/b.png"]) as files:
        assert [files.name(path) for path in files.paths] == ["a.png", "b.png"]
        assert Image.open(files.paths[0]).size == (8, 6)
    assert not files.paths[0].exists()
    with (
        pytest.raises(ValueError, match=r"another URL ends in 'a\.png'"),
        opened_sources(["memory://shop/a.png", "memory://other/a.png"]),
    ):
        pass
    with (
        pytest.raises(ValueError, match="either URLs or local files"),
        opened_sources(["memory://shop/a.png", tmp_path / "a.png"]),
    ):
        pass
    with (
        pytest.raises(FileNotFoundError, match=r"memory://shop/c\.png"),
        opened_sources("memory://shop/c.png"),
    ):
        pass


def test_an_unreachable_address_keeps_its_slashes() -> None:
    with (
        pytest.raises(ValueError, match=r"^https://127\.0\.0\.1:9/a\.jpg: cannot be ") as error,
        opened_sources("https://127.0.0.1:9/a.jpg"),
    ):
        pass
    assert "\n" not in str(error.value)


def test_local_files(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    with opened_sources(tmp_path) as files:
        assert files.paths == (tmp_path / "a.png",)
    with opened_sources([f"file://{tmp_path}/a.png"]) as files:
        assert files.paths[0].name == "a.png"

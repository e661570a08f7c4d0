from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from sapnet.annotate.listing import list_folder
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.structures.clicks import ImageRecord


def test_names_are_paths_below_the_folder_and_sizes_are_upright(
    folder: Path, save_image: Callable[..., object]
) -> None:
    save_image(folder / "turned.jpg", (60, 100), orientation=6)
    listing = list_folder(folder)
    assert [image.name for image in listing] == [
        "a.png",
        "broken.jpg",
        "süd/bäume 1.jpg",
        "turned.jpg",
    ]
    assert (listing["süd/bäume 1.jpg"].width, listing["süd/bäume 1.jpg"].height) == (100, 60)
    assert (listing["turned.jpg"].width, listing["turned.jpg"].height) == (60, 100)
    assert listing["a.png"].problem == ""
    assert "broken.jpg: cannot be read" in listing["broken.jpg"].problem


def test_only_listed_names_are_known(folder: Path) -> None:
    listing = list_folder(folder)
    assert "a.png" in listing
    for name in ("../clicks.json", "/etc/passwd", "süd/../a.png", ""):
        assert name not in listing


def test_images_of_the_clicks_file_that_are_missing_are_listed(folder: Path) -> None:
    listing = list_folder(folder, [ImageRecord(4, "gone.jpg", 640, 480)])
    assert "not in" in listing["gone.jpg"].problem
    assert (listing["gone.jpg"].width, listing["gone.jpg"].height) == (640, 480)


def test_what_goes_wrong_later_is_kept(folder: Path) -> None:
    listing = list_folder(folder)
    listing.report("a.png", "cut off")
    assert listing["a.png"].problem == "cut off"
    assert [image.problem for image in listing if image.name == "a.png"] == ["cut off"]


def test_a_missing_or_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        list_folder(tmp_path / "absent")
    with pytest.raises(ValueError, match="expected images"):
        list_folder(tmp_path)
    Image.new("RGB", (2, 2)).save(tmp_path / "x.png")
    assert len(list_folder(tmp_path)) == 1


def test_the_limit_of_pixels_is_not_for_files_that_are_read_in_windows(tmp_path: Path) -> None:
    Image.new("L", (300, 200)).save(tmp_path / "a.png")
    Image.new("L", (300, 200)).save(tmp_path / "b.tif")
    with allowing_pixels(50_000):
        listing = list_folder(tmp_path)
    assert "--max-pixels" in listing["a.png"].problem
    assert listing["b.tif"].problem == ""
    assert (listing["b.tif"].width, listing["b.tif"].height) == (300, 200)

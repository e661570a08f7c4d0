from pathlib import Path

import pytest
from PIL import Image

from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Source, SourceImage
from sapnet.data.formats.source_images import find_images
from tests.data.formats.conftest import MakeImages
from tests.data.formats.test_assemble import mark, run


def test_sizes_come_from_the_images(make_images: MakeImages) -> None:
    folder = make_images({"a.jpg": (64, 48)})
    clicks, _ = run(mark(points=((1.0, 1.0),)), folder=folder, size=None)
    assert (clicks.images[0].width, clicks.images[0].height) == (64, 48)


def test_images_of_another_size_or_none_are_left_out(make_images: MakeImages) -> None:
    folder = make_images({"a.jpg": (64, 48), "b.jpg": (1, 1)})
    clicks, findings = run(mark(points=((1.0, 1.0),)), folder=folder, size=(100, 100))
    assert clicks.images == ()
    assert findings.lines() == [
        "skipped: 1 x images of another size than listed (a.jpg: 100 x 100 listed, 64 x 48 found)",
        "skipped: 1 x objects on an image that is left out (here)",
    ]
    (folder / "a.jpg").unlink()
    _, findings = run(mark(points=((1.0, 1.0),)), folder=folder)
    assert "images that are not in" in findings.lines()[0]
    (folder / "a.jpg").write_text("no picture")
    _, findings = run(mark(points=((1.0, 1.0),)), folder=folder)
    assert "images that cannot be read" in findings.lines()[0]


def test_sizes_before_the_exif_turn_are_kept(tmp_path: Path) -> None:
    """`check_images` turns such clicks; the list must say the size that they were made on."""
    image = Image.new("RGB", (64, 48))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    clicks, findings = run(mark(points=((1.0, 1.0),)), folder=tmp_path)
    assert (clicks.images[0].width, clicks.images[0].height) == (64, 48)
    assert "before the EXIF turn (a.jpg)" in findings.lines()[0]
    upright, findings = run(mark(points=((1.0, 1.0),)), folder=tmp_path, size=(64, 48))
    assert (upright.images[0].width, upright.images[0].height) == (48, 64)
    assert findings.entries == []


def test_two_references_to_one_file(make_images: MakeImages) -> None:
    folder = make_images({"a.jpg": (64, 48)})
    images = tuple(SourceImage(name, (48, 64), "list") for name in ("x/a.jpg", "y/a.jpg"))
    with pytest.raises(ValueError, match=r"both lead to a.jpg. Tell them apart"):
        find_images(Source(images, (), ()), ImageFolder(folder), Findings())


def test_one_image_twice_and_impossible_sizes() -> None:
    twice = (SourceImage("a.jpg", (48, 64), "here"), SourceImage("a.jpg", (48, 64), "there"))
    with pytest.raises(ValueError, match=r"there: .* 'a.jpg' is listed twice"):
        find_images(Source(twice, (), ()), ImageFolder(None), Findings())
    for size in ((0, 64), (-1, 64), (2**16, 2**16), (10**400, 1)):
        source = Source((SourceImage("a.jpg", size, "here"),), (), ())
        with pytest.raises(ValueError, match=r"here: expected an image of 1 to 4294967295 pixels"):
            find_images(source, ImageFolder(None), Findings())

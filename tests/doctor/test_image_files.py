import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.doctor.finding import Finding
from sapnet.doctor.image_files import HUGE_PIXELS, Reading, check_same_content, examine_images
from sapnet.structures.clicks import ImageRecord

Kinds = Callable[[Sequence[Finding]], dict[str, list[str]]]
WIDTH, HEIGHT = 32, 20


def _picture(mode: str = "RGB", seed: int = 0, high: int = 255) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, high, (HEIGHT, WIDTH, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def _findings(root: Path, *names: str, decode: bool = True) -> list[Finding]:
    images = [ImageRecord(place, name, WIDTH, HEIGHT) for place, name in enumerate(names)]
    return [f for file in examine_images(images, root, Reading(decode)) for f in file.findings]


@pytest.mark.parametrize(
    ("mode", "name", "kind"),
    [
        ("RGB", "a.png", None),
        ("L", "a.png", "note: grayscale image"),
        ("LA", "a.png", "note: grayscale with alpha image"),
        ("1", "a.png", "note: black and white image"),
        ("P", "a.png", "note: palette image"),
        ("CMYK", "a.jpg", "note: CMYK image"),
        ("RGBA", "a.png", "note: alpha image"),
    ],
)
def test_unusual_kinds(
    tmp_path: Path, kinds: Kinds, mode: str, name: str, kind: str | None
) -> None:
    _picture(mode).save(tmp_path / name)
    found = kinds(_findings(tmp_path, name))
    assert found == ({} if kind is None else {kind: [f"image 0 ({name})"]})


def test_sixteen_bits(tmp_path: Path, kinds: Kinds) -> None:
    values = np.random.default_rng(0).integers(0, 65535, (HEIGHT, WIDTH)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray((values // 16).astype(np.uint16)).save(tmp_path / "twelve.png")
    found = kinds(_findings(tmp_path, "a.png", "twelve.png"))
    assert found == {
        "note: 16-bit image": ["image 0 (a.png)", "image 1 (twelve.png)"],
        "warning: dark 16-bit image": ["image 1 (twelve.png)"],
    }


def test_floating_point_values_are_refused(tmp_path: Path, kinds: Kinds) -> None:
    Image.fromarray(np.random.default_rng(0).random((HEIGHT, WIDTH)).astype(np.float32)).save(
        tmp_path / "a.tif"
    )
    assert kinds(_findings(tmp_path, "a.tif")) == {"error: unreadable image": ["image 0 (a.tif)"]}


def test_files_that_cannot_be_read(tmp_path: Path, kinds: Kinds) -> None:
    _picture().save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: -len(data) // 3])
    (tmp_path / "text.png").write_text("no image")
    names = ("whole.jpg", "cut.jpg", "text.png")
    both = ["image 1 (cut.jpg)", "image 2 (text.png)"]
    assert kinds(_findings(tmp_path, *names)) == {"error: unreadable image": both}
    # The header of the file that is cut off is fine.
    assert kinds(_findings(tmp_path, *names, decode=False)) == {"error: unreadable image": both[1:]}


def test_missing_files_and_what_is_meant(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    _picture().save(tmp_path / "Photo.PNG")
    _picture(seed=1).save(tmp_path / "sub" / "inner.png")
    _picture(seed=2).save(tmp_path / unicodedata.normalize("NFD", "café.png"))
    names = ("photo.png", "inner.png", "sub\\inner.png", "café.png", "none.png", "http://a/b.png")

    found = _findings(tmp_path, *names)

    errors = [finding for finding in found if finding.severity == "error"]
    assert [finding.kind for finding in errors] == [
        "file name differs",
        "image missing",
        "file name differs",
        "file name differs",
        "image missing",
        "image missing",
    ]
    hints = ["'Photo.PNG'", "'sub/inner.png'", "'sub/inner.png'", "caf", "Name the folder", "downl"]
    assert all(hint in error.message for hint, error in zip(hints, errors, strict=True))


def test_sizes_that_disagree(tmp_path: Path) -> None:
    _picture().save(tmp_path / "a.png")
    other = ImageRecord(1, "a.png", WIDTH + 1, HEIGHT)
    (file,) = examine_images([other], tmp_path)
    assert [(f.severity, f.kind) for f in file.findings] == [("error", "sizes disagree")]
    assert (
        f"expected 33 x {HEIGHT} px as listed, found 32 x {HEIGHT} px" in file.findings[0].message
    )
    swapped = ImageRecord(1, "a.png", HEIGHT, WIDTH)
    (file,) = examine_images([swapped], tmp_path)
    assert file.findings[0].message.startswith("width and height are swapped")


@pytest.mark.parametrize(("number", "severity"), [(3, "warning"), (6, "note")])
def test_orientation(tmp_path: Path, number: int, severity: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    _picture().save(tmp_path / "a.jpg", exif=exif)
    (file,) = examine_images([ImageRecord(1, "a.jpg", WIDTH, HEIGHT)], tmp_path)
    assert [(f.severity, f.kind) for f in file.findings] == [(severity, "EXIF orientation")]
    assert file.is_stored == (number == 6)


def test_blank_animated_misnamed(tmp_path: Path, kinds: Kinds) -> None:
    Image.new("RGB", (WIDTH, HEIGHT), "gray").save(tmp_path / "blank.png")
    _picture("P").save(
        tmp_path / "moving.gif", save_all=True, append_images=[_picture("P", 1), _picture("P", 2)]
    )
    _picture().save(tmp_path / "fact.png")
    (tmp_path / "fact.png").rename(tmp_path / "fact.jpg")
    found = kinds(_findings(tmp_path, "blank.png", "moving.gif", "fact.jpg"))
    assert found["warning: blank image"] == ["image 0 (blank.png)"]
    assert found["note: several frames"] == ["image 1 (moving.gif)"]
    assert found["note: ending and content differ"] == ["image 2 (fact.jpg)"]


def test_huge(tmp_path: Path, kinds: Kinds) -> None:
    width = 9000
    Image.new("1", (width, HUGE_PIXELS // width)).save(tmp_path / "a.png")
    (file,) = examine_images(
        [ImageRecord(1, "a.png", width, HUGE_PIXELS // width)], tmp_path, Reading(decode=False)
    )
    assert "note: huge image" in kinds(file.findings)


def test_same_picture_under_two_names(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        _picture().save(tmp_path / name)
    _picture(seed=1).save(tmp_path / "c.png")
    images = [ImageRecord(i, f"{name}.png", WIDTH, HEIGHT) for i, name in enumerate("abc")]
    (finding,) = check_same_content(examine_images(images, tmp_path))
    assert finding.kind == "image there twice"
    assert finding.message.startswith("a.png, b.png are")


def test_files_that_are_not_listed(tmp_path: Path) -> None:
    for place, name in enumerate("ab"):
        _picture(seed=place).save(tmp_path / f"{name}.png")
    (tmp_path / "notes.txt").write_text("no image")
    (finding,) = _findings(tmp_path, "a.png")
    assert finding.kind == "images not listed"
    assert finding.message.startswith("1 images")
    assert finding.message.endswith("b.png")


def test_no_images(tmp_path: Path) -> None:
    assert examine_images([], tmp_path) == ()

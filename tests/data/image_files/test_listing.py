import os
from pathlib import Path

import pytest
from PIL import Image

from sapnet.data.image_files.listing import find_images, list_images, readable_suffixes
from sapnet.data.images import load_image


def save(path: Path, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 8), (200, 10, 10)).save(path, **options)
    return path


def names(found: object) -> list[str]:
    return [found.name(path) for path in found.paths]


def test_sound_but_unusual_files_are_read(tmp_path: Path) -> None:
    kinds = {
        "a.png": "PNG",
        "b.jfif": "JPEG",
        "c.avif": "AVIF",
        "d.tga": "TGA",
        "e.jp2": "JPEG2000",
        "f.pnm": "PPM",
        "g.JPE": "JPEG",
        "h.mpo": "MPO",
    }
    for name, kind in kinds.items():
        save(tmp_path / name, format=kind)
    found = find_images(tmp_path)
    assert names(found) == sorted(kinds)
    assert found.left_out == ()
    assert found.left_out_line() == ""
    for path in found.paths:
        red, green, _ = load_image(path)[4, 6]
        assert red > 180
        assert green < 40


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    for name in ("clicks.json", "notes.txt", "b.txt", "c.txt", "d.txt", "LICENSE"):
        (tmp_path / name).write_text("x")
    (tmp_path / ".hidden.txt").write_text("x")
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere.png")
    line = find_images(tmp_path).left_out_line()
    assert line == (
        "left out 7 files: 4 x .txt (b.txt, c.txt, d.txt, ...); 1 x without an ending (LICENSE); "
        "1 x broken link (broken.png); 1 x .json (clicks.json)"
    )


def test_heic_is_named_with_what_it_needs(tmp_path: Path) -> None:
    if ".heic" in readable_suffixes():
        pytest.skip("HEIC can be read here")
    save(tmp_path / "a.png")
    (tmp_path / "b.HEIC").write_bytes(b"x")
    assert "1 x .heic, which needs `pip install pillow-heif` (b.HEIC)" in (
        find_images(tmp_path).left_out_line()
    )


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    save(root / "top.png")
    save(root / "real" / "a.png")
    save(other / "b.png")
    (root / "deep").symlink_to(other)
    (root / "again").symlink_to(root / "real")
    (root / "real" / "loop").symlink_to(root)
    (root / "one.png").symlink_to(other / "b.png")
    found = find_images(root)
    assert names(found) == ["deep/b.png", "one.png", "real/a.png", "top.png"]
    assert found.left_out_line().startswith(
        "left out 2 files: 2 x linked folder that was entered already"
    )


def test_two_links_to_one_folder_give_its_images_once(tmp_path: Path) -> None:
    save(tmp_path / "other" / "b.png")
    (tmp_path / "root").mkdir()
    for name in ("x", "y"):
        (tmp_path / "root" / name).symlink_to(tmp_path / "other")
    assert names(find_images(tmp_path / "root")) == ["x/b.png"]


def test_names_are_relative_to_what_was_given(tmp_path: Path) -> None:
    day, night = save(tmp_path / "day" / "1.png"), save(tmp_path / "night" / "1.png")
    assert names(find_images(tmp_path)) == ["day/1.png", "night/1.png"]
    assert names(find_images(tmp_path / "day")) == ["1.png"]
    assert names(find_images([day])) == ["1.png"]
    assert names(find_images([tmp_path / "day", tmp_path / "night"])) == [
        "day/1.png",
        "night/1.png",
    ]
    assert names(find_images([night, day, day])) == ["day/1.png", "night/1.png"]
    assert list_images(tmp_path) == [day, night]


def test_relative_and_absolute_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "b" / "2.png")
    monkeypatch.chdir(tmp_path)
    found = find_images([Path("a"), tmp_path / "b"])
    assert len(found.paths) == 2


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected images \(\.avif .*\), found none\. Check"):
        find_images(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match=r"left out 1 file: 1 x \.txt \(a\.txt\)\. Check"):
        find_images(tmp_path)
    with pytest.raises(ValueError, match="an empty list: expected images"):
        find_images([])
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        find_images(tmp_path / "absent")


def test_a_named_file_is_taken_whatever_its_ending(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png").rename(tmp_path / "a.dat")
    assert find_images(path).paths == (path,)
    assert os.fspath(find_images(path).root) == os.fspath(tmp_path)

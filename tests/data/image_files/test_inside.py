from pathlib import Path

import pytest

from sapnet.data.image_files.inside import image_path, leaves_folder, link_outside


@pytest.mark.parametrize(
    "name",
    ["../a.png", "/a.png", "a/../../b.png", "..\\a.png", "C:\\a.png", "\\\\host\\a.png", ".."],
)
def test_names_that_leave_the_folder(name: str, tmp_path: Path) -> None:
    assert leaves_folder(name)
    with pytest.raises(ValueError, match="expected the name of an image inside its folder, found"):
        image_path(tmp_path, name)


@pytest.mark.parametrize(
    "name", ["a.png", "süd/a b.png", "a..b.png", "...png", "https://x.org/a.png"]
)
def test_names_inside(name: str, tmp_path: Path) -> None:
    assert not leaves_folder(name)
    assert image_path(tmp_path, name) == tmp_path / name


def test_links(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "secret.png").touch()
    (folder / "a.png").touch()
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    (folder / "in.png").symlink_to(folder / "a.png")
    assert link_outside(folder, folder / "out.png") == (tmp_path / "secret.png").resolve()
    assert link_outside(folder, folder / "in.png") is None
    (tmp_path / "link").symlink_to(folder)  # the folder itself may be a link
    assert link_outside(tmp_path / "link", tmp_path / "link" / "a.png") is None

from __future__ import annotations

from pathlib import Path

import pytest

from sapnet.data.image_files.address import (
    ImageAddress,
    Window,
    check_bands,
    file_of,
    is_part,
    parse_address,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.tif#xywh=1,2,30,40", ImageAddress("a.tif", Window(1, 2, 30, 40))),
        ("a.tif#bands=4,3,2", ImageAddress("a.tif", None, (4, 3, 2))),
        ("d/a.tif#xywh=0,0,1,1&bands=5", ImageAddress("d/a.tif", Window(0, 0, 1, 1), (5,))),
        ("a#1.tif#xywh=0,0,1,1", ImageAddress("a#1.tif", Window(0, 0, 1, 1))),
    ],
)
def test_addresses_are_read_as_they_are_written(name: str, expected: ImageAddress) -> None:
    assert parse_address(name) == expected
    assert str(expected) == name
    assert is_part(name)


@pytest.mark.parametrize(
    "name",
    ["a.tif", "photo#3.jpg", "a#", "a#xywh=1,2,3", "a#xywh=0,0,0,5", "a#&bands=1",
     "a#xywh=0,0,1,1&", "a#xywh=0,0,1,1bands=2", "a#bands=x"],
)  # fmt: skip
def test_other_names_are_plain_files(name: str) -> None:
    assert parse_address(name) == ImageAddress(name)
    assert not is_part(name)
    assert file_of(name) == Path(name)


def test_windows_share_a_rectangle_or_nothing() -> None:
    assert Window(0, 0, 10, 10).common(Window(4, 6, 10, 10)) == Window(4, 6, 6, 4)
    assert Window(0, 0, 10, 10).common(Window(10, 0, 5, 5)) is None


@pytest.mark.parametrize("bands", [(1, 2), (0, 1, 2), (1, 2, 3, 4)])
def test_one_or_three_bands_are_chosen(bands: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected the numbers of one band"):
        check_bands(bands)


def test_no_choice_is_a_choice() -> None:
    check_bands(())

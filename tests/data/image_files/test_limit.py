import os
from pathlib import Path

import pytest
from PIL import Image

from sapnet.data.image_files.header import read_header
from sapnet.data.image_files.limit import VARIABLE, allowing_pixels, max_pixels
from sapnet.data.images import load_image


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("L", (50, 40)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_a_large_image_is_called_large_not_damaged(image: Path) -> None:
    with allowing_pixels(1999):
        for read in (load_image, read_header):
            with pytest.raises(ValueError, match=r"a\.png: too large.*--max-pixels 2000") as error:
                read(image)
            assert "damaged" not in str(error.value)
    assert load_image(image).shape == (40, 50, 3)


def test_pillows_own_error_is_called_large(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    with pytest.raises(ValueError, match=r"a\.png: too large: .*--max-pixels 2000"):
        load_image(image)


def test_the_limit_is_raised_and_put_back(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    with allowing_pixels(2000):
        assert max_pixels() == 2000
        assert os.environ[VARIABLE] == "2000"
        assert load_image(image).shape == (40, 50, 3)
    assert VARIABLE not in os.environ
    assert Image.MAX_IMAGE_PIXELS == 900


def test_nothing_changes_without_a_limit() -> None:
    before = max_pixels()
    with allowing_pixels(None):
        assert max_pixels() == before
    assert before == 178_956_970


def test_a_senseless_limit_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="max_pixels: expected at least 1, found 0"),
        allowing_pixels(0),
    ):
        pass


@pytest.mark.parametrize("value", ["0", "-3", "1e9", "many"])
def test_a_senseless_variable_is_refused(
    value: str, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(ValueError, match=rf"{VARIABLE}: expected a number .* found '{value}'"):
        load_image(image)

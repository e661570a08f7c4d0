import pytest

from sapnet.data.image_files.settings import check_reading


@pytest.mark.parametrize(("bits", "pixels"), [(None, None), (1, 1), (16, 10**12)])
def test_sensible_settings(bits: int | None, pixels: int | None) -> None:
    check_reading(bits, pixels)


@pytest.mark.parametrize(
    ("bits", "pixels", "message"),
    [
        (0, None, "bits: expected 1 to 16, found 0"),
        (17, None, "bits: expected 1 to 16, found 17"),
        (None, 0, "max_pixels: expected at least 1, found 0"),
    ],
)
def test_senseless_settings(bits: int | None, pixels: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_reading(bits, pixels)

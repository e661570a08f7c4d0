import numpy as np
import pytest

from sapnet.data.formats.brush_rle import decode_brush, encode_brush

SMALL = np.array([[0, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], np.uint8)

SDK_BYTES = [0, 0, 0, 60, 57, 27, 252, 96, 19, 255, 226, 176, 8, 255, 192]
"""Result of `label_studio_sdk.converter.brush.mask2rle` 2.1.2 for SMALL * 255."""


def from_bits(bits: str) -> list[int]:
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def test_small_mask_is_that_of_the_sdk() -> None:
    assert encode_brush(SMALL) == SDK_BYTES
    assert (decode_brush(SDK_BYTES, 3, 5) == SMALL).all()


def test_single_values_as_the_editor_writes_them() -> None:
    """Two pixels, worked out by hand: alpha 7 by single values, then a run of zeros."""
    header = f"{8:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    singles = "0" + "00" + f"{3:03b}" + "".join(f"{value:08b}" for value in (1, 2, 3, 7))
    run = "1" + "01" + f"{3:04b}" + f"{0:08b}"
    assert decode_brush(from_bits(header + singles + run), 1, 2).tolist() == [[1, 0]]


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 60), (300, 400)])
def test_round_trip(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for density in (0.0, 0.3, 1.0):  # a whole image is longer than the longest length field
        mask = (rng.random(shape) < density).astype(np.uint8)
        assert (decode_brush(encode_brush(mask), *shape) == mask).all()


def test_the_sdk_agrees() -> None:
    brush = pytest.importorskip(
        "label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed"
    )
    rng = np.random.default_rng(1)
    for _ in range(5):
        mask = (rng.random((30, 50)) < 0.4).astype(np.uint8)
        decoded = np.reshape(brush.decode_rle(encode_brush(mask)), (30, 50, 4))[..., 3]
        assert ((decoded > 0) == mask).all()
        assert (decode_brush(brush.mask2rle(mask * 255), 30, 50) == mask).all()


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        (SDK_BYTES[:-3], "cut off"),
        ([], "cut off"),
        ([255] * 9, "found other bytes"),
        ([256] * 9, "as bytes from 0 to 255"),
        (["1"] * 9, "as bytes from 0 to 255"),
    ],
)
def test_damaged_streams(rle: list[int | str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_brush(rle, 3, 5)  # type: ignore[arg-type]


def test_another_size() -> None:
    with pytest.raises(ValueError, match=r"expected a brush of 4 x 3 px, found .* 15 pixels"):
        decode_brush(SDK_BYTES, 3, 4)


def test_a_brush_on_a_gigantic_image() -> None:
    header = f"{4 * 30_000**2:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    rle = from_bits(header) + [0] * 60_000
    with pytest.raises(ValueError, match=r"expected a brush of at most 268435456 px"):
        decode_brush(rle, 30_000, 30_000)

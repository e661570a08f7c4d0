"""Label Studio's run lengths of brushed masks: the bit stream of `@thi.ng/rle-pack`.

`label-studio-sdk` also implements it, but pins pandas, lxml, opencv and some twenty more packages,
and takes seconds per large mask. The tests compare with it if it is installed.

The stream begins with the number of values (32 bits), the word size minus 1 (5 bits), and the sizes
minus 1 of four length fields (4 bits each). Then come records: 1 bit (a run, or single values), 2
bits (the index of the length field), the length minus 1, and one value for a run or `length` single
values. The values are the RGBA bytes of the image, row by row; the mask is where alpha is not 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_LENGTH_SIZES = (3, 4, 8, 16)
_WORD_SIZE = 8
_CHANNELS = 4
_FOREGROUND = 255
_MAX_PIXELS = 2**28  # of the image, which take about six bytes each


def encode_brush(mask: np.ndarray) -> list[int]:
    """Encode a mask as Label Studio's run lengths.

    Args:
        mask: (H, W) bool or uint8; non-zero is foreground.

    Returns:
        Bytes as integers, for `value.rle`.
    """
    flat = mask.ravel() != 0
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    lengths = np.diff(np.append(starts, flat.size)) * _CHANNELS
    fields = [f"{flat.size * _CHANNELS:032b}{_WORD_SIZE - 1:05b}"]
    fields += [f"{size - 1:04b}" for size in _LENGTH_SIZES]
    for start, length in zip(starts, lengths.tolist(), strict=True):
        value = f"{_FOREGROUND if flat[start] else 0:08b}"
        fields += [f"1{piece}{value}" for piece in _length_fields(length)]
    bits = "".join(fields)
    bits += "0" * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def _length_fields(length: int) -> list[str]:
    """Return the bits of a run's length, several fields if it exceeds the longest one."""
    longest = 1 << _LENGTH_SIZES[-1]
    pieces = [longest] * ((length - 1) // longest)
    pieces.append(length - sum(pieces))
    fields = []
    for piece in pieces:
        index = next(i for i, size in enumerate(_LENGTH_SIZES) if piece <= 1 << size)
        fields.append(f"{index:02b}{piece - 1:0{_LENGTH_SIZES[index]}b}")
    return fields


def decode_brush(rle: Sequence[int], height: int, width: int) -> np.ndarray:
    """Decode the mask of Label Studio's run lengths.

    Args:
        rle: bytes as integers.
        height: height of the image in pixels.
        width: width of the image in pixels.

    Returns:
        (H, W) uint8 0/1.

    Raises:
        ValueError: the stream is cut off, or does not belong to an image of this size.
    """
    try:
        data = bytes(rle)
    except (TypeError, ValueError) as error:
        raise ValueError("expected Label Studio's run lengths as bytes from 0 to 255") from error
    values = _decode_values(data, height, width)
    alpha = values.reshape(height, width, _CHANNELS)[..., -1]
    mask: np.ndarray = (alpha != 0).astype(np.uint8)
    return mask


def _decode_values(data: bytes, height: int, width: int) -> np.ndarray:
    bits = _Bits(data)
    num_values, word_size = bits.read(32), bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    # In a damaged stream the number is arbitrary; a run makes at most 2**16 values of 3 bytes.
    if num_values > (len(data) + 1) << sizes[-1] or word_size != _WORD_SIZE:
        raise ValueError("expected Label Studio's run lengths of 8-bit values, found other bytes")
    if num_values != height * width * _CHANNELS:
        raise ValueError(
            f"expected a brush of {width} x {height} px, found run lengths of "
            f"{num_values // _CHANNELS} pixels"
        )
    if height * width > _MAX_PIXELS:
        raise ValueError(f"expected a brush of at most {_MAX_PIXELS} px, found {width} x {height}")
    values = np.zeros(num_values, np.uint8)
    done = 0
    while done < num_values:
        is_run = bits.read(1)
        length = bits.read(sizes[bits.read(2)]) + 1
        if is_run:
            value = bits.read(word_size)
            if value:
                values[done : done + length] = value
        else:
            single = [bits.read(word_size) for _ in range(length)]
            values[done : done + length] = single[: num_values - done]
        done += length
    return values


class _Bits:
    """A stream of bits, read from the most significant one of the first byte."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def read(self, count: int) -> int:
        end = self._place + count
        if end > 8 * len(self._data):
            raise ValueError("expected Label Studio's run lengths, found a stream that is cut off")
        chunk = self._data[self._place // 8 : (end + 7) // 8]
        self._place = end
        return (int.from_bytes(chunk, "big") >> (-end % 8)) & ((1 << count) - 1)

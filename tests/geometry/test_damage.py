import numpy as np
import pytest

from sapnet.geometry.damage import damaged_rles
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import RLE


def rle(counts: bytes) -> RLE:
    return {"size": [6, 9], "counts": counts}


def test_sound_masks_of_many_sizes_are_sound() -> None:
    rng = np.random.default_rng(0)
    rles = [
        encode_masks(rng.random((1, *size)) < share)[0]
        for size in ((1, 1), (6, 9), (70, 30))
        for share in (0, 0.1, 0.5, 1)
    ]
    assert not damaged_rles(rles).any()


@pytest.mark.parametrize(
    "counts",
    [
        b"",  # nothing at all
        b"55",  # ten pixels of 54
        b"f1P",  # the last number goes on
        b"f1\x01",  # a character that the format does not have
        b"PPPPPPPPPPPPPPP0",  # a number of 75 bits
        "\u00e9".encode(),
        b"f10N2",  # a run of less than no pixel
    ],
)
def test_damage_is_found_between_sound_ones(counts: bytes) -> None:
    sound = encode_masks(np.eye(6, 9)[None])[0]
    assert damaged_rles([sound, rle(counts), sound]).tolist() == [False, True, False]


def test_many_masks_are_looked_at_in_parts() -> None:
    sound = encode_masks(np.eye(6, 9)[None])[0]
    rles = [sound] * 700
    rles[0] = rles[256] = rles[699] = rle(b"55")
    assert np.flatnonzero(damaged_rles(rles)).tolist() == [0, 256, 699]


def test_nothing_in_nothing_out() -> None:
    assert damaged_rles([]).tolist() == []

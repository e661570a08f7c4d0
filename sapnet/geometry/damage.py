"""Detection of damaged run lengths, for many masks at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapnet.geometry.rle import run_lengths
from sapnet.structures.clicks import RLE

_CHAR_ZERO, _NUM_CHARS, _MORE = 48, 64, 0x20
_CHUNK = 256  # masks whose run lengths are in memory at once
_MAX_CHARS = 12  # of one number; a thirteenth would exceed 64 bits


def damaged_rles(rles: Sequence[RLE]) -> np.ndarray:
    """Find run lengths that do not describe every pixel of their mask exactly once.

    Args:
        rles: K compressed run lengths, of any sizes.

    Returns:
        (K,) bool: True where a string is cut off, holds a character or a number that COCO's format
        does not have, or covers another number of pixels than its mask has.
    """
    found = [_damaged(rles[start : start + _CHUNK]) for start in range(0, len(rles), _CHUNK)]
    return np.concatenate(found) if found else np.zeros(0, bool)


def _damaged(rles: Sequence[RLE]) -> np.ndarray:
    strings = [rle["counts"] for rle in rles]
    is_damaged = _misspelt(strings)
    kept = np.flatnonzero(~is_damaged)
    if not len(kept):
        return is_damaged
    counts, numbers = run_lengths([strings[index] for index in kept.tolist()])
    owner = np.repeat(np.arange(len(kept)), numbers)
    covered = np.zeros(len(kept), np.int64)
    np.add.at(covered, owner, counts)
    pixels = np.array([rles[index]["size"][0] * rles[index]["size"][1] for index in kept.tolist()])
    wrong = covered != pixels
    wrong[owner[counts < 0]] = True
    is_damaged[kept] = wrong
    return is_damaged


def _misspelt(strings: Sequence[bytes]) -> np.ndarray:
    """Return (K,) True where a string cannot be parsed to numbers."""
    ends = np.cumsum([len(string) for string in strings], dtype=np.int64)
    groups = np.frombuffer(b"".join(strings), np.uint8) - np.uint8(_CHAR_ZERO)
    found = np.zeros(len(strings), bool)
    found[np.searchsorted(ends, np.flatnonzero(groups >= _NUM_CHARS), "right")] = True
    has_text = np.flatnonzero(np.diff(ends, prepend=0))
    is_cut_off = (groups[ends[has_text] - 1] & _MORE) != 0
    found[has_text[is_cut_off]] = True
    last = np.flatnonzero((groups & _MORE) == 0)
    too_long = last[np.diff(last, prepend=-1) > _MAX_CHARS]
    found[np.searchsorted(ends, too_long, "right")] = True
    return found

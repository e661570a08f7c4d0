import numpy as np

from sapnet.geometry.clipping import clip_far
from sapnet.geometry.rle import decode_masks, to_rle


def area(outline: np.ndarray) -> float:
    x, y = outline.T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def test_near_outlines_stay_as_they_are() -> None:
    outline = np.array([[-5.0, 3], [900, 4], [4, 60]])
    assert clip_far(outline, 100, 200) is outline


def test_far_corners_are_cut_off() -> None:
    """A strip of 10 px that leaves the image far to the right."""
    outline = np.array([[20.0, 30], [1e8, 30], [1e8, 40], [20, 40]])
    clipped = clip_far(outline, 100, 200)
    assert clipped[:, 0].max() == 200 * 9
    assert area(clipped) == (200 * 9 - 20) * 10
    assert len(clip_far(outline + np.array([1e7, 0]), 100, 200)) == 0


def test_masks_of_far_outlines() -> None:
    """The image's part of a large triangle, whose edge runs through it at 45 degrees."""
    triangle = [0.0, 0.0, 1e8, 1e8, 0.0, 1e8]
    mask = decode_masks([to_rle([triangle], 48, 64)])[0]
    y, x = np.mgrid[:48, :64]
    assert np.array_equal(mask, y > x) or np.array_equal(mask, y >= x)
    assert to_rle([[1e7, 1e7, 2e7, 1e7, 2e7, 2e7]], 48, 64) == to_rle(
        {"size": [48, 64], "counts": [48 * 64]}, 48, 64
    )

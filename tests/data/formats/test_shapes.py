import math

import pytest

from sapnet.data.formats.shapes import bounding_box, ellipse, rotated_rectangle


def test_a_quarter_turn_is_clockwise() -> None:
    """Seen with y down, the right end of a box turned about its corner goes to the bottom."""
    corners = rotated_rectangle((10, 20), 30, 4, 90, (10, 20))
    expected = [(10, 20), (10, 50), (6, 50), (6, 20)]
    for corner, other in zip(corners, expected, strict=True):
        assert corner == pytest.approx(other)
    assert bounding_box(corners) == pytest.approx((6, 20, 10, 50))


def test_turning_about_the_centre_keeps_it() -> None:
    corners = rotated_rectangle((0, 0), 8, 4, 30, (4, 2))
    x1, y1, x2, y2 = bounding_box(corners)
    assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((4, 2))
    width = 8 * math.cos(math.pi / 6) + 4 * math.sin(math.pi / 6)
    assert x2 - x1 == pytest.approx(width)


def test_ellipse_has_its_axes() -> None:
    assert bounding_box(ellipse((50, 40), (20, 5))) == pytest.approx((30, 35, 70, 45))
    assert bounding_box(ellipse((50, 40), (20, 5), 90)) == pytest.approx((45, 20, 55, 60))

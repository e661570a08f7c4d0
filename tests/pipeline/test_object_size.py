"""Sizes of objects by their clicks, boxes and masks."""

import numpy as np
import pytest

from sapnet.geometry.rle import encode_masks
from sapnet.pipeline.object_size import median_share
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord


def of(*clicks: Click) -> ClickSet:
    images = (ImageRecord(1, "a.jpg", 200, 100), ImageRecord(2, "b.jpg", 50, 400))
    return ClickSet(images, (Category(1, "cell"),), clicks)


def at(x: float, y: float, number: int = 1, image: int = 1) -> Click:
    return Click(number, image, 1, ((x, y),))


def test_the_nearest_other_click_of_the_image() -> None:
    """10, 10 and 30 px of 100; the click on the other image is no neighbour."""
    clicks = of(at(10, 10), at(10, 20, 2), at(40, 20, 3), at(10, 11, 4, image=2))
    assert median_share(clicks) == pytest.approx(np.median([0.1, 0.1, 0.3, 1]))


def test_an_object_alone_may_fill_its_image() -> None:
    assert median_share(of(at(10, 10))) == 1
    assert median_share(of(at(10, 10), at(190, 10, 2))) == 1  # 180 px of 100


def test_a_box_or_a_mask_says_more() -> None:
    mask = np.zeros((1, 100, 200), np.uint8)
    mask[0, 10:14, 10:19] = 1  # 36 px
    masked = Click(1, 1, 1, ((12.0, 12.0),), mask=encode_masks(mask)[0])
    boxed = Click(2, 1, 1, ((100.0, 50.0),), box=(90, 45, 106, 61))
    assert median_share(of(masked)) == pytest.approx(0.06)
    assert median_share(of(boxed)) == pytest.approx(0.16)


def test_clicks_at_one_place() -> None:
    assert median_share(of(at(10, 10), at(10, 10, 2))) == 0

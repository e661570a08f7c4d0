"""Tests of what was annotated, in the frame of windows and back."""

import numpy as np

from sapnet.data.tiles.clicks import tile_image
from sapnet.data.tiles.coverage import coverage_in_windows, whole_coverage
from sapnet.data.tiles.grid import Parts, Tiling
from sapnet.geometry.rle import decode_masks, encode_masks
from sapnet.structures.clicks import Coverage, IgnoredRegion, ImageRecord


def test_marks_and_regions_go_to_the_windows_and_back() -> None:
    image = ImageRecord(3, "a.png", 200, 120)
    mask = np.zeros((1, 120, 200), bool)
    mask[0, 10:50, 30:45] = True
    whole = Coverage((2,), (IgnoredRegion(1, encode_masks(mask)[0]),))
    windows = tile_image(image, Parts(Tiling(64, 16)))

    found = coverage_in_windows({3: whole}, windows)

    assert found.keys() == {window.image_id for window in windows}
    assert {one.partial for one in found.values()} == {(2,)}
    assert 0 < sum(bool(one.ignored) for one in found.values()) < len(windows)
    back = whole_coverage(found, windows, [image])
    assert back[3].partial == (2,)
    assert [region.category_id for region in back[3].ignored] == [1]
    assert (decode_masks([back[3].ignored[0].mask]) == mask).all()


def test_nothing_said_stays_nothing() -> None:
    image = ImageRecord(3, "a.png", 200, 120)
    windows = tile_image(image, Parts(Tiling(64, 16)))
    assert coverage_in_windows({}, windows) == {}
    assert whole_coverage({}, windows, [image]) == {}

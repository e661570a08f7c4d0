from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.clicked_images import check_whole_images
from sapnet.data.image_files.address import parse_address
from sapnet.data.tiles.clicks import tile_clicks
from sapnet.data.tiles.grid import Parts, Tiling
from sapnet.data.tiles.windows import MOST_WINDOWS, copy_id, is_copy, owner_of, whole_images
from sapnet.geometry.rle import decode_masks, encode_masks
from sapnet.structures.clicks import Category, Click, ClickSet, Coverage, ImageRecord

PARTS = Parts(Tiling(100, 20))
BIG = ImageRecord(7, "sub/big.tif", 250, 100)  # windows at 0, 75 and 150
SMALL = ImageRecord(8, "small.png", 60, 50)
CATEGORIES = (Category(1, "cell"),)


def clicks_at(*points: tuple[float, float], image: ImageRecord = BIG) -> ClickSet:
    clicks = tuple(
        Click(number, image.image_id, 1, (point,)) for number, point in enumerate(points, start=1)
    )
    return ClickSet((BIG, SMALL), CATEGORIES, clicks)


def test_windows_are_images_with_addresses() -> None:
    tiled = tile_clicks(clicks_at((10.5, 10.5)), PARTS)
    assert [image.file_name for image in tiled.images] == [
        "sub/big.tif#xywh=0,0,100,100",
        "sub/big.tif#xywh=75,0,100,100",
        "sub/big.tif#xywh=150,0,100,100",
        "small.png",
    ]
    assert [image.image_id for image in tiled.images] == [
        7 * MOST_WINDOWS,
        7 * MOST_WINDOWS + 1,
        7 * MOST_WINDOWS + 2,
        8 * MOST_WINDOWS,
    ]
    assert whole_images(tiled.images) == (BIG, SMALL)


def test_a_click_belongs_to_one_window_and_is_shown_in_others() -> None:
    tiled = tile_clicks(clicks_at((10.5, 10.5), (80.5, 20.5), (95.5, 20.5)), PARTS)
    found = {(c.annotation_id, c.image_id % MOST_WINDOWS): c.point for c in tiled.clicks}
    assert found == {
        (1, 0): (10.5, 10.5),
        (2, 0): (80.5, 20.5),  # the seam lies at 87.5
        (-33, 1): (5.5, 20.5),
        (3, 1): (20.5, 20.5),
        (-49, 0): (95.5, 20.5),
    }
    assert sorted(c.annotation_id for c in tiled.clicks if not is_copy(c.annotation_id)) == [
        1,
        2,
        3,
    ]


def test_boxes_masks_and_further_points_are_cut_at_the_window() -> None:
    mask = np.zeros((100, 250), bool)
    mask[10:30, 70:120] = True
    click = Click(
        1, 7, 1,
        points=((95.5, 20.5), (72.5, 20.5)),
        negative_points=((40.5, 5.5), (130.5, 5.5)),
        box=(70.0, 10.0, 120.0, 30.0),
        mask=encode_masks(mask[None])[0],
    )  # fmt: skip
    tiled = tile_clicks(ClickSet((BIG,), CATEGORIES, (click,)), PARTS)
    home = next(c for c in tiled.clicks if not is_copy(c.annotation_id))
    assert home.points == ((20.5, 20.5),)
    assert home.negative_points == ((55.5, 5.5),)
    assert home.box == (0.0, 10.0, 45.0, 30.0)
    assert home.mask is not None
    assert (decode_masks([home.mask])[0] == mask[:, 75:175]).all()
    (copy,) = (c for c in tiled.clicks if is_copy(c.annotation_id))
    assert copy.points == ((95.5, 20.5), (72.5, 20.5))


def test_every_window_that_shows_a_point_or_the_mask_holds_the_object() -> None:
    mask = np.zeros((100, 250), bool)
    mask[10:30, 160:250] = True
    click = Click(1, 7, 1, ((10.5, 20.5), (110.5, 20.5)), mask=encode_masks(mask[None])[0])
    tiled = tile_clicks(ClickSet((BIG,), CATEGORIES, (click,)), PARTS)
    found = {c.image_id % MOST_WINDOWS: c for c in tiled.clicks}
    assert {place: c.points for place, c in found.items()} == {
        0: ((10.5, 20.5),),
        1: ((35.5, 20.5),),
        2: ((54.5, 19.5),),  # of the mask: columns 10 to 99, rows 10 to 29
    }
    assert [found[place].mask is not None for place in range(3)] == [False, True, True]
    assert {owner_of(c.annotation_id) for c in tiled.clicks} == {1}


@pytest.mark.parametrize("owner", [0, 1, 12345, 2**32 - 1])
@pytest.mark.parametrize("number", [1, 15, 16, 17, 100_000])
def test_ids_of_copies_name_their_owner(owner: int, number: int) -> None:
    assert owner_of(copy_id(owner, number)) == owner
    assert is_copy(copy_id(owner, number))
    assert copy_id(owner, number) > -(2**53)
    assert owner_of(owner) == owner


def test_ids_of_many_copies_need_room() -> None:
    assert owner_of(copy_id(2**40, 15)) == 2**40
    with pytest.raises(ValueError, match="Number the objects anew"):
        copy_id(2**40, 16)


def test_bands_are_part_of_the_address() -> None:
    tiled = tile_clicks(clicks_at((1.5, 1.5)), Parts(None, (4, 3, 2)))
    assert [image.file_name for image in tiled.images] == [
        "sub/big.tif#bands=4,3,2",
        "small.png#bands=4,3,2",
    ]
    assert parse_address(tiled.images[0].file_name).bands == (4, 3, 2)
    assert whole_images(tiled.images) == (BIG, SMALL)


@pytest.mark.parametrize("image_id", [-1, 2**40])
def test_ids_without_room_are_refused(image_id: int) -> None:
    clicks = ClickSet((replace(BIG, image_id=image_id),), CATEGORIES, ())
    with pytest.raises(ValueError, match="Number the images anew"):
        tile_clicks(clicks, PARTS)


def test_negative_ids_of_objects_are_refused() -> None:
    click = Click(-3, 7, 1, ((1.5, 1.5),))
    with pytest.raises(ValueError, match="Number the objects anew"):
        tile_clicks(ClickSet((BIG,), CATEGORIES, (click,)), PARTS)


def test_files_are_checked_before_they_are_cut(tmp_path: Path) -> None:
    Image.new("RGB", (250, 100)).save(tmp_path / "big.tif")
    Image.new("RGB", (60, 50)).save(tmp_path / "small.png")
    big = replace(BIG, file_name="big.tif")
    marks = {image.image_id: Coverage((1,)) for image in (big, SMALL)}
    clicks = ClickSet((big, SMALL), CATEGORIES, (Click(1, 7, 1, ((1.5, 1.5),)),), marks)
    assert check_whole_images(clicks, tmp_path) == clicks
    wrong = replace(clicks, images=(replace(big, width=251), SMALL))
    with pytest.raises(ValueError, match="expected 251 x 100 px as listed"):
        check_whole_images(wrong, tmp_path)

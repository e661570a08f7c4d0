"""Outlines are judged by filling them again: with COCO's own rasteriser and with OpenCV's."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from sapnet.geometry.polygons import mask_polygon, mask_polygons
from sapnet.geometry.rle import decode_masks, to_rle

RING = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1]], np.uint8)
TWO_PARTS = np.array([[1, 0, 0, 0, 0], [1, 0, 0, 1, 1]], np.uint8)


def random_masks(count: int) -> list[np.ndarray]:
    """Blobs with holes, specks and diagonal contacts, and pure noise."""
    rng = np.random.default_rng(0)
    masks = []
    for index in range(count):
        noise = rng.random(rng.integers(1, 40, 2))
        smooth = gaussian_filter(noise, rng.uniform(0.5, 3)) if index % 3 else noise
        masks.append(smooth > np.quantile(smooth, rng.uniform(0.2, 0.9)))
    return masks


def fill_coco(polygons: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    rle = to_rle([polygon.ravel().tolist() for polygon in polygons], shape[0], shape[1])
    return decode_masks([rle])[0]


def fill_opencv(polygons: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    filled = np.zeros(shape, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(filled, [polygon.astype(np.int32)], 1)
    return filled


def fill_pillow(polygons: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """As LabelMe fills (`labelme.utils.shape_to_mask`)."""
    image = Image.fromarray(np.zeros(shape, np.uint8))
    for polygon in polygons:
        ImageDraw.Draw(image).polygon([(x, y) for x, y in polygon.tolist()], fill=1, outline=1)
    return np.asarray(image)


def test_a_rectangle_has_four_corners_in_its_corner_pixels() -> None:
    mask = np.zeros((8, 12), np.uint8)
    mask[2:5, 3:10] = 1
    (polygon,) = mask_polygons(mask, "inside")
    corners = [(3.25, 2.25), (3.25, 4.75), (9.75, 2.25), (9.75, 4.75)]
    assert sorted(map(tuple, polygon.tolist())) == corners
    (polygon,) = mask_polygons(mask, "pixels")
    assert sorted(map(tuple, polygon.tolist())) == [(3, 2), (3, 4), (9, 2), (9, 4)]


def test_a_hole_is_joined_and_parts_are_apart() -> None:
    assert len(mask_polygons(RING, "inside")) == 1
    assert (fill_coco(mask_polygons(RING, "inside"), RING.shape) == RING).all()
    assert len(mask_polygons(TWO_PARTS, "inside")) == 2
    one = mask_polygon(TWO_PARTS, "inside")
    assert (fill_coco([one], TWO_PARTS.shape) == TWO_PARTS).all()


def test_an_inner_corner_is_one_corner() -> None:
    mask = np.ones((4, 4), np.uint8)
    mask[:2, 2:] = 0
    (polygon,) = mask_polygons(mask, "inside")
    assert (1.75, 2.25) in set(map(tuple, polygon.tolist()))
    assert len(polygon) == 6


@pytest.mark.parametrize("fill", [fill_coco, fill_opencv, fill_pillow])
def test_inside_outlines_lose_nothing_in_any_tool(fill: Callable[..., np.ndarray]) -> None:
    for mask in random_masks(90):
        if mask.any():
            assert (fill(mask_polygons(mask, "inside"), mask.shape) == mask).all()
            if fill is fill_coco:  # the others draw the seams between parts
                assert (fill([mask_polygon(mask, "inside")], mask.shape) == mask).all()


def test_pixel_outlines_lose_nothing_in_opencv_but_for_seams_between_parts() -> None:
    for mask in random_masks(90):
        if not mask.any():
            continue
        assert (fill_opencv(mask_polygons(mask, "pixels"), mask.shape) == mask).all()
        joined = fill_opencv([mask_polygon(mask, "pixels")], mask.shape)
        assert (joined >= mask).all()


def test_the_seam_between_parts_is_the_shortest() -> None:
    mask = np.zeros((3, 20), np.uint8)
    mask[:, :5] = mask[:, 8:12] = mask[:, 19:] = 1
    joined = fill_opencv([mask_polygon(mask, "pixels")], mask.shape)
    assert joined.sum() == mask.sum() + 3 + 7


@pytest.mark.parametrize("outline", ["inside", "pixels"])
def test_simplified_outlines_stay_within_the_tolerance(outline: str) -> None:
    y, x = np.mgrid[:80, :80]
    disc = (x - 40) ** 2 + (y - 40) ** 2 < 30**2
    (full,) = mask_polygons(disc, outline)  # type: ignore[arg-type]
    (coarse,) = mask_polygons(disc, outline, simplify=1.0)  # type: ignore[arg-type]
    assert 8 <= len(coarse) < len(full) / 3
    radii = np.hypot(*(coarse - (40 if outline == "pixels" else 40.5)).T)
    assert np.abs(radii - 30).max() < 1.6
    filled = fill_coco([coarse + (0.5 if outline == "pixels" else 0)], disc.shape).astype(bool)
    assert (filled & disc).sum() / (filled | disc).sum() > 0.93


def test_empty_and_single_pixels() -> None:
    empty = np.zeros((4, 5), np.uint8)
    assert mask_polygons(empty, "inside") == []
    assert mask_polygon(empty, "pixels").shape == (0, 2)
    empty[2, 3] = 1
    assert len(mask_polygons(empty, "inside")[0]) == 4
    assert mask_polygon(empty, "pixels").tolist() == [[3, 2]]

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from sapnet.data.click_weights import BORDER_REACH
from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.sampling import ClickMode, QuasiCenterConfig, sample_clicks
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import Category, ImageRecord

MODES: tuple[ClickMode, ...] = get_args(ClickMode)
IMAGE = ImageRecord(5, "a.jpg", 60, 50)


def instance_set(*masks: np.ndarray, crowd: tuple[int, ...] = ()) -> InstanceSet:
    """Objects 0, 1, ... with these (50, 60) masks."""
    instances = tuple(
        Instance(
            annotation_id=n,
            image=IMAGE,
            category_id=3,
            is_crowd=n in crowd,
            segmentation=encode_masks(mask[None])[0],
            source=Path("truth.json"),
        )
        for n, mask in enumerate(masks)
    )
    return InstanceSet((IMAGE,), (Category(3, "cat"),), instances)


def mask_of(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((50, 60), np.uint8)
    mask[rows, columns] = 1
    return mask


def random_masks() -> list[np.ndarray]:
    """Shapes with holes, thin ones and single pixels."""
    rng = np.random.default_rng(0)
    masks = [
        mask_of(slice(3, 3 + h), slice(7, 7 + w)) for h, w in [(1, 1), (1, 9), (30, 1), (2, 2)]
    ]
    for _ in range(20):
        mask = np.zeros((50, 60), np.uint8)
        top, left, height, width = rng.integers(1, 25, 4)
        mask[top : top + height, left : left + width] = rng.random((height, width)) < 0.3
        mask[top, left] = 1
        masks.append(mask)
    ring = mask_of(slice(5, 45), slice(5, 55))
    ring[15:35, 15:45] = 0
    return [*masks, ring]


@pytest.mark.parametrize("mode", MODES)
def test_every_click_is_the_centre_of_a_pixel_of_its_mask(mode: ClickMode) -> None:
    masks = random_masks()
    for seed in range(5):
        clicks = sample_clicks(instance_set(*masks), mode, seed).clicks
        assert len(clicks) == len(masks)
        for click, mask in zip(clicks, masks, strict=True):
            x, y = click.point
            assert (x % 1, y % 1) == (0.5, 0.5)
            assert mask[int(y), int(x)] == 1


@pytest.mark.parametrize("mode", ["quasi-center", "uniform", "border"])
def test_depends_on_seed_and_id_alone(mode: ClickMode) -> None:
    masks = random_masks()
    together = sample_clicks(instance_set(*masks), mode, 3)
    again = sample_clicks(instance_set(*masks), mode, 3)
    assert together == again
    shorter = sample_clicks(instance_set(*masks[:5]), mode, 3)
    assert shorter.clicks == together.clicks[:5]
    other = sample_clicks(instance_set(*masks), mode, 4)
    assert [c.point for c in other.clicks] != [c.point for c in together.clicks]


def test_objects_of_one_shape_get_different_clicks() -> None:
    mask = mask_of(slice(0, 50), slice(0, 60))
    clicks = sample_clicks(instance_set(mask, mask, mask), "uniform").clicks
    assert len({click.point for click in clicks}) == 3


def test_crowds_give_no_click() -> None:
    mask = mask_of(slice(0, 5), slice(0, 5))
    clicks = sample_clicks(instance_set(mask, mask, mask, crowd=(1,))).clicks
    assert [click.annotation_id for click in clicks] == [0, 2]


def test_no_objects() -> None:
    clicks = sample_clicks(instance_set())
    assert clicks.clicks == ()
    assert clicks.images == (IMAGE,)


def test_center_by_hand() -> None:
    solid = mask_of(slice(10, 15), slice(20, 27))
    holed = solid.copy()
    holed[12, 23] = 0  # the pixel above is as near as three others, and comes first
    points = [click.point for click in sample_clicks(instance_set(solid, holed), "center").clicks]
    assert points == [(23.5, 12.5), (23.5, 11.5)]


def test_quasi_center_stays_in_the_ellipse() -> None:
    mask = mask_of(slice(0, 48), slice(0, 60))
    for seed in range(50):
        ((x, y),) = sample_clicks(instance_set(mask), seed=seed).clicks[0].points
        assert ((x - 30) / 7.5) ** 2 + ((y - 24) / 6) ** 2 <= 1


def test_settings_have_an_effect() -> None:
    mask = mask_of(slice(0, 48), slice(0, 60))
    cfg = QuasiCenterConfig(size_range=2.0, mu=(0.5, -0.5), sigma=(0.01, 0.01))
    ((x, y),) = sample_clicks(instance_set(mask), cfg=cfg).clicks[0].points
    assert x > 45  # as far to the right and up as the ellipse of the full box allows
    assert y < 12
    cfg = QuasiCenterConfig(size_range=1.0, max_semi_axis=1.0)
    ((x, y),) = sample_clicks(instance_set(mask), cfg=cfg).clicks[0].points
    assert abs(x - 30) <= 1
    assert abs(y - 24) <= 1


def test_border_clicks_are_near_what_is_not_the_object() -> None:
    masks = random_masks()
    rows, columns = np.mgrid[-1:51, -1:61] + 0.5  # with the pixels round the image
    for seed in range(5):
        clicks = sample_clicks(instance_set(*masks), "border", seed).clicks
        for click, mask in zip(clicks, masks, strict=True):
            outside = np.pad(mask, 1) == 0
            distance = np.hypot(columns[outside] - click.point[0], rows[outside] - click.point[1])
            assert distance.min() <= BORDER_REACH


@pytest.mark.parametrize("mode", MODES)
def test_an_offset_moves_every_click_by_that_much_along_one_line(mode: ClickMode) -> None:
    instances = instance_set(*[mask_of(slice(20, 30), slice(25, 35))] * 40)
    points = {
        offset: np.array([c.point for c in sample_clicks(instances, mode, 2, offset=offset).clicks])
        for offset in (0.0, 3.5, 14.0)
    }
    near, far = points[3.5] - points[0.0], points[14.0] - points[0.0]
    np.testing.assert_allclose(np.linalg.norm(near, axis=1), 3.5)
    np.testing.assert_allclose(far, 4 * near)
    angles = np.arctan2(near[:, 1], near[:, 0])
    assert np.histogram(angles, 4, (-np.pi, np.pi))[0].min() >= 3  # all directions
    again = sample_clicks(instances, mode, 2, offset=3.5).clicks
    np.testing.assert_array_equal(points[3.5], [click.point for click in again])


def test_a_missed_click_leaves_its_object_but_not_the_image() -> None:
    corner = mask_of(slice(0, 3), slice(57, 60))
    clicks = sample_clicks(instance_set(*[corner] * 30), "center", 0, offset=500.0).clicks
    points = np.array([click.point for click in clicks])
    assert (points >= 0.5).all()
    assert (points <= [59.5, 49.5]).all()
    on_object = [corner[int(y), int(x)] == 1 for x, y in points]
    assert 0 < np.mean(on_object) < 1  # kept at the corner where it went out there


@pytest.mark.parametrize("offset", [-1.0, float("nan"), float("inf")])
def test_offsets_that_are_none(offset: float) -> None:
    with pytest.raises(ValueError, match="offset: expected a number of pixels >= 0"):
        sample_clicks(instance_set(), offset=offset)


def test_unknown_mode() -> None:
    mask = mask_of(slice(0, 5), slice(0, 5))
    with pytest.raises(ValueError, match=r"one of the modes 'quasi-center', .* found 'centre'"):
        sample_clicks(instance_set(mask), "centre")  # type: ignore[arg-type]


def test_mask_without_a_pixel() -> None:
    sliver = [[10.1, 5.2, 10.2, 5.2, 10.2, 40.3, 10.1, 40.3]]
    source = Path("truth.json")
    instances = (
        Instance(1, IMAGE, 3, is_crowd=False, segmentation=sliver, source=source),
        Instance(2, IMAGE, 3, is_crowd=False, segmentation=encode_masks(np.zeros((1, 50, 60)))[0],
                 source=source, given_box=(58.0, 48.0, 62.0, 54.0)),
    )  # fmt: skip
    clicks = sample_clicks(InstanceSet((IMAGE,), (Category(3, "cat"),), instances)).clicks
    assert clicks[0].point in {(10.5, 5.5), (10.5, 40.5)}
    assert clicks[1].point == (59.5, 49.5)  # the box centre (60, 51) is off the image

import numpy as np
import pytest
import supervision as sv

from sapnet.prediction.drawing import draw_candidates, draw_click, draw_outlines, draw_predictions

HEIGHT, WIDTH = 60, 80


@pytest.fixture
def image() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 128, np.uint8)


def _box_mask(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def _detections(masks: np.ndarray) -> sv.Detections:
    count = len(masks)
    return sv.Detections(
        xyxy=sv.mask_to_xyxy(masks).astype(float),
        mask=masks,
        class_id=np.arange(count),
        confidence=np.full(count, 0.5),
    )


def test_predictions_are_drawn_on_a_copy(image: np.ndarray) -> None:
    before = image.copy()
    detections = _detections(np.stack([_box_mask(10, 30, 40, 55), _box_mask(50, 30, 75, 55)]))

    drawn = draw_predictions(image, detections, ["cup", "větrník"])

    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(image, before)
    inside, other = drawn[45, 25].astype(int), drawn[45, 62].astype(int)
    assert np.abs(inside - 128).max() > 20
    assert np.abs(inside - other).max() > 20, "instances have their own colours"
    np.testing.assert_array_equal(drawn[58, 5], image[58, 5])


def test_a_small_mask_is_drawn_over_a_large_one(image: np.ndarray) -> None:
    small, large = _box_mask(30, 25, 50, 45), _box_mask(5, 5, 75, 58)

    one = draw_predictions(image, _detections(np.stack([small, large])), ["a", "b"])

    assert np.abs(one[35, 40].astype(int) - one[35, 65]).max() > 10


def test_no_predictions_give_a_copy(image: np.ndarray) -> None:
    drawn = draw_predictions(image, sv.Detections.empty(), [])

    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


def test_outlines_have_the_colour_asked_for(image: np.ndarray) -> None:
    drawn = draw_outlines(image, _box_mask(20, 20, 60, 50)[None], "#ff0000")

    np.testing.assert_array_equal(drawn[20, 40], (255, 0, 0))  # outline
    red, green, blue = drawn[35, 40].astype(int)  # fill
    assert red > 128 > green == blue
    np.testing.assert_array_equal(drawn[5, 5], image[5, 5])


def test_empty_masks_are_left_out(image: np.ndarray) -> None:
    for masks in (np.zeros((0, HEIGHT, WIDTH), bool), np.zeros((2, HEIGHT, WIDTH), bool)):
        np.testing.assert_array_equal(draw_outlines(image, masks), image)


def test_a_click_is_drawn_where_it_is(image: np.ndarray) -> None:
    drawn = draw_click(image, (30.5, 20.5))

    changed = (drawn != image).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert abs(rows.mean() - 20) < 1
    assert abs(columns.mean() - 30) < 1
    red, _, blue = drawn[20, 30].astype(int)
    assert red > 200 > 100 > blue, "yellow"


def test_candidates_are_cropped_to_what_they_cover(image: np.ndarray) -> None:
    masks = np.stack([_box_mask(20, 20, 40, 40), _box_mask(25, 25, 35, 35)])

    tiles = draw_candidates(image, masks, masks[0], (30.5, 30.5), side=112)

    # 20 x 20 with a margin of 4 on each side, four times as large.
    assert tiles.click.shape == (112, 112, 3)
    assert [tile.shape for tile in tiles.candidates] == [(112, 112, 3)] * 2
    assert tiles.truth is not None
    covered = [
        (np.abs(tile.astype(int) - 128).max(axis=2) > 20).mean() for tile in tiles.candidates
    ]
    assert covered[0] == pytest.approx((20 / 28) ** 2, abs=0.06)
    assert covered[1] == pytest.approx((10 / 28) ** 2, abs=0.06)
    rows, columns = np.nonzero((tiles.click != 128).any(axis=2))
    assert rows.mean() == pytest.approx(4 * (30.5 - 16), abs=1)
    assert columns.mean() == pytest.approx(4 * (30.5 - 16), abs=1)


def test_a_box_is_drawn_on_a_picture_of_its_own(image: np.ndarray) -> None:
    mask = _box_mask(20, 20, 40, 40)

    tiles = draw_candidates(image, mask[None], box=(20, 20, 50, 40), side=152)

    assert tiles.box is not None
    # 30 x 20 with a margin of 4 on each side, four times as large.
    assert tiles.box.shape == tiles.click.shape == (112, 152, 3)
    rows, columns = np.nonzero((tiles.box != 128).any(axis=2))
    assert (rows.min() + rows.max()) / 2 == pytest.approx(4 * (30 - 16), abs=1)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(4 * (35 - 16), abs=1)
    np.testing.assert_array_equal(tiles.box[56, 76], (128, 128, 128))  # not filled
    assert draw_candidates(image, mask[None]).box is None


def test_a_crop_keeps_inside_the_image(image: np.ndarray) -> None:
    tiles = draw_candidates(image, _box_mask(0, 0, WIDTH, 30)[None], side=80)

    assert tiles.candidates[0].shape == (40, 80, 3)  # a margin of 10 below only
    assert tiles.truth is None


def test_without_masks_the_whole_image_is_shown(image: np.ndarray) -> None:
    tiles = draw_candidates(image, np.zeros((0, HEIGHT, WIDTH), bool), side=80)

    assert tiles.candidates == ()
    np.testing.assert_array_equal(tiles.click, image)

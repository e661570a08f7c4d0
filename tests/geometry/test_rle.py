import numpy as np
import pytest

from sapnet.geometry.rle import (
    decode_masks,
    encode_masks,
    rle_areas,
    rle_boxes,
    rle_iou,
    to_rle,
)


def some_masks() -> np.ndarray:
    masks = np.zeros((3, 6, 9), np.uint8)
    masks[0, 1:3, 2:6] = 1
    masks[1, :, 8] = 1
    return masks


def test_round_trip_keeps_every_pixel() -> None:
    masks = (np.random.default_rng(0).random((5, 17, 23)) > 0.5).astype(np.uint8)
    assert np.array_equal(decode_masks(encode_masks(masks)), masks)


def test_boxes_are_pixel_edges_and_empty_masks_are_zeros() -> None:
    rles = encode_masks(some_masks())
    assert rle_boxes(rles).tolist() == [[2, 1, 6, 3], [8, 0, 9, 6], [0, 0, 0, 0]]
    assert rle_areas(rles).tolist() == [8, 6, 0]


def test_iou_by_hand() -> None:
    masks = np.zeros((2, 4, 4), np.uint8)
    masks[0, :2] = 1
    masks[1, 1:3] = 1
    rles = encode_masks(masks)
    np.testing.assert_allclose(rle_iou(rles, rles), [[1, 1 / 3], [1 / 3, 1]])


def test_nothing_in_nothing_out() -> None:
    assert encode_masks(np.zeros((0, 4, 4))) == ()
    assert decode_masks(()).shape == (0, 0, 0)
    assert rle_boxes(()).shape == (0, 4)
    assert rle_areas(()).shape == (0,)
    assert rle_iou((), encode_masks(some_masks())).shape == (0, 3)


def test_all_forms_of_a_segmentation_agree() -> None:
    square = np.zeros((1, 6, 9), np.uint8)
    square[0, 1:4, 2:6] = 1
    compressed = encode_masks(square)[0]
    flat = square[0].T.ravel()
    changes = np.flatnonzero(np.diff(np.concatenate([[0], flat]))).tolist()
    uncompressed = np.diff([0, *changes, flat.size]).tolist()
    text = {"size": [6, 9], "counts": compressed["counts"].decode()}
    polygon = [[2, 1, 6, 1, 6, 4, 2, 4]]
    for form in (compressed, text, {"size": [6, 9], "counts": uncompressed}, polygon):
        assert np.array_equal(decode_masks([to_rle(form, 6, 9)]), square)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[1, 2, 3]], "at least 3 points"),
        ([], "at least 3 points"),
        ({"size": [9, 6], "counts": [54]}, r"size \[6, 9\]"),
        ({"size": [6, 9], "counts": [53]}, "cover 54 pixels"),
        ({"size": [6, 9]}, "'counts'"),
        ("mask.png", "mask.png"),
    ],
)
def test_malformed_segmentations_are_named(wrong: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_rle(wrong, 6, 9)


def test_masks_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(K, H, W\)"):
        encode_masks(np.zeros((4, 4)))

import numpy as np
import pytest

from sapnet.geometry.rle import (
    decode_masks,
    encode_masks,
    foreground_runs,
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
        ({"size": 6, "counts": [54]}, r"found size 6"),
        ({"size": [6, 9], "counts": [27, "27"]}, "integers >= 0"),
        ({"size": [6, 9], "counts": [60, -6]}, "integers >= 0"),
        ({"size": [6, 9], "counts": "P"}, "damaged string"),
        ({"size": [6, 9], "counts": "PPPPPPPPPPPPPPPPPPPPPPPPP0"}, "damaged string"),
        ({"size": [6, 9], "counts": "\u20ac"}, "damaged string"),
    ],
)
def test_malformed_segmentations_are_named(wrong: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_rle(wrong, 6, 9)


def test_masks_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(K, H, W\)"):
        encode_masks(np.zeros((4, 4)))


def naive_runs(masks: np.ndarray) -> list[tuple[int, int, int]]:
    runs = []
    for index, mask in enumerate(masks):
        flat = np.concatenate([[0], mask.T.ravel(), [0]]).astype(int)
        starts, stops = np.flatnonzero(np.diff(flat) == 1), np.flatnonzero(np.diff(flat) == -1)
        runs += [(index, int(a), int(b)) for a, b in zip(starts, stops, strict=True)]
    return runs


def test_runs_by_hand() -> None:
    runs = foreground_runs(encode_masks(some_masks()))
    assert runs.mask_index.tolist() == [0, 0, 0, 0, 1]
    assert runs.start.tolist() == [13, 19, 25, 31, 48]
    assert runs.stop.tolist() == [15, 21, 27, 33, 54]


@pytest.mark.parametrize("size", [(17, 23), (1, 9), (9, 1), (600, 700)])
def test_runs_are_those_of_the_pixels(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    masks = np.zeros((6, *size), np.uint8)
    masks[0] = rng.random(size) < 0.5
    masks[1] = 1
    masks[3] = rng.random(size) < 0.003  # long runs: numbers of several characters, with signs
    masks[4] = rng.random(size) < 0.997
    runs = foreground_runs(encode_masks(masks))
    found = zip(runs.mask_index.tolist(), runs.start.tolist(), runs.stop.tolist(), strict=True)
    assert list(found) == naive_runs(masks)


def test_no_mask_has_no_run() -> None:
    assert foreground_runs(()).start.shape == (0,)
    assert foreground_runs(encode_masks(np.zeros((2, 3, 4)))).start.shape == (0,)


@pytest.mark.parametrize("counts", [b"", b"13", encode_masks(np.ones((1, 7, 9)))[0]["counts"]])
def test_run_lengths_that_do_not_cover_the_mask(counts: bytes) -> None:
    good = encode_masks(np.ones((1, 6, 9)))[0]
    for rles in ([{"size": [6, 9], "counts": counts}], [good, {"size": [6, 9], "counts": counts}]):
        with pytest.raises(ValueError, match=rf"mask {len(rles) - 1} of .* cover 54 pixels"):
            foreground_runs(rles)


@pytest.mark.parametrize("density", [0, 0.05, 0.5, 1])
@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 1, 1), (2, 1, 9), (2, 9, 1), (4, 33, 17)])
def test_run_lengths_are_those_of_the_library(shape: tuple[int, int, int], density: float) -> None:
    """The judge is the compiled encoder; memory order and type of the masks do not matter."""
    from faster_coco_eval.core import mask as mask_api

    masks = np.random.default_rng(1).random(shape) < density
    wanted = mask_api.encode(np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8)))
    for given in (masks, masks.astype(np.uint8) * 255, np.asfortranarray(masks)):
        assert [rle["counts"] for rle in encode_masks(given)] == [rle["counts"] for rle in wanted]
    flipped = encode_masks(masks[:, ::-1])
    assert np.array_equal(decode_masks(flipped), masks[:, ::-1])


@pytest.mark.parametrize(
    "part",
    [
        [1, 2, 3, 4], [1, 2, 3, 4, 5], ["1", "2", "3", "4", "5", "6"], [1, 2, 3, 4, 5, None],
        [1, 2, 3, 4, 5, 2**70], [1, 2, 3, 4, 5, float("nan")], [[1, 2]] * 6, [1, 2, 3, 4, 5, [6]],
        [True] * 6, {"a": 1}, None,
    ],
)  # fmt: skip
def test_what_is_no_polygon(part: object) -> None:
    with pytest.raises(ValueError, match="expected a segmentation as polygons"):
        to_rle([part], 10, 10)

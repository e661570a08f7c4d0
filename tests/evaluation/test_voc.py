import numpy as np
import pytest

from sapnet.evaluation.voc import ImageBoxes, ImageMasks, category_average_precision
from sapnet.geometry.rle import encode_masks


def _columns(*spans: tuple[int, int], width: int = 20) -> np.ndarray:
    """One-row masks, each covering columns start..stop-1."""
    masks = np.zeros((len(spans), 1, width), bool)
    for mask, (start, stop) in zip(masks, spans, strict=True):
        mask[0, start:stop] = True
    return masks


def _image(
    spans: list[tuple[int, int]],
    scores: list[float],
    gt_spans: list[tuple[int, int]],
    crowd_spans: list[tuple[int, int]] | None = None,
) -> ImageMasks:
    return ImageMasks(
        encode_masks(_columns(*spans)),
        np.array(scores),
        encode_masks(_columns(*gt_spans)),
        encode_masks(_columns(*(crowd_spans or []))),
    )


def test_truth_as_predictions_has_ap_1() -> None:
    spans = [(0, 4), (5, 9), (10, 20)]

    assert category_average_precision([_image(spans, [1.0, 1.0, 1.0], spans)], 0.75) == 1


def test_area_under_the_curve_by_hand() -> None:
    # Right, wrong, right, never found: recall 1/3 at precision 1, 2/3 at precision 2/3.
    first = _image([(0, 4), (15, 19)], [0.9, 0.8], [(0, 4), (6, 9)])
    second = _image([(5, 9)], [0.7], [(5, 9)])

    assert category_average_precision([first, second], 0.5) == pytest.approx(1 / 3 + 2 / 9)


def test_a_second_prediction_of_an_object_is_wrong_even_if_another_object_is_near() -> None:
    # Both overlap the first object most; VOC does not pass the second prediction on.
    image = _image([(0, 10), (0, 10)], [0.9, 0.8], [(0, 10), (2, 10)])

    assert category_average_precision([image], 0.5) == pytest.approx(0.5)


def test_the_threshold_is_reached_with_equality() -> None:
    image = _image([(0, 5)], [0.9], [(0, 10)])

    assert category_average_precision([image], 0.5) == 1
    assert category_average_precision([image], 0.51) == 0


def test_a_prediction_inside_a_crowd_counts_neither_for_nor_against() -> None:
    gt_spans, spans, scores = [(0, 4)], [(10, 14), (0, 4)], [0.9, 0.8]

    assert category_average_precision([_image(spans, scores, gt_spans)], 0.5) == 0.5
    assert category_average_precision([_image(spans, scores, gt_spans, [(8, 20)])], 0.5) == 1


def test_empty_inputs() -> None:
    assert category_average_precision([_image([], [], [(0, 4)])], 0.5) == 0
    assert np.isnan(category_average_precision([_image([(0, 4)], [0.5], [])], 0.5))
    assert np.isnan(category_average_precision([], 0.5))


def _naive_average_precision(
    images: list[tuple[np.ndarray, np.ndarray, np.ndarray]], threshold: float
) -> float:
    """The definition, one prediction at a time, on decoded masks."""
    ranking = sorted(
        (
            (-score, image_index, mask_index)
            for image_index, (masks, scores, _) in enumerate(images)
            for mask_index, score in enumerate(scores[: len(masks)])
        )
    )
    num_objects = sum(len(gt_masks) for _, _, gt_masks in images)
    taken: set[tuple[int, int]] = set()
    points, num_right = [], 0
    for rank, (_, image_index, mask_index) in enumerate(ranking, start=1):
        mask, gt_masks = images[image_index][0][mask_index], images[image_index][2]
        ious = [(mask & gt).sum() / max((mask | gt).sum(), 1) for gt in gt_masks]
        best = int(np.argmax(ious)) if ious else -1
        if ious and ious[best] >= threshold and (image_index, best) not in taken:
            taken.add((image_index, best))
            num_right += 1
        points.append((num_right / num_objects, num_right / rank))
    area, last_recall = 0.0, 0.0
    for index, (recall, _) in enumerate(points):
        area += (recall - last_recall) * max(precision for _, precision in points[index:])
        last_recall = recall
    return area


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.25, 0.5, 0.75])
def test_equals_the_naive_implementation(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(6):
        gt_masks = rng.random((rng.integers(0, 4), 4, 6)) < 0.5
        sources = np.concatenate([gt_masks, rng.random((3, 4, 6)) < 0.5])
        masks = sources[rng.integers(0, len(sources), 5)] ^ (rng.random((5, 4, 6)) < 0.1)
        images.append((masks, rng.random(5), gt_masks))

    found = category_average_precision(
        [ImageMasks(encode_masks(m), s, encode_masks(g)) for m, s, g in images], threshold
    )

    assert found == pytest.approx(_naive_average_precision(images, threshold))
    assert 0 < found < 1 or threshold == 0.75


def _boxes(*spans: tuple[float, float]) -> np.ndarray:
    return np.array([(start, 0, stop, 1) for start, stop in spans], float).reshape(-1, 4)


def test_boxes_are_judged_as_masks_are() -> None:
    spans, scores = [(0, 4), (15, 19), (9, 13)], [0.9, 0.8, 0.7]
    gt_spans, crowd = [(0, 5), (6, 9), (9, 13)], [(14, 20)]
    for threshold in (0.25, 0.5, 0.75, 0.85):
        masks = _image(spans, scores, gt_spans, crowd)
        boxes = ImageBoxes(_boxes(*spans), np.array(scores), _boxes(*gt_spans), _boxes(*crowd))
        assert category_average_precision([boxes], threshold) == pytest.approx(
            category_average_precision([masks], threshold)
        )
    none = ImageBoxes(_boxes(), np.zeros(0), _boxes((0, 4)), _boxes())
    assert category_average_precision([none], 0.5) == 0
    assert np.isnan(category_average_precision([ImageBoxes(*[_boxes()] * 4)], 0.5))


def test_box_iou_by_hand() -> None:
    boxes = ImageBoxes(
        np.array([[0.0, 0, 10, 10], [3, 3, 3, 9]]),
        np.zeros(2),
        np.array([[5.0, 0, 15, 10]]),
        np.array([[0.0, 0, 5, 20]]),
    )
    assert boxes.ious() == pytest.approx(np.array([[1 / 3], [0]]))
    assert boxes.crowd_shares() == pytest.approx(np.array([0.5, 0]))

import numpy as np

from sapnet.data.coco import Instance, InstanceSet
from sapnet.evaluation.precision import precision_curves
from sapnet.evaluation.predictions import read_results
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import Category, ImageRecord

SIZE = 40


def _squares(count: int) -> tuple[list[dict[str, object]], InstanceSet]:
    """Squares of category 1 in a row; category 2 has none. Results find them all, exactly."""
    image = ImageRecord(1, "a.png", SIZE * count, SIZE)
    masks = np.zeros((count, SIZE, SIZE * count), np.uint8)
    for index in range(count):
        masks[index, 5:35, SIZE * index + 5 : SIZE * index + 35] = 1
    rles = encode_masks(masks)
    instances = tuple(
        Instance(index, image, 1, False, rle, source=None)  # type: ignore[arg-type]
        for index, rle in enumerate(rles)
    )
    records = [
        {"image_id": 1, "category_id": 1, "segmentation": rle, "score": 0.9 - 0.1 * index}
        for index, rle in enumerate(rles)
    ]
    return records, InstanceSet((image,), (Category(1, "a"), Category(2, "b")), instances)


def test_half_of_the_objects_found() -> None:
    records, truth = _squares(4)
    curves = precision_curves(read_results(records[:2], truth), truth)
    assert np.allclose(curves.ious, np.arange(10, 20) / 20)
    curve = curves.mean_curve(0.5)
    assert curve[curves.recalls <= 0.5].tolist() == [1.0] * 51
    assert curve[curves.recalls > 0.5].max() == 0
    assert curves.average_precision(1) == curves.average_precision(1, 0.75) == 51 / 101


def test_a_false_one_in_between() -> None:
    records, truth = _squares(2)
    wrong = {**records[0], "score": 0.85}  # the first object once more
    curves = precision_curves(read_results([*records, wrong], truth), truth)
    curve = curves.mean_curve()
    assert curve[0] == 1
    assert np.allclose(curve[-1], 2 / 3)


def test_categories_without_ground_truth_do_not_count() -> None:
    records, truth = _squares(2)
    stray = {**records[0], "category_id": 2}
    curves = precision_curves(read_results([*records, stray], truth), truth)
    assert np.isnan(curves.average_precision(2))
    assert curves.mean_curve().min() == 1
    nothing = precision_curves([], InstanceSet(truth.images, truth.categories, ()))
    assert np.isnan(nothing.mean_curve()).all()

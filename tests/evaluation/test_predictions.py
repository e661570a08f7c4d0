import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from sapnet.data.coco import Instance, InstanceSet
from sapnet.evaluation.predictions import evaluate_predictions
from sapnet.structures.clicks import Category, ImageRecord

COCO_FOLDER = Path(os.environ.get("SAPNET_COCO", "../shared/coco"))
SUFFIXES = ("", "50", "75", "_small", "_medium", "_large")


def _perfect_predictions(truth_path: Path) -> list[dict[str, Any]]:
    """The ground truth without crowds, as predictions."""
    return [
        {
            "image_id": annotation["image_id"],
            "category_id": annotation["category_id"],
            "segmentation": annotation["segmentation"],
            "bbox": annotation["bbox"],
            "score": 1.0,
        }
        for annotation in json.loads(truth_path.read_text())["annotations"]
        if not annotation["iscrowd"]
    ]


def test_truth_as_predictions_is_perfect(truth_path: Path) -> None:
    figures = evaluate_predictions(_perfect_predictions(truth_path), truth_path)

    assert [figures[f"mask_ap{suffix}"] for suffix in SUFFIXES] == pytest.approx([1] * 6)
    assert [figures[f"box_ap{suffix}"] for suffix in SUFFIXES] == pytest.approx([1] * 6)
    assert [figures[f"voc_ap{level}"] for level in (25, 50, 75)] == pytest.approx([1] * 3)
    assert figures["mask_ar_100"] == figures["box_ar_100"] == pytest.approx(1)
    # With one prediction per image and category, image 2 keeps one of its two cups.
    assert figures["mask_ar_1"] == pytest.approx((2 / 3 + 1) / 2)


def test_classes_without_truth_are_left_out(truth_path: Path) -> None:
    predictions = _perfect_predictions(truth_path)
    wrong = {**predictions[0], "category_id": 3, "image_id": 3}

    figures = evaluate_predictions([*predictions, wrong], truth_path)

    assert figures["mask_ap"] == figures["voc_ap50"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("marks", "counts"),
    [
        ({}, True),
        ({"done": True}, True),
        ({"done": False}, False),
        ({"not_exhaustive_category_ids": [1]}, True),
        ({"not_exhaustive_category_ids": [2]}, False),
        ({"neg_category_ids": []}, False),
        ({"neg_category_ids": [2]}, True),
    ],
)
def test_what_a_partial_image_may_lack_is_not_wrong(
    marks: dict[str, Any], *, counts: bool, truth_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = [{**record, "score": 0.8} for record in _perfect_predictions(truth_path)]
    square = [[5, 5, 25, 5, 25, 25, 5, 25]]
    box = [5, 5, 20, 20]
    cat = {"image_id": 3, "category_id": 2, "segmentation": square, "bbox": box, "score": 0.9}
    content = json.loads(truth_path.read_text())
    next(image for image in content["images"] if image["id"] == 3).update(marks)
    truth_path.write_text(json.dumps(content))

    figures = evaluate_predictions([*found, cat], truth_path)

    # Above the one true cat, a wrong one halves the precision of its class.
    for name in ("mask_ap", "box_ap", "voc_ap50", "voc_box_ap50"):
        assert figures[name] == pytest.approx(0.75 if counts else 1), name
    is_said = "partial images in the ground truth: 1" in caplog.text
    assert is_said is (marks not in ({}, {"done": True}))


def test_a_half_found_object_by_hand(truth_path: Path) -> None:
    # The cat covers 40 x 50; the prediction its left 30 x 50: IoU 0.75. No cup is found.
    half = {
        "image_id": 1,
        "category_id": 2,
        "segmentation": [[40, 10, 70, 10, 70, 60, 40, 60]],
        "score": 0.9,
    }

    figures = evaluate_predictions([half], truth_path)

    assert figures["mask_ap50"] == figures["box_ap50"] == pytest.approx(0.5)
    assert figures["mask_ap75"] == figures["voc_ap75"] == pytest.approx(0.5)
    assert figures["mask_ap"] == pytest.approx(0.5 * 6 / 10)  # of 0.5, 0.55, ..., 0.95
    assert figures["mask_ap_small"] == 0


def test_a_size_group_follows_the_mask_not_the_box(truth_path: Path) -> None:
    # Wrong, and the best: a thin ring with few pixels (small) in a box of 60 x 60 (medium).
    ring = [[100, 50, 160, 50, 160, 52, 102, 52, 102, 110, 100, 110]]
    wrong = {"image_id": 1, "category_id": 2, "segmentation": ring, "score": 1.0}
    predictions = [{**p, "score": 0.5} for p in _perfect_predictions(truth_path)]

    figures = evaluate_predictions([{**wrong, "bbox": [100, 50, 60, 60]}, *predictions], truth_path)

    assert figures["mask_ap_medium"] == pytest.approx(1)
    assert figures["box_ap_medium"] == pytest.approx(0.5)


def test_an_empty_file_gives_zeros(truth_path: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text("[]")

    figures = evaluate_predictions(results, truth_path)

    assert len(figures) == 30
    assert set(figures.values()) == {0}


def test_without_truth_nothing_is_defined(truth_path: Path, tmp_path: Path) -> None:
    document = json.loads(truth_path.read_text())
    path = tmp_path / "no_objects.json"
    path.write_text(json.dumps({**document, "annotations": []}))

    figures = evaluate_predictions(_perfect_predictions(truth_path), path)

    assert all(math.isnan(value) for value in figures.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 9}, r"images of predictions: 1 not in .* \(9\)"),
        ({"category_id": 8}, r"categories of predictions: 1 not in .* \(8\)"),
    ],
)
def test_unknown_ids_are_named(truth_path: Path, change: dict[str, int], message: str) -> None:
    record = {**_perfect_predictions(truth_path)[0], **change}

    with pytest.raises(ValueError, match=message):
        evaluate_predictions([record], truth_path)


def test_a_missing_key_is_named(truth_path: Path) -> None:
    record = _perfect_predictions(truth_path)[0]
    del record["score"]

    with pytest.raises(ValueError, match="predictions, record 0: missing score"):
        evaluate_predictions([record], truth_path)


def test_results_must_be_a_list(truth_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a list of COCO results, found an object"):
        evaluate_predictions(truth_path, truth_path)


def test_truth_of_real_photographs_as_predictions_is_perfect() -> None:
    truth_path = COCO_FOLDER / "annotations" / "instances_val2017.json"
    if not truth_path.is_file():
        pytest.skip(f"no COCO subset at {COCO_FOLDER}; name its folder in SAPNET_COCO")

    figures = evaluate_predictions(_perfect_predictions(truth_path), truth_path)

    for name in ("mask_ap", "box_ap"):
        assert [figures[name + suffix] for suffix in SUFFIXES] == pytest.approx([1] * 6)
    assert figures["voc_ap50"] == pytest.approx(1)


def test_images_are_found_by_file_name_first(truth_path: Path) -> None:
    names = {1: "./1.png", 2: "2.png", 3: "3.png"}
    renumbered = [
        {**record, "image_id": record["image_id"] + 50, "file_name": names[record["image_id"]]}
        for record in _perfect_predictions(truth_path)
    ]
    assert evaluate_predictions(renumbered, truth_path)["mask_ap"] == pytest.approx(1)


def test_a_name_unknown_to_the_truth_is_refused(truth_path: Path) -> None:
    renamed = [{**_perfect_predictions(truth_path)[0], "file_name": "other.png"}]
    with pytest.raises(ValueError, match=r"1 images not in the ground truth, .*'other\.png'"):
        evaluate_predictions(renamed, truth_path)


def test_equal_names_in_two_folders_are_told_apart_by_folder(truth_path: Path) -> None:
    document = json.loads(truth_path.read_text())
    for image, name in zip(document["images"], ("a/x.png", "b/x.png", "c.png"), strict=True):
        image["file_name"] = name
    truth_path.write_text(json.dumps(document))
    names = {1: "a/x.png", 2: "b/x.png", 3: "c.png"}
    predictions = _perfect_predictions(truth_path)
    by_path = [{**r, "image_id": 0, "file_name": names[r["image_id"]]} for r in predictions]
    assert evaluate_predictions(by_path, truth_path)["mask_ap"] == pytest.approx(1)
    without = [{**r, "file_name": "x.png"} for r in predictions]
    with pytest.raises(ValueError, match=r"'x\.png' stands for the images 1 and 2"):
        evaluate_predictions(without, truth_path)
    with pytest.raises(ValueError, match=r"'x\.png' fits several images of the ground truth"):
        evaluate_predictions(without[:1], truth_path)


def test_an_object_of_id_0_can_be_found(truth_path: Path, tmp_path: Path) -> None:
    document = json.loads(truth_path.read_text())
    document["annotations"][0]["id"] = 0
    path = tmp_path / "from_zero.json"
    path.write_text(json.dumps(document))

    figures = evaluate_predictions(_perfect_predictions(path), path)

    assert figures["mask_ap"] == figures["box_ap"] == pytest.approx(1)


def test_categories_are_found_by_name(truth_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The case `categories-by-id-only`: the same names under permuted ids."""
    ids, names = {1: 3, 2: 1, 3: 2}, {1: "cup", 2: "cat", 3: "no"}
    permuted = [
        {**r, "category_id": ids[r["category_id"]], "category_name": names[r["category_id"]]}
        for r in _perfect_predictions(truth_path)
    ]
    assert evaluate_predictions(permuted, truth_path)["mask_ap"] == pytest.approx(1)
    assert "they are matched by name: 'cat' (1 and 2), 'cup' (3 and 1)" in caplog.text
    wrong = [{**r, "category_name": "mug"} for r in _perfect_predictions(truth_path)]
    with pytest.raises(ValueError, match=r"category 1 is 'mug' in predictions and 'cup' in the"):
        evaluate_predictions(wrong, truth_path)


def test_an_unlisted_image_is_never_another_one(truth_path: Path) -> None:
    """The case `evaluate-unlisted-image`: ids of results are places in a list."""
    records = [{**r, "file_name": f"{r['image_id']}.png"} for r in _perfect_predictions(truth_path)]
    stranger = {**records[0], "image_id": 3, "file_name": "0.png"}
    with pytest.raises(ValueError, match=r"1 images not in the ground truth, .*: '0\.png'"):
        evaluate_predictions([*records, stranger], truth_path)
    other = [{**r, "file_name": f"b/{r['file_name']}"} for r in records]
    with pytest.raises(ValueError, match="2 images not in the ground truth"):
        evaluate_predictions(other, truth_path)


def test_a_mask_of_another_size_names_its_record(truth_path: Path) -> None:
    record = {
        **_perfect_predictions(truth_path)[0],
        "segmentation": {"size": [5, 5], "counts": "i0"},
    }
    with pytest.raises(ValueError, match=r"predictions, record 0: expected run lengths of size"):
        evaluate_predictions([record], truth_path)


def test_images_of_more_objects_than_coco_counts_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    image = ImageRecord(1, "a.png", 40, 40)
    truth = InstanceSet(
        (image,),
        (Category(1, "dot"),),
        tuple(
            Instance(n, image, 1, False, [[x, y, x + 2, y, x + 2, y + 2, x, y + 2]], Path("t"))
            for n in range(101)
            for x, y in [(3 * (n % 13), 3 * (n // 13))]
        ),
    )
    evaluate_predictions([], truth)
    assert "1 images have more than 100 true objects" in caplog.text

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.coco import load_instances
from sapnet.geometry.rle import decode_masks, encode_masks

Content = dict[str, Any]
Write = Callable[[Content], Path]


def test_polygon(write_json: Write, content: Content) -> None:
    instances = load_instances(write_json(content))
    (instance,) = instances.instances
    assert (instance.annotation_id, instance.image_id, instance.category_id) == (17, 5, 7)
    assert not instance.is_crowd
    mask = decode_masks([instance.rle()])[0]
    expected = np.zeros((480, 640), np.uint8)
    expected[20:26, 10:14] = 1
    np.testing.assert_array_equal(mask, expected)
    assert instance.area == 24  # from the mask, the file gives none
    assert instance.box == (10, 20, 14, 26)
    assert instance.score is None


def test_figures_of_the_file_win(write_json: Write, content: Content) -> None:
    content["annotations"][0] |= {"area": 23.5, "bbox": [10, 20.5, 4, 5], "score": 0.5}
    (instance,) = load_instances(write_json(content)).instances
    assert instance.area == 23.5
    assert instance.box == (10, 20.5, 14, 25.5)
    assert instance.score == 0.5


def test_run_lengths_of_both_kinds(write_json: Write, content: Content) -> None:
    mask = np.zeros((1, 480, 640), np.uint8)
    mask[0, 2:4, 0] = 1
    compressed = encode_masks(mask)[0]["counts"].decode()
    first = content["annotations"][0]
    content["annotations"] = [
        first | {"segmentation": {"size": [480, 640], "counts": compressed}},
        first
        | {
            "id": 18,
            "iscrowd": 1,
            "segmentation": {"size": [480, 640], "counts": [2, 2, 480 * 640 - 4]},
        },
    ]
    one, crowd = load_instances(write_json(content)).instances
    assert crowd.is_crowd
    for instance in (one, crowd):
        np.testing.assert_array_equal(decode_masks([instance.rle()]), mask)


@pytest.mark.parametrize(
    "segmentation",
    [
        None,
        [],
        "text",
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5, 6, 7]],
        [[1, 2, 3, 4, 5, float("nan")]],
        [[1, 2, 3, 4, 5, float("inf")]],
        [[1, 2, 3, 4, 5, "6"]],
        [1, 2, 3, 4, 5, 6],
        {"counts": [1]},
        {"size": [480, 640]},
    ],
)
def test_malformed_segmentation(write_json: Write, content: Content, segmentation: object) -> None:
    content["annotations"][0]["segmentation"] = segmentation
    message = r"clicks.json, object 17 \(image 5\): expected 'segmentation' as polygons"
    with pytest.raises(ValueError, match=message):
        load_instances(write_json(content))


def test_missing_segmentation(write_json: Write, content: Content) -> None:
    del content["annotations"][0]["segmentation"]
    with pytest.raises(ValueError, match=r"found None\. Export the object again"):
        load_instances(write_json(content))


def test_run_lengths_of_another_size(write_json: Write, content: Content) -> None:
    content["annotations"][0]["segmentation"] = {"size": [640, 480], "counts": [640 * 480]}
    (instance,) = load_instances(write_json(content)).instances
    message = r"clicks.json, object 17 \(image 5\): expected run lengths of size \[480, 640\]"
    with pytest.raises(ValueError, match=message):
        instance.rle()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("area", float("nan"), "expected 'area' as a finite number"),
        ("score", "high", "expected 'score' as a finite number"),
        ("bbox", [1, 2, 3], "expected 'bbox' as 4 finite numbers"),
        ("bbox", [1, 2, 3, float("inf")], "expected 'bbox' as 4 finite numbers"),
        ("iscrowd", 2, "expected 'iscrowd' as 0 or 1"),
    ],
)
def test_bad_figures(
    write_json: Write, content: Content, key: str, value: object, message: str
) -> None:
    content["annotations"][0][key] = value
    with pytest.raises(ValueError, match=rf"object 17 \(image 5\): {message}"):
        load_instances(write_json(content))


def test_instances_by_image(write_json: Write, content: Content) -> None:
    content["images"].append({"id": 6, "file_name": "b.jpg", "width": 4, "height": 4})
    grouped = load_instances(write_json(content)).instances_by_image()
    assert [instance.annotation_id for instance in grouped[5]] == [17]
    assert grouped[6] == []


def test_the_true_box_is_the_box(write_json: Write, content: Content) -> None:
    """In P2BNet's and SAPNet's files, `bbox` is made up around the click."""
    content["annotations"][0] |= {"true_bbox": [10, 20, 4, 6], "bbox": [4, 12, 16, 16]}
    (instance,) = load_instances(write_json(content)).instances
    assert instance.box == (10, 20, 14, 26)

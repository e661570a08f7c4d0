import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sapnet.evaluation.label_file import load_labels
from sapnet.geometry.rle import rle_areas


def test_labels_are_read_by_object(write_labels: Callable[..., Path]) -> None:
    label_set = load_labels(write_labels({11: (10, 10, 30, 30), 13: (0, 0, 50, 100)}))

    assert label_set.image_ids == {1, 2}
    assert list(label_set.labels) == [11, 13]
    label = label_set.labels[13]
    assert (label.image_id, label.category_id, label.score) == (2, 1, 0.5)
    assert rle_areas([label.rle]).tolist() == [5000]
    assert label.candidates is None
    assert label.point is None


def test_the_click_is_read(write_labels: Callable[..., Path]) -> None:
    path = write_labels({11: (10, 10, 30, 30)}, point=[12.5, 14])

    assert load_labels(path).labels[11].point == (12.5, 14.0)


def test_candidates_are_read(write_labels: Callable[..., Path]) -> None:
    segmentations = [[[0, 0, 4, 0, 4, 4, 0, 4]], [[0, 0, 8, 0, 8, 8, 0, 8]]]
    found = {"segmentations": segmentations, "scores": [0.7, 0.3], "own_scores": [0.1, 0.9]}

    label_set = load_labels(write_labels({11: (10, 10, 30, 30)}, candidates=found))

    candidates = label_set.labels[11].candidates
    assert candidates is not None
    assert rle_areas(candidates.rles).tolist() == [16, 64]
    assert candidates.scores == (0.7, 0.3)
    assert candidates.own_scores == (0.1, 0.9)


def test_no_labels(write_labels: Callable[..., Path]) -> None:
    assert load_labels(write_labels({})).labels == {}


def test_a_missing_key_is_named(write_labels: Callable[..., Path]) -> None:
    path = write_labels({11: (10, 10, 30, 30)}, candidates={"segmentations": []})

    with pytest.raises(ValueError, match=r"labels.json, object 11 .*expected 'scores'"):
        load_labels(path)


def test_candidates_of_different_counts_are_an_error(write_labels: Callable[..., Path]) -> None:
    found = {"segmentations": [], "scores": [0.5], "own_scores": []}

    with pytest.raises(ValueError, match=r"object 11 .*0 segmentations, 1 scores"):
        load_labels(write_labels({11: (10, 10, 30, 30)}, candidates=found))


def test_a_mask_of_another_size_is_an_error(write_labels: Callable[..., Path]) -> None:
    segmentation = {"size": [4, 4], "counts": [16]}

    with pytest.raises(ValueError, match=r"object 11 .*size \[120, 160\], found size \[4, 4\]"):
        load_labels(write_labels({11: (10, 10, 30, 30)}, segmentation=segmentation))


def test_frame_refined_box_and_uncertainty(write_labels: Callable[..., Path]) -> None:
    path = write_labels({11: (1, 1, 5, 5)}, refined_box=[2, 3, 10.5, 20], uncertainty=0.25)
    labels = load_labels(path)
    assert labels.labels[11].refined_box == (2, 3, 12.5, 23)
    assert labels.labels[11].uncertainty == 0.25
    assert [image.file_name for image in labels.images] == ["1.png", "2.png"]
    assert [category.name for category in labels.categories] == ["cup", "cat"]
    bare = load_labels(write_labels({11: (1, 1, 5, 5)})).labels[11]
    assert (bare.refined_box, bare.uncertainty) == (None, None)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"uncertainty": 1.5}, r"object 11 \(image 1\): expected 'uncertainty' as a number in"),
        ({"uncertainty": "low"}, "found 'low'"),
        ({"refined_box": [1, 2, 3]}, "expected 'refined_box' as 4 finite numbers"),
    ],
)
def test_malformed_extras(
    write_labels: Callable[..., Path], extra: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_labels(write_labels({11: (1, 1, 5, 5)}, **extra))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": "0.9"}, "expected 'score' as a finite number, found '0.9'"),
        ({"score": None}, "expected 'score' as a finite number, found None"),
        ({"score": 10**400}, "expected 'score' as a finite number"),
        ({"segmentation": 7}, "expected a segmentation"),
        ({"segmentation": {"size": 5, "counts": "x"}}, "object 11"),
        ({"point": [1]}, "expected 'point' as 2 finite numbers"),
        ({"candidates": 7}, "expected 'candidates' with lists"),
        ({"candidates": {"segmentations": [], "scores": ["a"], "own_scores": []}}, "'candidates'"),
    ],
)
def test_values_of_another_kind_name_their_object(
    write_labels: Callable[..., Path], change: dict[str, object], message: str
) -> None:
    path = write_labels({11: (10, 10, 30, 30)})
    content = json.loads(path.read_text())
    content["annotations"][0] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"labels\.json, object 11 \(image 1\): ") as error:
        load_labels(path)
    assert message in str(error.value)

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from sapnet.evaluation.labels import evaluate_labels
from tests.evaluation.conftest import CLICKS


def test_figures_by_hand(truth_path: Path, write_labels: Callable[..., Path]) -> None:
    # 11 exact, 12 half of it, 13 a quarter of it, 14 without a label; 15 is a crowd.
    labels = write_labels({11: (10, 10, 30, 30), 12: (40, 10, 60, 60), 13: (0, 0, 50, 50)})

    figures = evaluate_labels(labels, truth_path)

    assert figures == pytest.approx(
        {
            "label_miou": (1 + 0.5 + 0.25 + 0) / 4,
            "label_miou_small": 0.5,
            "label_miou_medium": 0.5,
            "label_miou_large": 0.25,
            "num_objects": 4,
            "num_missing": 1,
        }
    )


def test_objects_under_the_minimal_area_are_left_out(
    truth_path: Path, write_labels: Callable[..., Path]
) -> None:
    labels = write_labels({11: (10, 10, 30, 30), 12: (40, 10, 60, 60), 13: (0, 0, 50, 50)})

    figures = evaluate_labels(labels, truth_path, min_area=2000)

    assert figures["num_objects"] == 2
    assert figures["num_missing"] == 0
    assert figures["label_miou"] == pytest.approx(0.375)
    assert math.isnan(figures["label_miou_small"])


def test_a_label_of_a_crowd_does_not_count(
    truth_path: Path, write_labels: Callable[..., Path]
) -> None:
    figures = evaluate_labels(write_labels({15: (0, 0, 5, 5)}), truth_path)

    assert figures["num_objects"] == figures["num_missing"] == 4


def test_no_labels_at_all(truth_path: Path, write_labels: Callable[..., Path]) -> None:
    figures = evaluate_labels(write_labels({}), truth_path)

    assert figures["label_miou"] == 0
    assert figures["num_missing"] == 4


def test_unknown_objects_are_named(truth_path: Path, write_labels: Callable[..., Path]) -> None:
    labels = write_labels({77: (0, 0, 5, 5), 78: (0, 0, 5, 5), 11: (0, 0, 5, 5)})

    with pytest.raises(
        ValueError,
        match=r"object 77: on 1\.png as cup in the labels, unknown in the ground truth",
    ):
        evaluate_labels(labels, truth_path)


def test_ids_of_another_tool(
    truth_path: Path, write_labels: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    """The case `evaluate-ids-of-other-tool`: the truth numbers the same objects differently."""
    boxes = {11: (10, 10, 30, 30), 12: (40, 10, 80, 60), 13: (0, 0, 100, 100), 14: (5, 5, 25, 25)}
    labels = write_labels(boxes)
    content = json.loads(labels.read_text())
    for annotation in content["annotations"]:
        annotation["point"] = list(CLICKS[annotation["id"]])
    labels.write_text(json.dumps(content))
    plain = evaluate_labels(labels, truth_path)
    assert plain["label_miou"] == 1
    truth = json.loads(truth_path.read_text())
    numbers = {11: 14, 12: 3, 13: 11, 14: 15, 15: 99}
    for annotation in truth["annotations"]:
        annotation["id"] = numbers[annotation["id"]]
    truth_path.write_text(json.dumps(truth))
    assert evaluate_labels(labels, truth_path) == plain
    assert "objects are matched by image, category and click" in caplog.text
    for annotation in content["annotations"]:
        del annotation["point"]
    labels.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="ids disagree, and the clicks do not tell"):
        evaluate_labels(labels, truth_path)

from collections.abc import Callable
from pathlib import Path

import pytest

from sapnet.data.coco import load_instances
from sapnet.evaluation.label_file import load_labels
from sapnet.evaluation.per_object import judge_objects
from sapnet.evaluation.selection_quality import evaluate_choices
from sapnet.store.reader import ProposalStore

BOXES = {11: (10, 10, 30, 30), 12: (40, 10, 60, 60), 13: (0, 0, 50, 50)}


def test_each_object_by_hand(truth_path: Path, write_labels: Callable[..., Path]) -> None:
    labels, truth = load_labels(write_labels(BOXES)), load_instances(truth_path)
    found = list(judge_objects(labels, truth))
    assert [(o.annotation_id, o.category_id, o.area, o.label_iou) for o in found] == [
        (11, 1, 400, 1.0),
        (12, 2, 2000, 0.5),
        (13, 1, 10000, 0.25),
        (14, 1, 400, 0.0),
    ]
    assert {(o.top1_iou, o.oracle_iou) for o in found} == {(None, None)}


def test_the_means_are_those_of_evaluate(
    truth_path: Path, write_labels: Callable[..., Path], store: ProposalStore
) -> None:
    labels, truth = load_labels(write_labels(BOXES)), load_instances(truth_path)
    found = list(judge_objects(labels, truth, store))
    figures = evaluate_choices(labels, store, truth)
    for name in ("label", "top1", "oracle"):
        values = [getattr(o, f"{name}_iou") for o in found]
        assert sum(values) / len(values) == pytest.approx(figures[f"{name}_miou"])


def test_labels_of_unknown_objects_are_an_error(
    truth_path: Path, write_labels: Callable[..., Path]
) -> None:
    labels = load_labels(write_labels({99: (1, 1, 5, 5)}))
    with pytest.raises(ValueError, match=r"object 99: .* unknown in the ground truth"):
        list(judge_objects(labels, load_instances(truth_path)))

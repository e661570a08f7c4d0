from pathlib import Path

import pytest

from sapnet.data.coco import load_instances
from sapnet.evaluation.ground_truth import check_known, objects_by_id, open_truth


def test_crowds_and_small_objects_do_not_count(truth_path: Path) -> None:
    truth = load_instances(truth_path)

    assert list(objects_by_id(truth)) == [11, 12, 13, 14]
    assert list(objects_by_id(truth, min_area=2000)) == [12, 13]


def test_truth_is_loaded_once(truth_path: Path) -> None:
    truth = load_instances(truth_path)

    assert open_truth(truth) is truth
    assert open_truth(str(truth_path)) == truth


def test_at_most_five_unknown_ids_are_named() -> None:
    check_known([1, 2], {1, 2, 3}, "objects")

    with pytest.raises(ValueError, match=r"objects: 7 not in .* \(10, 11, 12, 13, 14, ...\)"):
        check_known(range(10, 17), {1}, "objects")

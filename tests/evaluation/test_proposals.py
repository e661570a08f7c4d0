import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sapnet.evaluation.proposals import evaluate_proposals, proposal_ious
from sapnet.store.reader import ProposalStore


def test_figures_by_hand(truth_path: Path, store: ProposalStore) -> None:
    figures = evaluate_proposals(store, truth_path)

    assert figures == pytest.approx(
        {
            "top1_miou": (0.5 + 1 + 0 + 1) / 4,
            "top1_miou_small": 0.75,
            "top1_miou_medium": 1,
            "top1_miou_large": 0,
            "oracle_miou": 0.75,
            "oracle_miou_small": 1,
            "oracle_miou_medium": 1,
            "oracle_miou_large": 0,
            "num_objects": 4,
        }
    )


def test_objects_under_the_minimal_area_are_left_out(
    truth_path: Path, store: ProposalStore
) -> None:
    figures = evaluate_proposals(store, truth_path, min_area=1024)

    assert figures["num_objects"] == 2
    assert figures["oracle_miou"] == 0.5
    assert math.isnan(figures["oracle_miou_small"])


def test_an_empty_store(truth_path: Path, store: ProposalStore) -> None:
    figures = evaluate_proposals(replace(store, images=[], objects=[]), truth_path)

    assert figures["num_objects"] == 0
    assert math.isnan(figures["top1_miou"])


def test_ious_of_all_proposals_keep_the_order_of_the_store(
    truth_path: Path, store: ProposalStore
) -> None:
    ious = proposal_ious(store, truth_path)

    assert {key: value.tolist() for key, value in ious.items()} == {
        11: [0.5, 1.0],
        12: [1.0],
        13: [],
        14: [0.5, 1.0],
    }
    assert all(value.dtype == np.float32 for value in ious.values())


def test_unknown_objects_are_named(truth_path: Path, store: ProposalStore) -> None:
    stored = store.objects[0][0]
    unknown = replace(stored, click=replace(stored.click, annotation_id=99))

    far = replace(unknown, click=replace(unknown.click, points=((150.5, 5.5),)))

    with pytest.raises(ValueError, match=r"object 99: on 1\.png as cup in the proposals, unknown"):
        evaluate_proposals(replace(store, objects=[[far], []]), truth_path)
    # Clicked in the only cup of the image, it is that cup.
    figures = evaluate_proposals(replace(store, objects=[[unknown], []]), truth_path)
    assert (figures["num_objects"], figures["top1_miou"]) == (1, 0.5)

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sapnet.evaluation.selection_quality import evaluate_choices, fill_gap, mask_fill
from sapnet.geometry.rle import encode_masks
from sapnet.store.reader import ProposalStore


def test_figures_by_hand(
    truth_path: Path, write_labels: Callable[..., Path], store: ProposalStore
) -> None:
    # 11: the half ("part"); 12: its only proposal ("part"); 13: none; 14: the "whole scene".
    labels = write_labels({11: (10, 10, 20, 30), 12: (40, 10, 80, 60), 14: (5, 5, 25, 25)})

    figures = evaluate_choices(labels, store, truth_path)

    assert figures["label_miou"] == pytest.approx((0.5 + 1 + 0 + 1) / 4)
    assert figures["top1_miou"] == pytest.approx(0.625)
    assert figures["oracle_miou"] == pytest.approx(0.75)
    assert figures["box_miou"] == pytest.approx((0.5 + 1 + 0 + 1) / 4)
    assert figures["box_miou_small"] == pytest.approx(0.75)
    assert figures["share_part"] == pytest.approx(2 / 3)
    assert figures["share_whole_scene"] == pytest.approx(1 / 3)
    # All masks fill their boxes; without a proposal, object 13 lowers the mean of the bags to 3/4.
    assert figures["gap"] == pytest.approx(1 / 4)
    assert figures["num_objects"] == 4
    assert figures["num_missing"] == 1


def test_both_boxes_have_figures(
    truth_path: Path, write_labels: Callable[..., Path], store: ProposalStore
) -> None:
    masks = {11: (10, 10, 20, 30), 12: (40, 10, 80, 60), 14: (5, 5, 25, 25)}
    plain = evaluate_choices(write_labels(masks), store, truth_path)
    assert not any("mined" in name for name in plain)

    # The box of 11 covers 4/5 of the truth (10, 10, 30, 30); of 12 and 14, all of them.
    boxes = {11: [10, 10, 16, 20], 12: [40, 10, 40, 50], 14: [5, 5, 20, 20]}
    labels = write_labels(masks)
    content = json.loads(labels.read_text())
    for annotation in content["annotations"]:
        annotation["refined_box"] = boxes[annotation["id"]]
    labels.write_text(json.dumps(content))
    figures = evaluate_choices(labels, store, truth_path)
    assert figures["mined_box_miou"] == pytest.approx((0.8 + 1 + 0 + 1) / 4)
    assert figures["box_miou"] == plain["box_miou"] == pytest.approx((0.5 + 1 + 0 + 1) / 4)


def test_a_label_that_is_no_proposal_is_of_another_kind(
    truth_path: Path, write_labels: Callable[..., Path], store: ProposalStore
) -> None:
    figures = evaluate_choices(write_labels({11: (10, 10, 29, 30)}), store, truth_path)

    assert figures["share_other"] == 1


def test_without_objects(
    truth_path: Path, write_labels: Callable[..., Path], store: ProposalStore
) -> None:
    nothing = replace(store, images=[], objects=[])

    figures = evaluate_choices(write_labels({}), nothing, truth_path)

    assert figures["num_objects"] == 0
    assert math.isnan(figures["gap"])
    assert math.isnan(figures["label_miou"])


def test_mask_fill_is_the_share_of_the_tight_box() -> None:
    masks = np.zeros((3, 8, 8), bool)
    masks[0, 2:6, 1:5] = True  # fills its box
    masks[1, 0, :] = masks[1, :, 0] = True  # 15 of 64

    np.testing.assert_allclose(mask_fill(encode_masks(masks)), [1, 15 / 64, 0])
    assert mask_fill([]).shape == (0,)


def test_gap_by_hand() -> None:
    # T = 0.75: objects 0 and 2 count, object 1 only reaches it.
    gt_fill, label_fill = np.array([0.875, 0.75, 1.0]), np.array([0.5, 0.25, 0.75])

    gap = fill_gap(gt_fill, label_fill, np.array([0.5, 0.75, 1.0]))

    assert gap == (0.375 + 0.25) / 2
    assert math.isnan(fill_gap(gt_fill, label_fill, np.ones(3)))

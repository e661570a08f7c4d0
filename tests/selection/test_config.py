from collections.abc import Callable
from dataclasses import fields

import pytest

from sapnet.selection.config import (
    GuidanceConfig,
    MiningConfig,
    MultiMaskConfig,
    NegativesConfig,
    PositivesConfig,
    SelectionConfig,
    paper_selection,
)


def test_paper_differs_from_default_only_in_our_additions() -> None:
    ours, paper = SelectionConfig(), paper_selection()
    different = {f.name for f in fields(ours) if getattr(ours, f.name) != getattr(paper, f.name)}
    assert different == {"mask_crops", "exclude_rivals", "consensus", "near_tie_margin"}
    assert not paper.mask_crops
    assert not paper.exclude_rivals
    assert paper.own_score_power == 0


def test_printed_numbers() -> None:
    cfg = paper_selection()
    assert cfg.guidance == GuidanceConfig(overlap="bag", distance_power=1, exponent=0.015)
    assert (cfg.negatives.background_iou, cfg.negatives.part_iou) == (0.3, 0.5)
    assert (cfg.mining.top_k, cfg.mining.close_iou, cfg.mining.containment_iou) == (3, 0.6, 0.3)
    assert (cfg.selection_weight, cfg.refinement_alpha, cfg.multi_mask.weight) == (0.25,) * 3
    assert len(cfg.positives.lone) == len(cfg.positives.crowded) == 20


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GuidanceConfig(overlap="mask"), 'overlap: expected "bag" or "point", found mask'),
        (lambda: GuidanceConfig(distance_power=0), "distance_power: expected a number > 0"),
        (lambda: GuidanceConfig(exponent=-1), "exponent: expected a number >= 0"),
        (lambda: PositivesConfig(lone=(0.1,)), r"crowded: expected as many values as lone \(1\)"),
        (lambda: PositivesConfig(fixed=(-0.7,)), "fixed: expected every v > -0.5"),
        (lambda: NegativesConfig(num_random=-1), "num_random: expected a number >= 0"),
        (lambda: NegativesConfig(background_iou=1.5), "background_iou: expected a number in"),
        (lambda: MiningConfig(top_k=0), "top_k: expected a number >= 1, found 0"),
        (lambda: MiningConfig(close_iou=-0.1), "close_iou: expected a number in"),
        (lambda: MiningConfig(containment_tolerance=-1), "containment_tolerance: expected"),
        (lambda: MultiMaskConfig(weight=-1), "weight: expected a number >= 0"),
        (lambda: SelectionConfig(top_k=0), "top_k: expected a number >= 1"),
        (lambda: SelectionConfig(refinement_alpha=2), "refinement_alpha: expected a number in"),
        (lambda: SelectionConfig(own_score_power=-1), "own_score_power: expected a number >= 0"),
    ],
)
def test_invalid_value_says_what_is_expected(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()

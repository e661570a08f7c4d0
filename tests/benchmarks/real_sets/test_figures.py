from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.quality.real_sets import figures
from benchmarks.quality.real_sets.bootstrap import CategoryMatches
from benchmarks.quality.real_sets.figures import Result, as_table, set_figures, summarize
from benchmarks.quality.real_sets.parts import Clicked, Plan, Rung
from benchmarks.quality.real_sets.sets import RealSet, Split
from benchmarks.quality.real_sets.systems import SYSTEMS

PLAN = Plan(Path("out"), "small_images_cpu", (), 100, 4, "cpu", 0, segmenter=True)
SPLIT = Split(Path("images"), Path("truth.json"))
CLICKED = Clicked(RealSet("birds", SPLIT, SPLIT), "click", {}, {"train": {"top1_miou": 0.5}})


def matches(hits: int) -> list[CategoryMatches]:
    """One object on each of ten images, of which the first ones are found, at every threshold."""
    hit = np.arange(10) < hits
    return [
        CategoryMatches(
            np.arange(10), np.tile(hit, (10, 1)), np.ones((10, 10), bool), np.ones(10, int)
        )
    ]


def result(name: str, seed: int, ap50: float, label: float | None) -> Result:
    labels = {"top1_miou": 0.5, "label_miou": label, "oracle_miou": 0.9}
    found: dict[str, Any] = {"one_stage": {"mask_ap": ap50 / 2, "mask_ap50": ap50, "mask_ap75": 0}}
    if label is not None:
        found["labels"] = {"train": labels, "val": labels, "seconds": {"train": 2.0}}
    return Result(Rung(PLAN, CLICKED, SYSTEMS[name], seed), found)


RESULTS = [
    result("ours", 0, 0.5, 0.6),
    result("ours", 1, 0.7, 0.8),
    result("best", 0, 0.8, 0.9),
    result("truth", 0, 0.9, None),
]


@pytest.fixture(autouse=True)
def known_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    hits = {"ours": 4, "best": 5, "truth": 8}
    monkeypatch.setattr(figures, "_match", lambda path, _: matches(hits[Path(path).parts[-4]]))


def test_means_over_seeds_and_shares() -> None:
    found = set_figures(RESULTS, CLICKED, 50)["systems"]
    assert found["ours"]["labels"]["train"]["label_miou"] == pytest.approx(0.7)
    assert found["ours"]["one_stage"]["mask_ap50"] == pytest.approx(0.6)
    assert list(found["ours"]["seeds"]) == ["0", "1"]
    shares = found["ours"]["one_stage"]["shares"]
    # All finds come first: the AP is the share of the 101 recalls that are reached.
    assert shares["of_best"]["share"] == pytest.approx(41 / 51)
    assert shares["of_truth"]["share"] == pytest.approx(41 / 81)
    assert shares["of_best"]["low"] < shares["of_best"]["share"] < shares["of_best"]["high"]
    assert list(found["best"]["one_stage"]["shares"]) == ["of_truth"]
    assert found["truth"]["one_stage"]["shares"].keys() == {"of_best"}


def test_no_shares_where_ground_truth_teaches_little() -> None:
    weak = [*RESULTS[:3], result("truth", 0, 0.39, None)]
    assert set_figures(weak, CLICKED, 50)["systems"]["ours"]["one_stage"]["shares"] == {}


def test_summary_and_table() -> None:
    sets = {"birds": {"click": set_figures(RESULTS, CLICKED, 50)}}
    summary = summarize(sets)
    assert summary["birds_share_of_best"] == pytest.approx(41 / 51)
    assert summary["birds_val_label_miou"] == pytest.approx(0.7)
    assert summary["birds_train_favourite_miou"] == 0.5
    sets = {"birds": {"regions": sets["birds"]["click"]}}
    assert "birds_regions_share_of_truth" in summarize(sets)
    (row,) = [line for line in as_table(sets).splitlines() if "sapnet+" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:8] == ["birds", "regions", "sapnet+", "0.700", "0.700", "0.300", "0.600", "0.000"]
    assert cells[8].startswith("80 (")

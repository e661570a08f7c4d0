from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from small_ladder import document, save, system

from benchmarks.ladder.page.figures import Ladder
from benchmarks.ladder.page.file import load_ladder
from benchmarks.ladder.page.plots import curve_plots, label_plots, segmenter_plots
from sapnet.evaluation.precision import PrecisionCurves
from sapnet.report.plots import SERIES


def _mean(value: float | None, std: float | None = None) -> dict[str, float | None]:
    return {"mean": value, "std": std}


@pytest.fixture
def ladder(tmp_path: Path) -> Ladder:
    def labels(miou: float) -> dict[str, object]:
        return {
            "label_miou": _mean(miou, 0.01),
            "label_miou_small": _mean(miou - 0.1),
            "label_miou_medium": _mean(miou + 0.1),
            "label_miou_large": _mean(None),
            "share_part": _mean(0.4),
            "share_my_kind": _mean(0.6),
        }

    systems = {
        "first": system("Lowest rung", **labels(0.5)),
        "second": system("Next rung", **labels(0.6), mask_ap=_mean(0.125, 0.01)),
        "mine": system("My rung", "ours", **labels(0.7), mask_ap=_mean(0.25)),
        "full": system("All masks", "supervised", mask_ap=_mean(0.375)),
    }
    return load_ladder(save(tmp_path, document(systems)))


def _words(svg: str) -> set[str]:
    return {text.strip() for text in ElementTree.fromstring(svg).itertext()}


def test_labels(ladder: Ladder) -> None:
    miou, shares, sizes = label_plots(ladder)

    assert {"Lowest rung", "Next rung", "My rung", "0.500", "0.600", "0.700"} <= _words(miou.svg)
    # Lines at the best possible and at the first rung; colours for what is in the ladder only.
    assert {"best possible 0.940", "Lowest rung 0.500", "with our parts"} <= _words(miou.svg)
    assert "from true masks" not in _words(miou.svg)
    assert miou.note == "Error bars: standard deviation over the seeds."
    assert {"part", "my kind"} <= _words(shares.svg)
    assert {"small", "medium"} <= _words(sizes.svg)
    assert "large" not in _words(sizes.svg)
    assert "32² px" in sizes.note


def test_predictions(ladder: Ladder) -> None:
    (plot,) = segmenter_plots(ladder)
    assert {"Next rung", "My rung", "All masks 0.375", "0.125", "from true masks"} <= _words(
        plot.svg
    )
    assert "Lowest rung" not in _words(plot.svg)
    assert plot.note


def test_one_seed_has_no_error_bars(ladder: Ladder) -> None:
    mine_and_full = replace(ladder, systems=ladder.systems[2:])
    (plot,) = segmenter_plots(mine_and_full)
    assert plot.note == ""


def test_nothing_to_draw(ladder: Ladder) -> None:
    bare = replace(ladder, systems=(replace(ladder.systems[0], labels=None),))
    assert label_plots(bare) == ()
    assert segmenter_plots(bare) == ()
    assert curve_plots({}) == ()


def test_without_kinds_and_sizes_one_plot_is_left(tmp_path: Path) -> None:
    systems = {"first": system("Lowest rung", label_miou=_mean(0.5))}
    (plot,) = label_plots(load_ladder(save(tmp_path, document(systems))))
    assert (plot.title, plot.note) == ("Label mIoU", "")


def test_every_curve_has_a_look_of_its_own() -> None:
    precision = np.linspace(1, 0, 20).reshape(2, 10, 1)
    curve = PrecisionCurves(np.array([0.5, 0.75]), np.linspace(0, 1, 10), (1,), precision)
    names = [f"system {index}" for index in range(2 * len(SERIES))]

    half, three_quarters = curve_plots(dict.fromkeys(names, curve))

    assert (half.title, three_quarters.title) == (
        "Precision over recall at IoU 0.5",
        "Precision over recall at IoU 0.75",
    )
    assert set(names) <= _words(half.svg)
    assert half.svg != three_quarters.svg
    for color in SERIES:
        assert f"var(--{color})" in half.svg
    assert "stroke-dasharray" in half.svg
    alone = curve_plots({"one": curve})
    assert "stroke-dasharray" not in alone[0].svg

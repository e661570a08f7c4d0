import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from sapnet.report.curves import MAX_POINTS, Curve, draw_curve, load_curves


def test_curves_are_read_without_gaps(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,loss,label_miou,step\n0,2.0,,0\n0,,0.5,1\n0,nan,,1\n1,1.5,,2\n")

    curves = load_curves(path)

    assert [curve.name for curve in curves] == ["label_miou", "loss"]
    assert curves[0].steps.tolist() == [1]
    assert curves[0].values.tolist() == [0.5]
    assert curves[1].steps.tolist() == [0, 2]
    assert curves[1].values.tolist() == [2.0, 1.5]


def test_steps_are_preferred_to_epochs_of_the_same_value(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss_step,loss_epoch,map_epoch\n0,2.0,,\n1,,2.0,0.5\n")

    assert [curve.name for curve in load_curves(path)] == ["loss_step", "map_epoch"]


def test_a_file_without_rows_has_no_curves(tmp_path: Path) -> None:
    for text in ("", "step,epoch,loss\n"):
        path = tmp_path / "metrics.csv"
        path.write_text(text)
        assert load_curves(path) == ()


def test_a_file_without_steps_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("loss\n1\n")

    with pytest.raises(ValueError, match=r"metrics.csv: expected a column 'step'"):
        load_curves(path)


@pytest.mark.parametrize("num_points", [0, 1, 2, 10 * MAX_POINTS + 3])
def test_a_picture_is_an_svg_in_the_colours_of_the_page(num_points: int) -> None:
    steps = np.arange(num_points, dtype=float)

    svg = draw_curve(Curve("loss", steps, 1 / (1 + steps)))

    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "currentColor" in svg
    assert ("var(--accent)" in svg) == (num_points > 0)
    assert len(svg) < 40_000


def test_many_points_keep_their_mean() -> None:
    from sapnet.report.curves import _group

    values = np.random.default_rng(0).random(10 * MAX_POINTS)

    steps, means, lows, highs = _group(Curve("loss", np.arange(len(values)), values))

    assert len(steps) == MAX_POINTS
    assert means.mean() == pytest.approx(values.mean())
    assert (lows <= means).all()
    assert (means <= highs).all()
    assert math.isclose(highs.max(), values.max())


def test_steps_done_again_after_a_kill_count_once(tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("step,loss\n0,4.0\n10,3.0\n20,2.5\n")
    second.write_text("step,loss\n15,2.0\n20,1.0\n")
    (curve,) = load_curves(first, second)
    assert curve.steps.tolist() == [0, 10, 15, 20]
    assert curve.values.tolist() == [4.0, 3.0, 2.0, 1.0]

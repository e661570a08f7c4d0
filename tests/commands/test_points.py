"""`sapnet points`: where the clicks go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sapnet.cli import main
from sapnet.data.clicks import load_clicks

if TYPE_CHECKING:
    from tests.conftest import TinySet


def drawn(tiny_set: TinySet, out: Path, *words: str) -> np.ndarray:
    """(N, 2) points of the file that the command writes."""
    assert main(["points", "--truth", str(tiny_set.truth), "--out", str(out), *words]) == 0
    return np.array([click.point for click in load_clicks(out).clicks])


def test_mode_and_offset_reach_the_file(tiny_set: TinySet, tmp_path: Path) -> None:
    border = drawn(tiny_set, tmp_path / "a.json", "--mode", "border")
    missed = drawn(tiny_set, tmp_path / "b.json", "--mode", "border", "--offset", "1.5")
    usual = drawn(tiny_set, tmp_path / "c.json")
    moved = np.linalg.norm(missed - border, axis=1)
    assert (moved <= 1.5 + 1e-9).all()
    assert np.median(moved) == pytest.approx(1.5)  # the image's edge stops a few
    assert (border != usual).any()


def test_an_offset_below_zero_is_wrong_use(
    tiny_set: TinySet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["points", "--truth", str(tiny_set.truth), "--out", str(tmp_path / "a.json")]
    assert main([*words, "--offset", "-2"]) == 2
    assert "--offset: expected a number of pixels >= 0, found -2.0" in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()


def test_crowds_are_left_out_with_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    square = [[1, 1, 5, 1, 5, 5, 1, 5]]
    annotations = [
        {"id": n, "image_id": 1, "category_id": 1, "segmentation": square, "iscrowd": crowd}
        for n, crowd in enumerate((0, 1, 1), 1)
    ]
    truth = {
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": annotations,
    }
    (tmp_path / "t.json").write_text(json.dumps(truth))
    words = ["points", "--truth", str(tmp_path / "t.json"), "--out", str(tmp_path / "c.json")]
    assert main(words) == 0
    assert "left out 2 crowds (iscrowd 1)" in capsys.readouterr().out
    truth["annotations"] = annotations[:1]
    (tmp_path / "t.json").write_text(json.dumps(truth))
    assert main([*words, "--overwrite"]) == 0
    assert "left out" not in capsys.readouterr().out

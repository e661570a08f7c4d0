"""`sapnet evaluate --table`: a row of the paper's form, and wrong uses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sapnet.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TinySet


def test_predictions_as_a_row(
    tiny_set: TinySet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "mine" / "results.json"
    results.parent.mkdir()
    results.write_text("[]")
    words = ["evaluate", "--predictions", str(results), "--truth", str(tiny_set.truth)]
    assert main([*words, "--table", "2"]) == 0
    assert capsys.readouterr().out.endswith(
        "\n| Method | AP25 | AP50 | AP75 |\n| --- | --- | --- | --- |\n| mine | 0.0 | 0.0 | 0.0 |\n"
    )
    out = tmp_path / "figures.json"
    assert main([*words, "--table", "7", "--out", str(out)]) == 1
    assert "expected the figures of --labels and --proposals" in capsys.readouterr().err
    assert json.loads(out.read_text())["mask_ap"] == 0.0


def test_a_table_that_the_paper_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--predictions", "a.json", "--truth", "b.json", "--table", "10"]
    assert main(words) == 2
    assert "--table: expected 1 to 9, found 10" in capsys.readouterr().err

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from sapnet.cli import main
from sapnet.commands.complaints import describe_mistake, describe_type


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--epochs x", "--epochs: expected a whole number, found x"),
        ("--workers 1.5", "--workers: expected a whole number, found 1.5"),
        ("--bits twelve", "--bits: expected a whole number, found twelve"),
        ("--compile maybe", "--compile: expected true or false, found maybe"),
        ("--precision 64", "--precision: expected auto, 32, bf16 or fp16, found 64"),
        (
            "--model.augment.short_sides a",
            "--model.augment.short-sides: expected whole numbers, such as [1, 2], found a",
        ),
        (
            "--model.augment.short_sides 1.5",
            "--model.augment.short-sides: expected whole numbers, such as [1, 2], found 1.5",
        ),
    ],
)
def test_a_wrong_value_is_one_line(
    words: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--images", "a", "--proposals", "b", "--out", "c"]
    assert main(["train", *given, *words.split()]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {line}"


def test_a_wrong_value_of_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text("epochs: many\n")
    given = ["--images", "a", "--proposals", "b", "--out", "c"]
    assert main(["train", *given, "--config", str(tmp_path / "a.yaml")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == "error: --epochs: expected a whole number, found many"


def test_types_in_words() -> None:
    assert describe_type(float | None) == "a number"
    assert describe_type(int | Literal["all", "none"]) == "a whole number or all or none"
    assert describe_type(tuple[float, ...]) == "numbers, such as [0.5, 1]"
    assert describe_type(list[str]) == "a list, each a text"
    assert describe_type(Path | str) == "a path or a text"


def test_other_messages_stay() -> None:
    assert describe_mistake("unrecognized arguments: --x", {}) == "unrecognized arguments: --x"

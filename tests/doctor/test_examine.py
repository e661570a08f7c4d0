import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from sapnet.cli import main

if TYPE_CHECKING:
    from tests.conftest import TinySet
    from tests.doctor.conftest import Small


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def test_a_set_in_order_is_success(
    tiny_set: "TinySet", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--images", str(tiny_set.images), "--clicks", str(tiny_set.clicks)]
    words += ["--truth", str(tiny_set.truth), "--proposals", str(tiny_set.store)]

    assert main(["doctor", *words, "--out", str(tmp_path / "out")]) == 0

    shown = capsys.readouterr().out
    assert "\n0 errors, " in shown
    report = json.loads((tmp_path / "out" / "doctor.json").read_text())
    assert report["counts"]["error"] == 0
    assert set(report["facts"]) == {
        "software", "machine", "weights", "instances", "clicks", "proposals",
    }  # fmt: skip
    with Image.open(tmp_path / "out" / "contact-sheet.png") as sheet:
        assert sheet.width == 4 * 320 + 5 * 12


def test_errors_are_failure(
    small: "Small", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for annotation in small.content["annotations"]:
        annotation["point"] = annotation["point"][::-1]
    words = ["--images", str(small.root), "--clicks", str(small.write())]

    assert main(["doctor", *words, "--out", str(tmp_path / "found.json"), "--headers-only"]) == 1

    assert "error  clicks: x and y swapped?" in capsys.readouterr().out
    report = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    outside = [f for f in report["findings"] if f["kind"] == "point outside its image"]
    assert len(outside) == 6  # x = 52.5 as y, in each image twice
    with Image.open(tmp_path / "found.png") as sheet:
        assert (np.asarray(sheet) == (255, 0, 0)).all(axis=2).sum() > 100


def test_without_data_only_the_machine_is_examined(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "what --device auto takes" in shown
    assert "clicks" not in shown


@pytest.mark.parametrize("words", [["--images", "."], ["--images", "nowhere", "--clicks", "a"]])
def test_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    assert "--images" in capsys.readouterr().err

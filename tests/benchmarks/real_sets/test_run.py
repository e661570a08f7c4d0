"""The whole benchmark on a few images; its commands run in this process, to import once."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.quality import trial
from benchmarks.quality.real_sets import parts, sets
from sapnet.cli import main

if TYPE_CHECKING:
    from tests.conftest import TinySet

SMALL = (
    "--model.backbone test_resnet --model.fpn_channels 16 --model.augment.short_sides [64] "
    "--model.selection.hidden_channels 32 --model.selection.negatives.num_random 20 "
    "--model.weights none"
)


def run_here(log: Path, *words: object) -> float:
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(" ".join(map(str, words)))
    assert main([str(word) for word in words]) == 0
    return 1.0


@pytest.fixture(autouse=True)
def commands_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (trial, sets, parts):
        monkeypatch.setattr(module, "sapnet", run_here)


@pytest.mark.slow
def test_labels_and_segmenters(
    tiny_set: TinySet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both splits hold the same images, so their labels are equally good."""
    (tmp_path / "tiny" / "images").mkdir(parents=True)
    for split in ("train", "val"):
        (tmp_path / "tiny" / "images" / split).symlink_to(tiny_set.images)
        (tmp_path / "tiny" / f"instances_{split}.json").symlink_to(tiny_set.truth)
    words = ["--sets", tmp_path, "--out", tmp_path / "out", "--json", tmp_path / "a.json"]
    words += ["--proposers", "regions", "--seeds", 3, "--steps", 2, "--device", "cpu"]
    words += ["--samples", 5, f"--options={SMALL}"]
    words += ["--systems", "favourite", "mil", "best", "truth"]
    monkeypatch.setattr(sys, "argv", ["real_sets", *map(str, words)])
    for _ in range(2):
        runpy.run_module("benchmarks.quality.real_sets", run_name="__main__")
    shown = capsys.readouterr().out
    logs = list((tmp_path / "out").rglob("train.log"))
    assert len(logs) == 5  # mil in one stage and two, favourite, best, truth: nothing twice
    figures = json.loads((tmp_path / "a.json").read_text())
    found = figures["sets"]["tiny"]["regions"]
    systems = found["systems"]
    assert list(systems) == ["favourite", "mil", "best", "truth"]
    for split in ("train", "val"):
        labels = {name: row["labels"][split] for name, row in systems.items() if name != "truth"}
        assert labels["favourite"]["label_miou"] == found["proposals"][split]["top1_miou"]
        oracle = found["proposals"][split]["oracle_miou"]
        assert labels["best"]["label_miou"] == pytest.approx(oracle)
        assert labels["mil"]["random"] < oracle
        assert 0 <= labels["mil"]["right_class"] <= 1
    mil = systems["mil"]
    assert mil["labels"]["train"]["label_miou"] == mil["labels"]["val"]["label_miou"]
    assert 0 <= mil["two_stages"]["mask_ap"] <= 1
    assert mil["one_stage"]["shares"] == {}  # two steps teach nothing, from true masks either
    assert "| tiny | regions | MIL (PSM), two stages |" in shown

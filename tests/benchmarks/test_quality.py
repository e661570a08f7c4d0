"""Benchmarks of label quality start, go the whole way on a few images, and resume."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.quality.real_sets.parts import SEGMENTER_FIGURES
from benchmarks.quality.segmenters import means_of

if TYPE_CHECKING:
    from tests.conftest import TinySet

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "--model.backbone test_resnet --model.fpn_channels 16 --model.augment.short_sides [64] "
    "--model.selection.hidden_channels 32 --model.selection.negatives.num_random 20"
).split()


def run_script(name: str, *words: object) -> str:
    """What a script prints, run from the clone."""
    command = [sys.executable, "-m", f"benchmarks.quality.{name}", *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout


def test_sizes_without_an_object_have_no_mean() -> None:
    seeds = [
        {**dict.fromkeys(SEGMENTER_FIGURES, ap), "mask_ap_large": None, "seconds": {"train": 60}}
        for ap in (0.2, 0.4)
    ]
    found = means_of(seeds)
    assert found["mask_ap"] == pytest.approx(0.3)
    assert found["mask_ap_large"] is None
    assert found["train_minutes"] == 1


@pytest.mark.slow
def test_clicks(tmp_path: Path) -> None:
    words = ["--out", tmp_path / "out", "--images", 4, "--epochs", 1, "--places", "center"]
    words += ["--proposers", "simulated", "--methods", "MIL", "--json", tmp_path / "a.json"]
    run_script("clicks", *words, "--offsets")
    kept = tmp_path / "out" / "simulated" / "center" / "MIL" / "figures.json"
    first = kept.stat().st_mtime_ns
    shown = run_script("clicks", *words, "--offsets", 400, "--plot", tmp_path / "a.png")
    assert kept.stat().st_mtime_ns == first  # not done again
    rows: list[dict[str, Any]] = json.loads((tmp_path / "a.json").read_text())["samples"]
    assert [row["kind"] for row in rows] == ["center", "off 400 px"]
    assert rows[0]["on object"] == 1
    assert rows[1]["on object"] < 1  # in the corners of the image
    for row in rows:
        assert 0 < row["MIL"] <= row["oracle"]
        assert f"| {row['MIL']:.3g} |" in shown
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_starts(tiny_set: TinySet, tmp_path: Path) -> None:
    data = tmp_path / "sets" / "tiny"
    (data / "images").mkdir(parents=True)
    for split in ("train", "val"):
        (data / "images" / split).symlink_to(tiny_set.images)
        (data / f"instances_{split}.json").symlink_to(tiny_set.truth)
    words = ["--sets", data.parent, "--out", tmp_path / "out", "--json", tmp_path / "a.json"]
    words += ["--names", "tiny", "--starts", "none", "--steps", 1, "--label-steps", 1]
    words += ["--proposer", "regions", f"--options={' '.join(SMALL)}"]
    run_script("starts", *words)
    kept = tmp_path / "out" / "tiny" / "labels_none_1_0" / "figures.json"
    first = kept.stat().st_mtime_ns
    shown = run_script("starts", *words)
    assert kept.stat().st_mtime_ns == first  # not done again
    figures = json.loads((tmp_path / "a.json").read_text())
    assert [row["supervision"] for row in figures["samples"]] == [
        "masks", "clicks", "top1", "labels",
    ]  # fmt: skip
    assert all(row["steps"] == 2 and 0 <= row["mask_ap"] <= 1 for row in figures["samples"])
    assert "tiny labels none 1 steps mask_ap50" in figures["summary"]
    assert "| tiny | labels | none | 1 | 2 | 0 |" in shown


@pytest.mark.slow
def test_full_coco(tmp_path: Path) -> None:
    words = ["--height", 64, "--width", 96, "--objects", 2, "--tflops", 10]
    alone, whole = "SAPNet, selection alone", "SAPNet"
    run_script("full_coco", *words, "--only", alone, whole, "--json", tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())["samples"]
    assert 0 < found[alone]["tflop_per_image"] < found[whole]["tflop_per_image"]
    assert found[whole]["before_gib"] <= found[whole]["peak_gib"]


@pytest.mark.slow
def test_dropped(tmp_path: Path) -> None:
    words = ["--out", tmp_path / "out", "--names", "synthetic", "--images", 6, "--size", 64]
    words += ["--shares", 0.5, "--epochs", 1, "--json", tmp_path / "a.json"]
    run_script("dropped", *words, "--options", " ".join(SMALL))
    rows: list[dict[str, Any]] = json.loads((tmp_path / "a.json").read_text())["samples"]
    assert [(row["dropped"], row["images as"]) for row in rows] == [
        (0, "all clicks"), (0.5, "complete"), (0.5, "partial"),
    ]  # fmt: skip
    assert rows[0]["missed_dropped"] == 0 < rows[1]["missed_dropped"]
    assert rows[1]["missed_dropped"] == rows[2]["missed_dropped"]  # of the same clicks

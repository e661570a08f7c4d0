"""A run equals its steps one by one, and a run that is stopped anywhere ends the same."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sapnet
from sapnet.pipeline import run as run_module
from sapnet.pipeline.config import PipelineConfig, PipelineInputs
from sapnet.pipeline.run import run_pipeline

if TYPE_CHECKING:
    from tests.conftest import TinySet

ROOT = Path(__file__).resolve().parents[2]


def read(path: Path) -> Any:  # noqa: ANN401  # json
    """The content of a json file, without the names and times that differ between equal runs."""
    content = json.loads(path.read_text("utf-8"))
    if "info" in content:
        for key in ("run", "time"):
            content["info"]["origin"].pop(key)
    return content


@pytest.fixture(scope="session")
def whole_run(
    tiny_set: TinySet, tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run that nothing stopped."""
    out = tmp_path_factory.mktemp("whole") / "run"
    summary = sapnet.run(
        tiny_set.images,
        tiny_set.clicks,
        out,
        val_images=tiny_set.images,
        val_truth=tiny_set.truth,
        truth=tiny_set.truth,
        effort="fast",
        proposer="simulated",
        file=tiny_set.parts,
        recipe=str(tiny_recipe),
        epochs=2,
        device="cpu",
        workers=1,
    )
    assert (summary.labels, summary.model, summary.report) == (
        out / "labels.json",
        out,
        out / "report.html",
    )
    assert 0 < summary.figures["label_miou"] <= 1
    assert "mask_ap" in summary.figures
    return out


def test_a_run_writes_everything(whole_run: Path) -> None:
    assert read(whole_run / "labels.json")["annotations"]
    assert isinstance(read(whole_run / "predictions" / "results.json"), list)
    assert "label_miou" in read(whole_run / "metrics.json")
    page = (whole_run / "report.html").read_text("utf-8")
    assert "<html" in page
    seconds = read(whole_run / "run.json")["seconds"]
    assert list(seconds) == ["propose", "train", "label", "predict", "evaluate", "report"]
    # The run folder is a model.
    network = sapnet.SAPNet.from_pretrained(str(whole_run))
    assert len(network.categories) == 3


def test_the_steps_one_by_one_give_the_same_labels(
    whole_run: Path, tiny_set: TinySet, tiny_recipe: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    sapnet.propose(
        tiny_set.images, tiny_set.clicks, store, proposer="simulated", file=tiny_set.parts,
        workers=1,
    )  # fmt: skip
    sapnet.train(
        tiny_set.images, tmp_path / "run", config=tiny_recipe, proposals=store, epochs=2,
        max_objects=24, workers=1, device="cpu",
    )  # fmt: skip
    labels = tmp_path / "labels.json"
    sapnet.label(tiny_set.images, store, labels, run=tmp_path / "run", candidates=True)
    assert read(labels) == read(whole_run / "labels.json")


def test_a_finished_run_does_nothing_again(
    whole_run: Path, tiny_inputs: PipelineInputs, tiny_cfg: PipelineConfig
) -> None:
    inputs = replace(tiny_inputs, out=whole_run)
    before = {path: path.stat().st_mtime_ns for path in whole_run.glob("*.json")}
    run_pipeline(inputs, tiny_cfg)
    labels = whole_run / "labels.json"
    assert labels.stat().st_mtime_ns == before[labels]
    with pytest.raises(ValueError, match=r"holds a run of other settings: settings.epochs is 2"):
        run_pipeline(inputs, replace(tiny_cfg, epochs=3))
    assert {path: path.stat().st_mtime_ns for path in [labels]} == {labels: before[labels]}
    # What is left open stays as it was asked for, and what was chosen may be named.
    chosen = read(whole_run / "run.json")["chosen"]
    run_pipeline(inputs, replace(tiny_cfg, epochs=None, proposer=chosen["proposer"]))
    assert labels.stat().st_mtime_ns == before[labels]


def test_ground_truth_of_other_classes_is_refused_before_anything_changes(
    whole_run: Path, tiny_inputs: PipelineInputs, tiny_cfg: PipelineConfig, tmp_path: Path
) -> None:
    content = json.loads(tiny_inputs.clicks.read_text())
    content["categories"][0]["name"] = "ballon"
    (tmp_path / "clicks.json").write_text(json.dumps(content))
    inputs = replace(tiny_inputs, clicks=tmp_path / "clicks.json", out=whole_run)
    before = {path: path.stat().st_mtime_ns for path in whole_run.rglob("*")}
    with pytest.raises(ValueError, match=r"'ballon' in .*clicks.json and .* in .*json"):
        run_pipeline(inputs, tiny_cfg)
    assert {path: path.stat().st_mtime_ns for path in whole_run.rglob("*")} == before


@pytest.mark.parametrize("stopped", ["propose", "train", "label", "predict", "evaluate", "report"])
def test_a_step_that_fails_is_done_by_the_next_call(
    stopped: str,
    whole_run: Path,
    tiny_inputs: PipelineInputs,
    tiny_cfg: PipelineConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    name = "write_report" if stopped == "report" else stopped
    with monkeypatch.context() as patch:
        patch.setattr(run_module, name, fail)
        with pytest.raises(KeyboardInterrupt):
            run_pipeline(tiny_inputs, tiny_cfg)
    done = read(tiny_inputs.out / "run.json")["seconds"]
    assert stopped not in done
    # The second call may name another number of processes: nothing depends on it.
    run_pipeline(tiny_inputs, replace(tiny_cfg, workers=2))
    assert read(tiny_inputs.out / "labels.json") == read(whole_run / "labels.json")
    assert (tiny_inputs.out / "report.html").is_file()


def test_other_held_out_images_repeat_only_what_needs_them(
    tiny_inputs: PipelineInputs, tiny_cfg: PipelineConfig, caplog: pytest.LogCaptureFixture
) -> None:
    alone = replace(tiny_inputs, val_images=None, val_truth=None, truth=None)
    with caplog.at_level(logging.INFO):
        summary = run_pipeline(alone, tiny_cfg)
    assert summary.predictions is None
    assert not summary.figures
    assert "held out: none" in caplog.text
    labels = summary.labels.stat().st_mtime_ns
    summary = run_pipeline(tiny_inputs, tiny_cfg)
    assert summary.predictions is not None
    assert "mask_ap" in summary.figures
    assert summary.labels.stat().st_mtime_ns == labels


def test_a_folder_of_train_and_a_damaged_record_are_refused(
    tiny_inputs: PipelineInputs, tiny_cfg: PipelineConfig
) -> None:
    tiny_inputs.out.mkdir()
    (tiny_inputs.out / "settings.json").write_text("{}")
    with pytest.raises(ValueError, match="holds a run of sapnet train"):
        run_pipeline(tiny_inputs, tiny_cfg)
    for content in ("[]", '{"asked": {}, "chosen": {}, "seconds": {"train": "x"}}', "{"):
        (tiny_inputs.out / "run.json").write_text(content)
        with pytest.raises(ValueError, match="expected"):
            run_pipeline(tiny_inputs, tiny_cfg)
    with pytest.raises(FileNotFoundError, match="Name the file of the clicks"):
        run_pipeline(replace(tiny_inputs, clicks=Path("absent.json")), tiny_cfg)


@pytest.mark.slow
def test_killed_five_times_it_ends_with_the_same_labels(
    whole_run: Path, tiny_set: TinySet, tiny_recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["run", str(tiny_set.images), "--clicks", str(tiny_set.clicks), "--out", str(out)]
    words += ["--effort", "fast", "--proposer", "simulated", "--file", str(tiny_set.parts)]
    words += ["--recipe", str(tiny_recipe), "--epochs", "2", "--device", "cpu", "--workers", "1"]
    command = [sys.executable, "-m", "sapnet", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    drawn, last = random.Random(0), 0.0
    for _ in range(5):
        running = subprocess.Popen(command, env=environment, start_new_session=True)
        # Later kills fall later, so that all steps meet some.
        last += drawn.uniform(3, 9)
        time.sleep(last)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert read(out / "labels.json") == read(whole_run / "labels.json")
    for place in ("labels: ", "model:  ", "report: ", "sapnet predict --run"):
        assert place in done.stdout

"""Trials of a method: train it on clicks, label, and score the labels.

Every step is a command in a process of its own, as a user would type it. Finished steps are not
repeated.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from sapnet.cli import main
from sapnet.evaluation.evaluate import evaluate
from sapnet.system.files import write_json_atomic

PRELOADED = (
    "lightning",
    "sapnet.evaluation.evaluate",
    "sapnet.labelling.label",
    "sapnet.prediction.predict",
    "sapnet.proposals.propose",
    "sapnet.training.run",
)
"""Modules that are imported once for all commands."""

REPLACED = ("label", "missed", "points", "predict", "synthetic")
"""Commands that replace their files: a trial that was stopped does them once more."""

_OFF = ("guidance.enabled", "positives.enabled", "negatives.enabled", "mining.enabled")

METHODS: dict[str, tuple[str, ...]] = {
    "sapnet+": ("--method", "sapnet+"),
    "SAPNet": ("--method", "paper"),
    "MIL": (
        *("--method", "paper", "--model.selection.refinement", "false"),
        *(word for name in _OFF for word in (f"--model.selection.{name}", "false")),
    ),
}
"""Flags of `sapnet train` for each method. MIL is the first stage alone, as in
`sapnet/recipes/ablations/table4/1_mil.yaml`, without that recipe's settings of the segmenter."""


@dataclass(frozen=True)
class ClickedSet:
    """Images with their ground truth and the proposals of their clicks."""

    images: Path
    truth: Path
    store: Path


def sapnet(log: Path, *words: object) -> float:
    """Run a command of `sapnet` in a process of its own.

    The process is forked from one that has imported the libraries: importing them takes longer
    than many of the commands.

    Args:
        log: file for the output of the command.
        words: the command line.

    Returns:
        Seconds by the clock.

    Raises:
        subprocess.CalledProcessError: the command failed; the log has the reason.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    command = [str(word) for word in words]
    if command[0] in REPLACED:
        command.append("--overwrite")
    start = time.perf_counter()
    # Processes of `multiprocessing` are daemons on request only; loaders need children.
    process = context.Process(target=_run_command, args=(log, command))
    process.start()
    try:
        process.join()
    finally:
        process.terminate()
    if process.exitcode:
        raise subprocess.CalledProcessError(process.exitcode, ["sapnet", *command], f"see {log}")
    return time.perf_counter() - start


def _run_command(log: Path, command: list[str]) -> None:
    """Run a command with its output in a file, and exit with its status."""
    with log.open("w", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.exit(main(command))


def label_quality(
    out: Path,
    trained: ClickedSet,
    scored: Mapping[str, ClickedSet],
    options: Sequence[object],
    min_area: float = 0,
) -> dict[str, Any]:
    """Train selection alone, label, and score the labels.

    Args:
        out: folder of this trial; figures that it holds for the same options are returned.
        trained: set to train on.
        scored: sets to label, by name.
        options: flags of `sapnet train`.
        min_area: smallest area of an object that is scored, pixels.

    Returns:
        "seconds" of training and labels, and for each scored set the figures of `evaluate`.

    Raises:
        ValueError: the folder holds a trial with other options.
    """

    def measure() -> dict[str, Any]:
        run = out / "run"
        files = ("--images", trained.images, "--proposals", trained.store, "--out", run)
        alone = ("--model.segmenter", "false", "--device", "cpu", "--workers", 1)
        seconds = {"train": sapnet(out / "train.log", "train", *options, *alone, *files)}
        figures: dict[str, Any] = {"seconds": seconds}
        for name, clicked in scored.items():
            labels = out / f"labels_{name}.json"
            seconds[f"label {name}"] = label_clicks(run, clicked, labels)
            figures[name] = evaluate(
                clicked.truth, labels=labels, proposals=clicked.store, min_area=min_area
            )
        return figures

    return kept(out / "figures.json", (*options, "min_area", min_area), measure)


def label_clicks(run: Path, clicked: ClickedSet, labels: Path) -> float:
    """Write the labels of a set with a trained run; return the seconds by the clock."""
    files = ("--run", run, "--images", clicked.images, "--proposals", clicked.store)
    words = ("label", *files, "--device", "cpu", "--workers", 1, "--out", labels)
    return sapnet(labels.with_suffix(".log"), *words)


def kept(
    path: Path, asked: Sequence[object], measure: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return the figures of a part, which are measured once.

    Args:
        path: json file of the figures.
        asked: everything that the figures depend on.
        measure: makes the figures where the file is not there.

    Returns:
        The figures.

    Raises:
        ValueError: the file holds figures of other options.
    """
    options = [str(word) for word in asked]
    if path.is_file():
        done: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if done["options"] != options:
            raise ValueError(
                f"{path}: expected {options}, found {done['options']}. Remove {path.parent}"
            )
        return {name: value for name, value in done.items() if name != "options"}
    write_json_atomic(path, {"options": options, **measure()})
    return kept(path, asked, measure)


def changed_settings(settings: object, default: object) -> dict[str, Any]:
    """Return the settings that differ from the defaults, nested as in a recipe."""
    changed: dict[str, Any] = {}
    for field in fields(settings):  # type: ignore[arg-type]  # any dataclass
        value, usual = getattr(settings, field.name), getattr(default, field.name)
        if value != usual:
            changed[field.name] = changed_settings(value, usual) if is_dataclass(value) else value
    return changed

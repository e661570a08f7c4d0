"""The record of a run: what was asked for, what was chosen, which steps are done."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sapnet.pipeline.config import CHOSEN, PipelineConfig, PipelineInputs
from sapnet.system.differences import differences
from sapnet.system.files import read_json, write_json_atomic
from sapnet.training.run_folder import MAX_DIFFERENCES, SETTINGS

RECORD = "run.json"
"""File of the record in the run folder."""

LABELLED, SCORED = ("images",), ("val_images", "val_truth", "truth")
"""Files that the labels depend on, and files that only the figures and the report depend on. Clicks
and corrections are described by their content, which may change: see `rounds`."""

AFTER_LABELS = ("predict", "evaluate", "report")
"""Steps that are done again if the latter change."""


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    Attributes:
        asked: files and settings as given.
        chosen: the settings with nothing left open.
        seconds: seconds of each finished step, by its name.
        rounds: of a run whose clicks or corrections have changed, the current one last: its
            `changes` in words, and of finished ones the `seconds`. The current one says if it
            begins `from_previous`, if the round before was finished (`keeps_current`), if that
            `is_aside`, and the `rate` of its training as a share of the usual one.
    """

    asked: dict[str, Any]
    chosen: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
    rounds: list[dict[str, Any]] = field(default_factory=list)

    @property
    def starts_warm(self) -> bool:
        """True if the training begins with the network of the round before."""
        return bool(self.rounds) and self.rounds[-1].get("from_previous") is True

    def with_step(self, name: str, seconds: float) -> RunRecord:
        """Return the record with a finished step."""
        return replace(self, seconds={**self.seconds, name: round(seconds, 1)})

    def save(self, out: Path) -> None:
        """Write the record to the run folder, atomically."""
        write_json_atomic(out / RECORD, asdict(self))


def describe(inputs: PipelineInputs, cfg: PipelineConfig) -> dict[str, Any]:
    """Return what is asked for as json values; of clicks and corrections, the content counts."""
    settings = {name: value for name, value in asdict(cfg).items() if name in CHOSEN}
    return {
        "files": _names(inputs, LABELLED),
        "content": {"clicks": _digest(inputs.clicks), "corrections": _digest(inputs.decisions)},
        "scored": _names(inputs, SCORED),
        "settings": json.loads(json.dumps(settings, default=str)),
    }


def load_record(inputs: PipelineInputs, cfg: PipelineConfig) -> RunRecord | None:
    """Load the record of the run in the folder; None if the folder holds no run.

    Returns:
        The record. Settings that are left open now are those of then. If other held-out images or
        other truth are named than before, the steps that use them are not done. Other clicks or
        corrections than before are left to `rounds`.

    Raises:
        FileNotFoundError: there is no clicks file, or no corrections file of the name given.
        ValueError: the folder holds a run of other settings, or one of `sapnet train`; or its
            record is damaged.
    """
    if not inputs.clicks.is_file():
        raise FileNotFoundError(f"{inputs.clicks}: no such file. Name the file of the clicks.")
    if inputs.corrections is not None and not inputs.corrections.is_file():
        raise FileNotFoundError(
            f"{inputs.corrections}: no such file. Name a file that `sapnet review` wrote."
        )
    path = inputs.out / RECORD
    if not path.is_file():
        if (inputs.out / SETTINGS).is_file():
            raise ValueError(
                f"{inputs.out} holds a run of sapnet train. Give another --out, or go on with "
                "sapnet train"
            )
        return None
    record, now = _read(path), describe(inputs, cfg)
    found = {name: record.asked.get(name) for name in ("files", "settings")}
    wanted = {"files": now["files"], "settings": _as_begun(now["settings"], record)}
    if lines := differences(found, wanted):
        raise ValueError(
            f"{inputs.out} holds a run of other settings: {'; '.join(lines[:MAX_DIFFERENCES])}. "
            "Give another --out, or delete that folder"
        )
    if record.asked.get("scored") == now["scored"]:
        return record
    kept = {name: s for name, s in record.seconds.items() if name not in AFTER_LABELS}
    return replace(record, asked=record.asked | {"scored": now["scored"]}, seconds=kept)


def _as_begun(settings: dict[str, Any], record: RunRecord) -> dict[str, Any]:
    """Return settings as they were asked for at the start, where they say nothing else.

    What is left open now stays as it was asked for, and what was left open then may be named as it
    was chosen.
    """
    asked = record.asked.get("settings")
    if not isinstance(asked, dict):
        return settings
    return {
        name: asked.get(name) if value in (None, record.chosen.get(name)) else value
        for name, value in settings.items()
    }


def _names(inputs: PipelineInputs, names: tuple[str, ...]) -> dict[str, str]:
    """Return the full names of the files that are given."""
    files = {name: getattr(inputs, name) for name in names}
    return {name: str(path.resolve()) for name, path in files.items() if path is not None}


def _digest(path: Path | None) -> str | None:
    return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _read(path: Path) -> RunRecord:
    content = read_json(path)
    parts = ("asked", "chosen", "seconds")
    is_whole = isinstance(content, dict) and all(isinstance(content.get(p), dict) for p in parts)
    if not is_whole or not all(isinstance(s, int | float) for s in content["seconds"].values()):
        raise ValueError(
            f"{path}: expected the record of a run with `asked`, `chosen` and `seconds`, found "
            "something else. Give another --out, or delete that folder"
        )
    rounds = content.get("rounds", [])
    if not isinstance(rounds, list) or not all(isinstance(entry, dict) for entry in rounds):
        raise ValueError(f"{path}: expected `rounds` as a list of objects. Give another --out")
    asked, chosen, seconds = (content[part] for part in parts)
    return RunRecord(asked, chosen, seconds, rounds)

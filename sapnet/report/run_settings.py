"""The settings of a run, read from its settings.json, for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sapnet.network.config import ModelConfig
from sapnet.report.contents import Settings
from sapnet.training.config import TrainConfig
from sapnet.training.run_folder import SETTINGS, SUMMARY, read_run_json


def read_settings(run: Path) -> Settings:
    """Read the settings of a run: those that differ from the defaults, and all.

    Args:
        run: folder written by `sapnet train`.
    """
    content = read_run_json(run, SETTINGS)
    if other := content.get("model", {}).get("other"):
        other.pop("architecture", None)  # hundreds of numbers of a checkpoint
    defaults = json.loads(json.dumps({**asdict(TrainConfig()), "model": asdict(ModelConfig())}))
    usual = flatten(defaults)
    found = flatten({**content.get("train", {}), "model": content.get("model", {})})
    facts = {name: str(value) for name, value in content.get("files", {}).items()}
    summary = read_run_json(run, SUMMARY)
    if summary:
        facts["finished"] = f"after {summary['epochs']} epochs"
    elif content:
        facts["finished"] = "no; the same `sapnet train` continues it"
    return Settings(
        facts=facts,
        changed={
            name: f"{_words(value)} (default: {_words(usual.get(name))})"
            for name, value in found.items()
            if name not in usual or usual[name] != value
        },
        all={name: _words(value) for name, value in found.items()},
    )


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to the names that they have on the command line."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _words(value: object) -> str:
    """Return a value in the form of the command line; floats without rounding errors."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_words, value)) + "]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value) if isinstance(value, bool) or value is None else str(value)

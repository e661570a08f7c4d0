"""The trained run that makes suggestions: its name, classes, and digest of its weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from sapnet.network.find import damaged_network, network_files

_DIGITS = 16


@dataclass(frozen=True)
class SuggestingRun:
    """A run whose segmenter makes suggestions.

    Attributes:
        name: run folder, or USER/NAME on the hub.
        classes: names of its classes.
        weights: digest of its weights: what other weights saw is looked at anew.
        bands: numbers of the bands that it reads, from 1 on; empty for the files' own.
    """

    name: str
    classes: tuple[str, ...]
    weights: str
    bands: tuple[int, ...] = ()


def open_run(name: str) -> SuggestingRun:
    """Read what the page needs of a run, without loading its network.

    Args:
        name: run folder, or USER/NAME on the hub.

    Raises:
        FileNotFoundError: there is no trained network of this name.
        ValueError: it has no segmenter, or a file is damaged.
    """
    config, weights = network_files(name)
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
        classes = tuple(str(category["name"]) for category in content["categories"])
        bands = content["settings"].get("augment", {}).get("bands")
        has_segmenter = bool(content["settings"].get("segmenter", True))
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged_network(name, error) from error
    if not has_segmenter:
        raise ValueError(
            f"{name}: expected a run with a segmenter, whose instances can be suggested; this one "
            "only chooses masks for clicks. Open its labels with --labels instead"
        )
    return SuggestingRun(name, classes, digest, tuple(bands or ()))


def local_name(name: str) -> str:
    """Return a name that stays right in another working folder."""
    return str(Path(name).resolve()) if Path(name).is_dir() else name

"""The folder of a training run: names of its files, settings, resuming. Imports no torch."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sapnet.data.image_files.address import check_bands
from sapnet.network.find import CONFIG_FILE
from sapnet.system.differences import differences
from sapnet.system.files import read_json, write_json_atomic

SETTINGS = "settings.json"
"""File with the settings that the run was started with. A resumed run must agree with them."""

SUMMARY = "summary.json"
"""File with the last figures. It is written when the run is finished."""

CHECKPOINT = Path("checkpoints") / "last.ckpt"
"""File with the state that a run is resumed from."""

SOURCES = ("images", "proposals")
"""Names of the folders that a run was trained on."""

FREE_TO_CHANGE = (
    "workers",
    "compile",
    "device",
    "devices",
    "num_nodes",
    "log_every",
    "checkpoint_minutes",
    "bits",
    "max_pixels",
    "tile",
    "overlap",
    "bands",
)
"""Training settings that change the speed of a run, but not its result."""

MAX_DIFFERENCES = 5
"""Number of differing settings that an error message lists."""


def read_run_json(run: Path, name: str) -> dict[str, Any]:
    """Read a json file of a run folder; empty if there is none, as for a model from the hub.

    Raises:
        ValueError: it is damaged.
    """
    path = run / name
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected json, but it cannot be parsed ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected an object, found a {type(content).__name__}")
    return content


def reading_of_run(run: Path) -> tuple[int | None, tuple[int, ...]]:
    """Return the bit depth and the bands that a run reads images with.

    Returns:
        None for images of 8 bits; numbers of the bands from 1 on, empty for the files' own.

    Raises:
        ValueError: a file of the run is damaged.
    """
    settings = read_run_json(run, CONFIG_FILE).get("settings")
    augment = settings.get("augment") if isinstance(settings, dict) else None
    found = augment if isinstance(augment, dict) else {}
    bits, bands = found.get("bits"), found.get("bands")
    numbers = bands if isinstance(bands, list) and all(isinstance(n, int) for n in bands) else []
    check_bands(numbers)
    return bits if isinstance(bits, int) else None, tuple(numbers)


def sources_of_run(run: Path) -> dict[str, Path]:
    """Return the folders of `SOURCES` that a run was trained on, those that still exist."""
    sources = read_run_json(run, SETTINGS).get("files")
    if not isinstance(sources, dict):
        return {}
    named = {name: sources.get(name) for name in SOURCES}
    return {n: Path(p) for n, p in named.items() if isinstance(p, str) and _is_folder(p)}


def _is_folder(path: str) -> bool:
    try:
        return bool(path) and Path(path).is_dir()
    except (OSError, ValueError):  # a text that is no path
        return False


LATER_SECTION = "contents"
"""Part of the settings that runs of early versions do not have: there it counts as equal."""


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds one training run.

    Attributes:
        path: the folder; it may not exist yet.
        settings_name: name of the file with the settings.
        holds: description of a run of other settings, for the error message.
        advice: what the user can do about such a run, for the error message.
    """

    path: Path
    settings_name: str = SETTINGS
    holds: str = "a run of other settings"
    advice: str = "Give another --out, or delete that folder"

    @property
    def checkpoint(self) -> Path:
        """The file that an unfinished run is resumed from."""
        return self.path / CHECKPOINT

    def stored_settings(self) -> dict[str, Any] | None:
        """Load the settings of a run that has a checkpoint.

        Returns:
            None if there is no checkpoint: such a folder holds nothing that other settings could
            spoil.
        """
        path = self.path / self.settings_name
        if not (path.is_file() and self.checkpoint.is_file()):
            return None
        return _read_object(path)

    def begin(self, settings: dict[str, Any]) -> Path | None:
        """Make the folder for a run with these settings, or check the run that it holds.

        Args:
            settings: nested dictionaries of everything that the weights depend on.

        Returns:
            The checkpoint to resume from, if the folder holds one of the same settings.

        Raises:
            ValueError: the folder holds a run of other settings; the message lists them.
        """
        wanted = json.loads(json.dumps(settings))
        stored = self.stored_settings()
        if stored is None:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json_atomic(self.path / self.settings_name, wanted)
            return None
        stored = {LATER_SECTION: wanted.get(LATER_SECTION), **stored}
        if lines := differences(stored, wanted):
            raise ValueError(
                f"{self.path} holds {self.holds}: {'; '.join(lines[:MAX_DIFFERENCES])}. "
                f"{self.advice}"
            )
        return self.checkpoint

    def finished_figures(self) -> dict[str, float] | None:
        """Load the last figures of a finished run; None if the run is not finished."""
        path = self.path / SUMMARY
        if not path.is_file():
            return None
        figures = _read_object(path).get("figures")
        if not isinstance(figures, dict) or not all(map(_is_figure, figures.values())):
            raise ValueError(
                f"{path}: expected an object with 'figures'; the file is damaged. Delete it, and "
                "run the same command again."
            )
        return {name: float(value) for name, value in figures.items() if value is not None}

    def finish(self, epochs: int, figures: dict[str, float]) -> None:
        """Mark the run as finished by writing its last figures."""
        write_json_atomic(self.path / SUMMARY, {"epochs": epochs, "figures": figures})


def check_checkpoint(path: Path) -> None:
    """Check that a checkpoint is whole, before it is loaded.

    Raises:
        ValueError: it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
        damaged = str(error)
    if damaged is not None:
        raise ValueError(
            f"{path}: expected the checkpoint of a training, but it is damaged ({damaged}). "
            "Restore it from a copy, or delete it to train from the start."
        )


def _read_object(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: expected an object; the file is damaged. Restore it from a copy, or name "
            "another folder with --out."
        )
    return content


def _is_figure(value: object) -> bool:
    return value is None or isinstance(value, int | float)

"""Record of what was taught: weights in use, earlier weights, and their figures."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sapnet.system.files import read_json, write_json_atomic

RECORD = "taught.json"

EMBEDDED = "embedded"
"""Weights to begin with: those that come with the package."""


@dataclass(frozen=True)
class Lesson:
    """A fine-tuning that ended.

    Attributes:
        pinned: masks that there were.
        weights: name of the file of the weights; None where nothing better was found.
        replaced: name of the file that was in use before; None for the weights begun with.
        before: figures of what was in use before, on objects kept aside.
        after: figures of the new weights.
    """

    pinned: int
    weights: str | None
    replaced: str | None
    before: Mapping[str, float]
    after: Mapping[str, float]

    def __str__(self) -> str:
        pairs = [
            f"{name} {self.before[name]:.2f} -> {self.after[name]:.2f}"
            for name in ("favourite", "best")
        ]
        return f"{self.pinned} pinned masks: {', '.join(pairs)}"


@dataclass(frozen=True)
class Taught:
    """All lessons of a clicks file.

    Attributes:
        start: weights begun with: "embedded", or a file.
        current: name of the file of weights in use; None for those begun with.
        lessons: in the order of time.
    """

    start: str = EMBEDDED
    current: str | None = None
    lessons: tuple[Lesson, ...] = ()

    @property
    def pinned(self) -> int:
        """Masks that the last lesson knew."""
        return self.lessons[-1].pinned if self.lessons else 0

    @property
    def replaced(self) -> str | None:
        """Name of the file that the weights in use replaced."""
        return next((x.replaced for x in self.lessons if x.weights == self.current), None)

    def with_lesson(self, lesson: Lesson) -> Taught:
        """Return the record after a lesson."""
        lessons = (*self.lessons, lesson)
        return replace(self, current=lesson.weights or self.current, lessons=lessons)

    def undone(self) -> Taught:
        """Return the record with the weights that those in use replaced.

        Raises:
            ValueError: nothing taught is in use.
        """
        if self.current is None:
            raise ValueError("nothing to undo: the weights begun with are in use")
        return replace(self, current=self.replaced)


@dataclass
class TaughtFolder:
    """The folder of the weights that were taught for a clicks file, beside it; thread-safe.

    Attributes:
        path: the folder.
        taught: the record.
    """

    path: Path
    taught: Taught = field(default_factory=Taught)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @staticmethod
    def of(clicks_file: Path) -> Path:
        """Path of the folder of a clicks file."""
        return clicks_file.with_name(f"{clicks_file.stem}-taught").resolve()

    @property
    def weights(self) -> Path | None:
        """The file of the weights in use; None for those begun with."""
        return None if self.taught.current is None else self.path / self.taught.current

    @property
    def next_name(self) -> str:
        """Name of the file of the next lesson's weights."""
        return f"{len(self.taught.lessons) + 1}.safetensors"

    def add(self, lesson: Lesson) -> None:
        """Save a lesson."""
        with self._lock:
            self._save(self.taught.with_lesson(lesson))

    def undo(self) -> None:
        """Go back to the weights that those in use replaced; their file stays.

        Raises:
            ValueError: nothing taught is in use.
        """
        with self._lock:
            self._save(self.taught.undone())

    def _save(self, taught: Taught) -> None:
        write_json_atomic(self.path / RECORD, asdict(taught))
        self.taught = taught


def open_taught(clicks_file: Path, start: str = EMBEDDED) -> TaughtFolder:
    """Open the folder of a clicks file; nothing is written before the first lesson.

    Args:
        clicks_file: need not exist.
        start: weights to begin with, where there was no lesson yet.

    Raises:
        ValueError: its record is damaged.
    """
    path = TaughtFolder.of(clicks_file)
    file = path / RECORD
    if not file.is_file():
        return TaughtFolder(path, Taught(start))
    content: Any = read_json(file)
    try:
        lessons = tuple(Lesson(**entry) for entry in content["lessons"])
        taught = Taught(content["start"], content["current"], lessons)
        _check_names(taught)
        return TaughtFolder(path, taught)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file}: expected the lessons of `sapnet annotate --teach`, found {error}. Move the "
            "folder away to begin anew."
        ) from error


def _check_names(taught: Taught) -> None:
    """Check the values of a record, which are names of files in its folder and figures.

    Raises:
        ValueError: one is of another kind; the message begins with it.
    """
    if not isinstance(taught.start, str):
        raise ValueError(f"a {type(taught.start).__name__} as 'start'")
    for name in (taught.current, *(n for x in taught.lessons for n in (x.weights, x.replaced))):
        if name is not None and (not isinstance(name, str) or Path(name).name != name):
            raise ValueError(f"{str(name)[:80]!r} as the name of a file in the folder")
    for lesson in taught.lessons:
        _check_figures(lesson)


def _check_figures(lesson: Lesson) -> None:
    is_right = isinstance(lesson.pinned, int)
    for figures in (lesson.before, lesson.after):
        is_right &= isinstance(figures, dict) and {"favourite", "best"} <= {*figures}
        is_right = is_right and all(isinstance(x, int | float) for x in figures.values())
    if not is_right:
        raise ValueError("a lesson without its figures")

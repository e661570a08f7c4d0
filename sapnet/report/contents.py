"""Contents of the page: tables, plots and pictures of one or several runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MISSING = "n/a"

MAX_CATEGORIES = 100
"""Largest number of rows of a table by category; the categories with the most objects are shown."""

MAX_OBJECTS = 100
"""Largest number of pictures of a gallery."""


@dataclass(frozen=True)
class TableRow:
    """A row: its head, a text per column, and True if it is emphasized."""

    name: str
    cells: tuple[str, ...]
    is_main: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: heading.
        corner: head of the first column.
        columns: heads of the other columns.
        rows: the rows, with as many cells as there are columns.
        note: a sentence below the table.
    """

    title: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"table {self.title!r}, row {row.name!r}: expected {len(self.columns)} cells, "
                    f"found {len(row.cells)}"
                )


@dataclass(frozen=True)
class Tile:
    """A figure in large type: name, value and a short note."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class Plot:
    """A plot as an `<svg>` element in the colors of the page, with title and note."""

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    Attributes:
        facts: its files and state, name to value.
        changed: settings that differ from the defaults, name to value.
        all: all settings, name to value.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    all: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CandidatePicture:
    """One candidate: JPEG, and its IoU with the ground truth and its scores if known."""

    jpeg: bytes
    iou: float | None
    own_score: float | None
    selection_score: float | None
    is_chosen: bool


@dataclass(frozen=True)
class LabelRow:
    """One labelled object; all pictures are JPEG, None if there is nothing to show.

    `kind` is the kind of the chosen proposal (part, whole, ...), None if unknown.
    """

    annotation_id: int
    category: str
    file_name: str
    iou: float | None
    uncertainty: float | None
    click: bytes
    candidates: tuple[CandidatePicture, ...]
    num_hidden: int
    refined: bytes | None
    truth: bytes | None
    kind: str | None = None


@dataclass(frozen=True)
class LabelSection:
    """Some labels under a heading."""

    title: str
    rows: tuple[LabelRow, ...]


@dataclass(frozen=True)
class PredictionRow:
    """One image: JPEG of the original, with the ground truth (or None), with the predictions."""

    file_name: str
    num_truth: int | None
    num_predictions: int
    min_score: float
    original: bytes
    truth: bytes | None
    predictions: bytes


@dataclass(frozen=True)
class RunReport:
    """Contents of the page about one run; empty parts are left out.

    Attributes:
        name: name of the run; in the demo, its proposer.
        metrics: metrics by the keys of `sapnet evaluate`; all in [0, 1].
        headline: one sentence that says how good the labels are.
        seconds: time by stage, in the order of the stages.
        metrics_files: metrics.csv of each start of the training run; none without training.
        settings: settings of the run.
        label_tables: tables of the labels.
        label_plots: plots of the labels.
        labels: pictures of labels, see `label_gallery.build_label_gallery`.
        prediction_tables: tables of the predictions.
        prediction_plots: plots of the predictions.
        predictions: pictures of predictions, see `prediction_gallery.build_prediction_gallery`.
        headlines: further figures in large type, before those of the metrics.
    """

    name: str
    metrics: Mapping[str, float]
    headline: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    metrics_files: tuple[Path, ...] = ()
    settings: Settings = field(default_factory=Settings)
    label_tables: tuple[Table, ...] = ()
    label_plots: tuple[Plot, ...] = ()
    labels: tuple[LabelSection, ...] = ()
    prediction_tables: tuple[Table, ...] = ()
    prediction_plots: tuple[Plot, ...] = ()
    predictions: tuple[PredictionRow, ...] = ()
    headlines: tuple[Tile, ...] = ()


@dataclass(frozen=True)
class ReportInputs:
    """The whole content of the page.

    Attributes:
        title: heading of the page.
        runs: the runs, in the order of the summary.
        settings: common settings of the runs, name to value.
    """

    title: str
    runs: tuple[RunReport, ...]
    settings: Mapping[str, str] = field(default_factory=dict)


def check_gallery_size(name: str, count: int) -> None:
    """Check the size of a gallery.

    Args:
        name: name of the setting, for the message.
        count: requested number of pictures.

    Raises:
        ValueError: fewer than 0 or more than `MAX_OBJECTS`.
    """
    if not 0 <= count <= MAX_OBJECTS:
        raise ValueError(f"{name}: expected 0 to {MAX_OBJECTS}, found {count}")


def figure(value: float | None) -> str:
    """Return a figure with three decimals; n/a for None or not finite."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Return a share in percent; n/a for None or not finite."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.0%}"

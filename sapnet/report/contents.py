"""What the page is made of: tables, plots and pictures of one or several runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sapnet.report.label_gallery import LabelSection
    from sapnet.report.prediction_gallery import PredictionRow

MISSING = "n/a"

MAX_OBJECTS = 100
"""Most pictures of a gallery."""


@dataclass(frozen=True)
class TableRow:
    """A row: its head, a text per column, and whether it stands out."""

    name: str
    cells: tuple[str, ...]
    is_main: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: heading.
        corner: head of the first column.
        columns: heads of the others.
        rows: with as many cells as there are columns.
        note: a sentence below it.
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
class Plot:
    """A picture as an `<svg>` element in the colours of the page, and what it shows."""

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True)
class Settings:
    """What a run was started with.

    Attributes:
        facts: where it came from, name to value.
        changed: settings that are not the defaults, name to value.
        all: every setting, name to value.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    all: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunReport:
    """What the page shows of one run; parts that are empty are left out.

    Attributes:
        name: of the run, in the demo its proposer.
        metrics: figures by the keys that `sapnet evaluate` writes; all in [0, 1].
        seconds: time by stage, in the order of the stages.
        metrics_files: metrics.csv of each start of the training run; none without training.
        settings: what it was started with.
        label_tables: figures of the labels.
        label_plots: the same, drawn.
        labels: pictures of labels, see `label_gallery.build_label_gallery`.
        prediction_tables: figures of the predictions.
        prediction_plots: the same, drawn.
        predictions: pictures of predictions, see `prediction_gallery.build_prediction_gallery`.
    """

    name: str
    metrics: Mapping[str, float]
    seconds: Mapping[str, float] = field(default_factory=dict)
    metrics_files: tuple[Path, ...] = ()
    settings: Settings = field(default_factory=Settings)
    label_tables: tuple[Table, ...] = ()
    label_plots: tuple[Plot, ...] = ()
    labels: tuple[LabelSection, ...] = ()
    prediction_tables: tuple[Table, ...] = ()
    prediction_plots: tuple[Plot, ...] = ()
    predictions: tuple[PredictionRow, ...] = ()


@dataclass(frozen=True)
class ReportInputs:
    """Everything on the page.

    Attributes:
        title: heading of the page.
        runs: in the order of the summary.
        settings: what the runs have in common, name to value.
    """

    title: str
    runs: tuple[RunReport, ...]
    settings: Mapping[str, str] = field(default_factory=dict)


def check_gallery_size(name: str, count: int) -> None:
    """Return Refuse galleries that nobody looks through.

    Args:
        name: of the setting, for the message.
        count: pictures that are asked for.

    Raises:
        ValueError: fewer than 0 or more than `MAX_OBJECTS`.
    """
    if not 0 <= count <= MAX_OBJECTS:
        raise ValueError(f"{name}: expected 0 to {MAX_OBJECTS}, found {count}")


def figure(value: float | None) -> str:
    """Return a figure with three decimals; n/a where there is none."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Return a share in percent; n/a where there is none."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.0%}"

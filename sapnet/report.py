"""One self-contained HTML page about one or several runs: figures, curves and pictures."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sapnet.curves import Curve, draw_curve, load_curves
from sapnet.files import write_text_atomic
from sapnet.galleries import LabelSection, PredictionRow

SUMMARY_GROUPS = {
    "label mIoU": {
        "top1_miou": "proposer's top-1",
        "label_miou": "SAPNet's labels",
        "oracle_miou": "oracle",
    },
    "held-out images": {"mask_ap": "mask AP", "mask_ap50": "mask AP50"},
}
"""Name by key of the metrics, in the groups of the summary."""


@dataclass(frozen=True)
class RunReport:
    """What the page shows of one run.

    Attributes:
        name: of the run, normally its proposer.
        metrics: figures by the keys that `sapnet evaluate` writes; all in [0, 1].
        seconds: time by stage, in the order of the stages.
        metrics_files: metrics.csv of each start of the training run; none without training.
        labels: pictures of labels, see `galleries.build_label_gallery`.
        predictions: pictures of predictions, see `galleries.build_prediction_gallery`.
    """

    name: str
    metrics: Mapping[str, float]
    seconds: Mapping[str, float] = field(default_factory=dict)
    metrics_files: tuple[Path, ...] = ()
    labels: tuple[LabelSection, ...] = ()
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


def write_report(out_html: Path | str, inputs: ReportInputs) -> Path:
    """Writes the page.

    Args:
        out_html: the file; its folder is made.
        inputs: what to show. Parts that are empty are left out.

    Returns:
        `out_html`.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sapnet"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=_figure, jpeg=_jpeg_uri, seconds=_seconds)
    curves = [_draw_curves(run.metrics_files) for run in inputs.runs]
    page = environment.get_template("report.html.j2").render(
        report=inputs,
        runs=list(zip(inputs.runs, curves, strict=True)),
        groups=SUMMARY_GROUPS,
        stages=list(dict.fromkeys(stage for run in inputs.runs for stage in run.seconds)),
    )
    return write_text_atomic(out_html, page)


def _draw_curves(metrics_files: tuple[Path, ...]) -> list[tuple[Curve, str]]:
    """Curves and their pictures, the losses first."""
    curves = sorted(load_curves(*metrics_files), key=lambda curve: "loss" not in curve.name)
    return [(curve, draw_curve(curve)) for curve in curves]


def _figure(value: float | None) -> str:
    """A figure with three decimals; n/a where there is none."""
    return "n/a" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    """A time in seconds, or in minutes from 100 s on; n/a where there is none."""
    if value is None:
        return "n/a"
    return f"{value:.1f} s" if value < 100 else f"{value / 60:.1f} min"


def _jpeg_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + b64encode(jpeg).decode("ascii")

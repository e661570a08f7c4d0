"""Writing of the page, a self-contained HTML file, light and dark, for any screen."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from PIL import Image

from sapnet.report.contents import (
    MISSING,
    LabelRow,
    PredictionRow,
    ReportInputs,
    RunReport,
    Tile,
    figure,
)
from sapnet.report.curves import Curve, draw_curve, load_curves
from sapnet.system.files import write_text_atomic

SUMMARY_GROUPS = {
    "label mIoU": {
        "top1_miou": "proposer's top-1",
        "label_miou": "SAPNet's labels",
        "oracle_miou": "oracle",
    },
    "held-out images": {"mask_ap": "mask AP", "mask_ap50": "mask AP50"},
}
"""Names of the metrics by key, in the groups of the summary."""

MAX_PICTURE_BYTES = 7_000_000
"""Largest size of all pictures of a page. Encoded as text they take a third more, so that a page
stays under 10 MB."""

Row = TypeVar("Row", LabelRow, PredictionRow)

_QUALITY = ("label_miou", "val_")
"""Prefixes of the names of logged metrics."""


def write_report(out_html: Path | str, inputs: ReportInputs) -> Path:
    """Write the page.

    Args:
        out_html: the file; its folder is created.
        inputs: the content of the page. Empty parts are left out.

    Returns:
        `out_html`.
    """
    num_pictures = sum(map(_count_rows, inputs.runs))
    runs = [(run, draw_curves(run.metrics_files)) for run in fit_pictures(inputs.runs)]
    page = render_page(
        "report.html.j2",
        report=inputs,
        runs=[(run, curves, list_tiles(run, curves)) for run, curves in runs],
        groups=SUMMARY_GROUPS,
        stages=list(dict.fromkeys(stage for run, _ in runs for stage in run.seconds)),
        num_left_out=num_pictures - sum(_count_rows(run) for run, _ in runs),
    )
    return write_text_atomic(out_html, page)


def render_page(template: str, *folders: Path, **values: object) -> str:
    """Fill in a template.

    Args:
        template: name of a template of this package or of one of the folders. Templates can extend
            and import those of this package.
        folders: further folders of templates.
        values: values that the template uses.
    """
    from jinja2 import (
        ChoiceLoader,
        Environment,
        FileSystemLoader,
        PackageLoader,
        StrictUndefined,
    )

    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folders), PackageLoader("sapnet.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=figure, jpeg=_jpeg_uri, seconds=_seconds, sides=_sides)
    return environment.get_template(template).render(**values)


def draw_curves(metrics_files: tuple[Path, ...]) -> list[tuple[Curve, str]]:
    """Load and draw the curves of a training: metrics first, then losses, then the rest."""

    def rank(curve: Curve) -> tuple[int, bool]:
        if curve.name.startswith(_QUALITY):
            return 0, curve.name != "label_miou"
        return (1, curve.name != "loss") if "loss" in curve.name else (2, False)

    return [(curve, draw_curve(curve)) for curve in sorted(load_curves(*metrics_files), key=rank)]


def list_tiles(run: RunReport, curves: Sequence[tuple[Curve, str]]) -> list[Tile]:
    """Return the most important figures: those of the files, else the last logged values."""
    last = {curve.name: curve.values[-1] for curve, _ in curves}
    metrics = run.metrics
    tiles = list(run.headlines)
    if "label_miou" in metrics:
        note = ""
        if "top1_miou" in metrics:
            note = f"proposer {figure(metrics['top1_miou'])}, best possible "
            note += figure(metrics.get("oracle_miou"))
        tiles.append(Tile("label mIoU", figure(metrics["label_miou"]), note))
    elif "label_miou" in last:
        tiles.append(Tile("label mIoU", figure(last["label_miou"]), "last epoch of training"))
    for key, name in (("mask_ap", "mask AP"), ("mask_ap50", "mask AP50")):
        if key in metrics:
            tiles.append(Tile(name, figure(metrics[key]), "predictions"))
        elif f"val_{key}" in last:
            tiles.append(Tile(name, figure(last[f"val_{key}"]), "held-out images, last epoch"))
    if "loss" in last and not tiles and not run.labels:
        tiles.append(Tile("loss", figure(last["loss"]), "last logged"))
    return tiles


def fit_pictures(
    runs: Sequence[RunReport], max_bytes: int = MAX_PICTURE_BYTES
) -> tuple[RunReport, ...]:
    """Drop the last pictures of the galleries if all pictures together are too large.

    Args:
        runs: the runs, in the order of the page.
        max_bytes: largest size of all pictures.
    """
    total = sum(map(_picture_bytes, runs))
    if total <= max_bytes:
        return tuple(runs)
    share = max_bytes / total
    return tuple(
        replace(
            run,
            labels=tuple(
                replace(section, rows=_within(section.rows, share)) for section in run.labels
            ),
            predictions=_within(run.predictions, share),
        )
        for run in runs
    )


def _within(rows: tuple[Row, ...], share: float) -> tuple[Row, ...]:
    """Return as many first rows as fit into a share of the bytes of all rows."""
    allowed = share * sum(map(row_bytes, rows))
    kept: list[Row] = []
    for row in rows:
        allowed -= row_bytes(row)
        if allowed < 0:
            break
        kept.append(row)
    return tuple(kept)


def _count_rows(run: RunReport) -> int:
    return sum(len(section.rows) for section in run.labels) + len(run.predictions)


def _picture_bytes(run: RunReport) -> int:
    labels = sum(row_bytes(row) for section in run.labels for row in section.rows)
    return labels + sum(map(row_bytes, run.predictions))


def row_bytes(row: LabelRow | PredictionRow) -> int:
    """Return the bytes of all pictures of a row."""
    if isinstance(row, LabelRow):
        pictures = [row.click, row.refined, row.truth, *(c.jpeg for c in row.candidates)]
    else:
        pictures = [row.original, row.truth, row.predictions]
    return sum(len(picture) for picture in pictures if picture is not None)


def _seconds(value: float | None) -> str:
    """Return a time in seconds, or in minutes from 100 s on; n/a for None."""
    if value is None:
        return MISSING
    return f"{value:.1f} s" if value < 100 else f"{value / 60:.1f} min"


def _sides(jpeg: bytes) -> str:
    """Return the size attributes of a picture, which reserve its place until it is decoded."""
    with Image.open(BytesIO(jpeg)) as image:
        return f"width={image.width} height={image.height}"


def _jpeg_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + b64encode(jpeg).decode("ascii")

"""The report of a run, built from the files that are available."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sapnet.data.coco import InstanceSet, load_instances
from sapnet.data.matching.results import load_results
from sapnet.evaluation.alignment import truth_for_choices, truth_for_labels
from sapnet.evaluation.audit.audit_file import AUDIT_NAME, changed_since, load_audit
from sapnet.evaluation.audit.figures import audit_figures
from sapnet.evaluation.evaluate import evaluate
from sapnet.evaluation.label_file import LabelSet, load_labels
from sapnet.evaluation.per_object import judge_objects
from sapnet.evaluation.precision import precision_curves
from sapnet.evaluation.predictions import read_results
from sapnet.prediction.config import PredictionConfig
from sapnet.report import label_figures, prediction_figures
from sapnet.report.audit.tables import audit_headline, audit_tables
from sapnet.report.contents import (
    LabelSection,
    Plot,
    PredictionRow,
    ReportInputs,
    RunReport,
    Table,
    check_gallery_size,
)
from sapnet.report.label_gallery import LabelGalleryInputs, build_label_gallery
from sapnet.report.page import write_report
from sapnet.report.prediction_gallery import PredictionGalleryInputs, build_prediction_gallery
from sapnet.report.reading import ReadingOptions
from sapnet.report.run_settings import read_settings
from sapnet.store.views.whole import open_whole_store
from sapnet.structures.clicks import Category
from sapnet.system.files import read_json
from sapnet.system.lock import locked
from sapnet.training.run_folder import read_run_json, reading_of_run, sources_of_run

logger = logging.getLogger(__name__)

MIN_SCORE = PredictionConfig.draw_threshold
"""Least score of predictions that are drawn, as in `sapnet predict`."""


@dataclass(frozen=True)
class RunInputs:
    """A run and the files made with it; parts without files are left out of the report.

    Attributes:
        run: folder written by `sapnet train`.
        labels: file written by `sapnet label`, best with `--candidates`.
        images: folder of the labelled images; None is the folder that the run was trained on.
        truth: COCO instance json of the labelled images.
        proposals: the store that the labels were chosen from.
        predictions: COCO results, written by `sapnet predict`.
        val_images: folder of the images of the predictions; None is `images`.
        val_truth: COCO instance json of the images of the predictions; if both this and
            `val_images` are None, `truth`.
        audit: file of `sapnet audit`; by default that in the run folder, if there is one.
        metrics: json written by `sapnet evaluate --out`; without it, the metrics are computed
            again.
        num_objects: number of labels per gallery.
        num_images: number of images with predictions.
        seed: seed of the random gallery.
        reading: how images are read; collects those that are left out.
    """

    run: Path
    labels: Path | None = None
    images: Path | None = None
    truth: Path | None = None
    proposals: Path | None = None
    predictions: Path | None = None
    val_images: Path | None = None
    val_truth: Path | None = None
    metrics: Path | None = None
    audit: Path | None = None
    num_objects: int = 6
    num_images: int = 8
    seed: int = 0
    reading: ReadingOptions = field(default_factory=ReadingOptions)

    def __post_init__(self) -> None:
        for name in ("num_objects", "num_images"):
            check_gallery_size(name, getattr(self, name))


def report_run(inputs: RunInputs, out_html: Path) -> Path:
    """Write the report of one run.

    Args:
        inputs: the run and its files.
        out_html: the file to write.

    Returns:
        `out_html`.

    Raises:
        FileNotFoundError: the run or a file does not exist.
        ValueError: the files do not belong together.
    """
    if not inputs.run.is_dir():
        raise FileNotFoundError(
            f"{inputs.run}: no such run folder. Name a folder that `sapnet train --out` wrote."
        )
    with locked(out_html):
        report = build_run_report(inputs)
        return write_report(out_html, ReportInputs(f"Run {report.name}", (report,)))


def build_run_report(
    inputs: RunInputs,
    name: str | None = None,
    metrics: Mapping[str, float] | None = None,
    seconds: Mapping[str, float] | None = None,
) -> RunReport:
    """Collect everything that the page shows of one run.

    Args:
        inputs: the run and its files.
        name: name of the run; None is its folder with the parent folder, because most runs have
            the same folder name.
        metrics: metrics that are known already, by the keys of `sapnet evaluate`.
        seconds: time by stage.
    """
    inputs = _with_sources_of_the_run(inputs)
    bits, bands = reading_of_run(inputs.run)
    inputs.reading.bits = inputs.reading.bits or bits
    inputs.reading.bands = inputs.reading.bands or bands
    figures = dict(metrics or {}) or _known_figures(inputs.metrics)
    report = RunReport(
        name=name or "/".join(inputs.run.resolve().parts[-2:]),
        metrics=figures,
        seconds=seconds or {},
        metrics_files=find_logs(inputs.run),
        settings=read_settings(inputs.run),
    )
    report = _with_audit(_with_labels(report, inputs), inputs)
    return _with_predictions(report, inputs)


def find_logs(run: Path) -> tuple[Path, ...]:
    """Return the log file of each start of a run, oldest first."""
    return tuple(sorted(run.glob("logs/version_*/metrics.csv"), key=lambda p: p.stat().st_mtime))


def _with_sources_of_the_run(inputs: RunInputs) -> RunInputs:
    """Fill in the images and proposals that the run was trained on, if they still exist."""
    found = sources_of_run(inputs.run)
    return replace(
        inputs,
        images=inputs.images or found.get("images"),
        proposals=inputs.proposals or found.get("proposals"),
    )


def _known_figures(path: Path | None) -> dict[str, float]:
    if path is None:
        return {}
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected figures that `sapnet evaluate --out` wrote")
    return {key: value for key, value in content.items() if isinstance(value, int | float)}


def _with_labels(report: RunReport, inputs: RunInputs) -> RunReport:
    if inputs.labels is None:
        return report
    labels = load_labels(inputs.labels)
    if inputs.truth is None:
        return replace(
            report,
            headline=label_figures.headline(labels, report.metrics),
            label_tables=(
                *label_figures.tables_without_truth(labels),
                *label_figures.table_by_origin(labels),
            ),
            label_plots=label_figures.plots_without_truth(labels),
            labels=_label_gallery(inputs, labels, None),
        )
    store = None if inputs.proposals is None else open_whole_store(inputs.proposals)
    truth = load_instances(inputs.truth)
    if store is None:
        truth = truth_for_labels(labels, truth)
    else:
        truth = truth_for_choices(labels, store, truth)
    figures = dict(report.metrics)
    if "label_miou" not in figures:
        figures |= evaluate(truth, labels=inputs.labels, proposals=inputs.proposals)
    objects = list(judge_objects(labels, truth, store))
    return replace(
        report,
        metrics=figures,
        headline=label_figures.headline(labels, figures),
        label_tables=(
            *label_figures.tables_with_truth(figures, objects, truth.categories),
            *label_figures.table_by_origin(labels, objects),
        ),
        label_plots=label_figures.plots_with_truth(objects),
        labels=_label_gallery(inputs, labels, truth),
    )


def _with_audit(report: RunReport, inputs: RunInputs) -> RunReport:
    """Add an audit of the labels; one of other labels is left out, and a line says so."""
    path = inputs.audit or inputs.run / AUDIT_NAME
    if inputs.audit is None and not path.is_file():
        return report
    audit = load_audit(path)
    if inputs.labels is not None and (what := changed_since(audit, load_labels(inputs.labels))):
        logger.warning("%s is of other labels (%s changed since): left out", path, what)
        return report
    figures = audit_figures(audit)
    tables = (*audit_tables(figures), *report.label_tables)
    return replace(report, headlines=(audit_headline(figures),), label_tables=tables)


def _label_gallery(
    inputs: RunInputs, labels: LabelSet, truth: InstanceSet | None
) -> tuple[LabelSection, ...]:
    if inputs.images is None:
        return ()
    return build_label_gallery(
        LabelGalleryInputs(
            labels,
            inputs.images,
            truth,
            num_objects=inputs.num_objects,
            seed=inputs.seed,
            reading=inputs.reading,
        )
    )


def _with_predictions(report: RunReport, inputs: RunInputs) -> RunReport:
    if inputs.predictions is None:
        return report
    images = inputs.val_images or inputs.images
    truth_path = inputs.val_truth
    if truth_path is None and inputs.val_images is None:
        truth_path = inputs.truth
    if truth_path is None:
        records = load_results(inputs.predictions)
        categories = _categories(inputs.run, records)
        return replace(
            report,
            prediction_tables=prediction_figures.tables_without_truth(
                records, categories, MIN_SCORE
            ),
            prediction_plots=_present(prediction_figures.score_plot(records)),
            predictions=_prediction_gallery(inputs, images, records, categories, None),
        )
    truth = load_instances(truth_path)
    figures = dict(report.metrics)
    if "mask_ap" not in figures:
        figures |= evaluate(truth, predictions=inputs.predictions)
    found = read_results(inputs.predictions, truth)
    curves = precision_curves(found, truth)
    by_category: tuple[Table | None, ...] = (prediction_figures.category_table(curves, truth),)
    return replace(
        report,
        metrics=figures,
        prediction_tables=(
            *prediction_figures.figure_tables(figures),
            *(table for table in by_category if table is not None),
        ),
        prediction_plots=_present(
            prediction_figures.precision_plot(curves), prediction_figures.score_plot(found)
        ),
        predictions=_prediction_gallery(inputs, images, found, truth.categories, truth),
    )


def _prediction_gallery(
    inputs: RunInputs,
    images: Path | None,
    records: Sequence[Mapping[str, Any]],
    categories: Sequence[Category],
    truth: InstanceSet | None,
) -> tuple[PredictionRow, ...]:
    if images is None:
        return ()
    return build_prediction_gallery(
        PredictionGalleryInputs(
            records,
            images,
            categories,
            truth,
            num_images=inputs.num_images,
            min_score=MIN_SCORE,
            reading=inputs.reading,
        )
    )


def _categories(run: Path, records: Sequence[Mapping[str, Any]]) -> tuple[Category, ...]:
    """Return the network's categories; unknown ones of the records are named by their ids.

    Raises:
        ValueError: a record has another name for a category than the network.
    """
    known = {
        entry["category_id"]: Category(entry["category_id"], entry["name"])
        for entry in read_run_json(run, "config.json").get("categories", [])
    }
    for record in records:
        category_id = record["category_id"]
        name = record.get("category_name", f"category {category_id}")
        found = known.setdefault(category_id, Category(category_id, name))
        if "category_name" in record and found.name != name:
            raise ValueError(
                f"category {category_id} is {name!r} in the predictions and {found.name!r} in "
                f"{run}. Name predictions of this run."
            )
    return tuple(known[category_id] for category_id in sorted(known))


def _present(*plots: Plot | None) -> tuple[Plot, ...]:
    return tuple(plot for plot in plots if plot is not None)

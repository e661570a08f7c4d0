"""The report of a run, built from the files that are available."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sapnet.data.coco import InstanceSet, load_instances
from sapnet.evaluation.evaluate import evaluate
from sapnet.evaluation.label_file import LabelSet, load_labels
from sapnet.evaluation.per_object import judge_objects
from sapnet.evaluation.precision import precision_curves
from sapnet.evaluation.predictions import read_results
from sapnet.report import label_figures, prediction_figures
from sapnet.report.contents import Plot, ReportInputs, RunReport, Table, check_gallery_size
from sapnet.report.label_gallery import LabelGalleryInputs, LabelSection, build_label_gallery
from sapnet.report.page import write_report
from sapnet.report.prediction_gallery import (
    PredictionGalleryInputs,
    PredictionRow,
    build_prediction_gallery,
)
from sapnet.report.run_settings import read_run_json, read_settings
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category
from sapnet.training.run_folder import SETTINGS

MIN_SCORE = 0.3
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
        metrics: json written by `sapnet evaluate --out`; without it, the metrics are computed
            again.
        num_objects: number of labels per gallery.
        num_images: number of images with predictions.
        seed: seed of the random gallery.
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
    num_objects: int = 6
    num_images: int = 8
    seed: int = 0

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
    figures = dict(metrics or {}) or _known_figures(inputs.metrics)
    report = RunReport(
        name=name or "/".join(inputs.run.resolve().parts[-2:]),
        metrics=figures,
        seconds=seconds or {},
        metrics_files=find_logs(inputs.run),
        settings=read_settings(inputs.run),
    )
    report = _with_labels(report, inputs)
    return _with_predictions(report, inputs)


def find_logs(run: Path) -> tuple[Path, ...]:
    """Return the log file of each start of a run, oldest first."""
    return tuple(sorted(run.glob("logs/version_*/metrics.csv"), key=lambda p: p.stat().st_mtime))


def _with_sources_of_the_run(inputs: RunInputs) -> RunInputs:
    """Fill in the images and proposals that the run was trained on, if they still exist."""
    sources = read_run_json(inputs.run, SETTINGS).get("files", {})
    found = {key: Path(sources[key]) for key in ("images", "proposals") if key in sources}
    images, proposals = found.get("images"), found.get("proposals")
    if inputs.images is None and images is not None and images.is_dir():
        inputs = replace(inputs, images=images)
    if inputs.proposals is None and proposals is not None and proposals.is_dir():
        inputs = replace(inputs, proposals=proposals)
    return inputs


def _known_figures(path: Path | None) -> dict[str, float]:
    if path is None:
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
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
            label_tables=label_figures.tables_without_truth(labels),
            label_plots=label_figures.plots_without_truth(labels),
            labels=_label_gallery(inputs, labels, None),
        )
    truth = load_instances(inputs.truth)
    store = None if inputs.proposals is None else ProposalStore(inputs.proposals)
    figures = dict(report.metrics)
    if "label_miou" not in figures:
        figures |= evaluate(inputs.truth, labels=inputs.labels, proposals=inputs.proposals)
    objects = list(judge_objects(labels, truth, store))
    return replace(
        report,
        metrics=figures,
        label_tables=label_figures.tables_with_truth(figures, objects, truth.categories),
        label_plots=label_figures.plots_with_truth(objects),
        labels=_label_gallery(inputs, labels, truth),
    )


def _label_gallery(
    inputs: RunInputs, labels: LabelSet, truth: InstanceSet | None
) -> tuple[LabelSection, ...]:
    if inputs.images is None:
        return ()
    return build_label_gallery(
        LabelGalleryInputs(
            labels, inputs.images, truth, num_objects=inputs.num_objects, seed=inputs.seed
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
        records = _plain_records(inputs.predictions)
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
    _check_same_images(_plain_records(inputs.predictions), truth, truth_path)
    figures = dict(report.metrics)
    if "mask_ap" not in figures:
        figures |= evaluate(truth_path, predictions=inputs.predictions)
    records = read_results(inputs.predictions, truth)
    curves = precision_curves(records, truth)
    by_category: tuple[Table | None, ...] = (prediction_figures.category_table(curves, truth),)
    return replace(
        report,
        metrics=figures,
        prediction_tables=(
            *prediction_figures.figure_tables(figures),
            *(table for table in by_category if table is not None),
        ),
        prediction_plots=_present(
            prediction_figures.precision_plot(curves), prediction_figures.score_plot(records)
        ),
        predictions=_prediction_gallery(inputs, images, records, truth.categories, truth),
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
        )
    )


def _plain_records(path: Path) -> list[dict[str, Any]]:
    records = json.loads(path.read_text(encoding="utf-8"))
    required = {"category_id", "segmentation", "score"}
    if not isinstance(records, list) or not all(
        isinstance(record, dict) and required <= record.keys() for record in records
    ):
        raise ValueError(
            f"{path}: expected a list of COCO results with {', '.join(sorted(required))}, as "
            "`sapnet predict` writes"
        )
    return records


def _check_same_images(
    records: Sequence[Mapping[str, Any]], truth: InstanceSet, path: Path
) -> None:
    """Check that the predictions belong to the images of the ground truth.

    The ids alone do not show it: `sapnet predict` counts the images of any folder from 1.
    """
    known = {Path(image.file_name).name for image in truth.images}
    names = {Path(str(record["file_name"])).name for record in records if "file_name" in record}
    if unknown := sorted(names - known):
        raise ValueError(
            f"{path}: expected the images of the predictions, but {len(unknown)} of theirs are not "
            f"in it, such as {unknown[0]}. Give their folder with --val.images, and their ground "
            "truth, where there is some, with --val.truth."
        )


def _categories(run: Path, records: Sequence[Mapping[str, Any]]) -> tuple[Category, ...]:
    """Return the network's categories; unknown ones of the records are named by their ids."""
    known = {
        entry["category_id"]: Category(entry["category_id"], entry["name"])
        for entry in read_run_json(run, "config.json").get("categories", [])
    }
    for record in records:
        category_id = record["category_id"]
        known.setdefault(category_id, Category(category_id, f"category {category_id}"))
    return tuple(known[category_id] for category_id in sorted(known))


def _present(*plots: Plot | None) -> tuple[Plot, ...]:
    return tuple(plot for plot in plots if plot is not None)

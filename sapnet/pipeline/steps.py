"""The steps of a run: each calls what its command calls, and may be called again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.image_files.listing import find_images
from sapnet.evaluation.evaluate import evaluate
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label
from sapnet.network.loading import load_model
from sapnet.pipeline.plan import PREDICTIONS
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import RESULTS, predict
from sapnet.proposals.propose import propose
from sapnet.report.build import RunInputs, build_run_report
from sapnet.report.contents import ReportInputs
from sapnet.report.page import write_report
from sapnet.report.reading import ReadingOptions
from sapnet.store.reader import ProposalStore
from sapnet.system.files import write_json_atomic
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

if TYPE_CHECKING:
    from sapnet.pipeline.plan import Plan
    from sapnet.report.contents import RunReport


@dataclass(frozen=True)
class Step:
    """A step of a run.

    Attributes:
        name: its name.
        output: what there is when it is done.
        work: does it, or continues it; returns the number of images that were left out.
    """

    name: str
    output: Path
    work: Callable[[], int]


def steps_of(plan: Plan, seconds: Callable[[], Mapping[str, float]] = dict) -> list[Step]:
    """Return the steps of a plan, in their order.

    Args:
        plan: complete settings.
        seconds: returns the seconds of the steps so far, for the report.
    """
    results = plan.predictions / RESULTS
    steps = [
        Step("propose", plan.store, lambda: _propose(plan)),
        Step("train", plan.out / "config.json", lambda: _train(plan)),
        Step("label", plan.labels, lambda: _label(plan)),
    ]
    if plan.held_out:
        steps.append(Step("predict", results, lambda: _predict(plan)))
    if plan.truth is not None or (plan.val_truth is not None and plan.held_out):
        steps.append(Step("evaluate", plan.metrics, lambda: _evaluate(plan)))
    return [*steps, Step("report", plan.report, lambda: _report(plan, seconds()))]


def run_report(
    plan: Plan, seconds: Mapping[str, float], name: str | None = None
) -> tuple[RunReport, int]:
    """Collect the report of a run, and count the images that were left out.

    Args:
        plan: of the run, whose steps are done.
        seconds: seconds of each step.
        name: name of the run; None is its folder with the parent folder.
    """
    reading = ReadingOptions(plan.training.bits, plan.proposals.skip_errors)
    inputs = RunInputs(
        plan.out,
        labels=plan.labels,
        images=plan.images,
        truth=plan.truth,
        proposals=plan.store,
        predictions=plan.predictions / RESULTS if plan.held_out else None,
        val_images=find_images(plan.held_out).root if plan.held_out else None,
        val_truth=plan.val_truth if plan.held_out else None,
        metrics=plan.metrics if plan.metrics.is_file() else None,
        seed=plan.training.seed,
        reading=reading,
    )
    return build_run_report(inputs, name, seconds=seconds), len(reading.left_out)


def _propose(plan: Plan) -> int:
    return len(propose(plan.proposals).skipped)


def _train(plan: Plan) -> int:
    inputs = TrainInputs(images=plan.images, out=plan.out, proposals=plan.store, truth=plan.truth)
    train(inputs, plan.model, plan.training)
    return 0


def _label(plan: Plan) -> int:
    cfg, training = plan.proposals, plan.training
    settings = LabelConfig(
        candidates=True,
        batch_size=training.batch_size,
        workers=training.workers,
        skip_errors=cfg.skip_errors,
        bits=cfg.bits,
        max_pixels=cfg.max_pixels,
    )
    model = load_model(plan.out, training.device)
    summary = label(model, plan.images, ProposalStore(plan.store), plan.labels, settings)
    return len(summary.left_out)


def _predict(plan: Plan) -> int:
    cfg = plan.proposals
    settings = PredictionConfig(
        overwrite=True,
        skip_errors=cfg.skip_errors,
        bits=cfg.bits,
        max_pixels=cfg.max_pixels,
    )
    model = load_model(plan.out, plan.training.device)
    return len(predict(model, plan.held_out, plan.out / PREDICTIONS, settings).left_out)


def _evaluate(plan: Plan) -> int:
    figures: dict[str, float] = {}
    if plan.truth is not None:
        figures |= evaluate(plan.truth, labels=plan.labels, proposals=plan.store)
    if plan.val_truth is not None and plan.held_out:
        figures |= evaluate(plan.val_truth, predictions=plan.predictions / RESULTS)
    write_json_atomic(plan.metrics, figures)
    return 0


def _report(plan: Plan, seconds: Mapping[str, float]) -> int:
    report, left_out = run_report(plan, seconds)
    write_report(plan.report, ReportInputs(f"Run {report.name}", (report,)))
    return left_out

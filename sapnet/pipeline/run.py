"""Run all steps from clicks to labels, a model and a report."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.data.clicks import load_clicks
from sapnet.data.coco import load_instances
from sapnet.data.corrections import load_corrections
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.image_files.listing import find_images
from sapnet.data.matching.categories import match_categories
from sapnet.evaluation.evaluate import evaluate
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label
from sapnet.network.loading import load_model
from sapnet.pipeline.choosing import settle
from sapnet.pipeline.display import Display
from sapnet.pipeline.plan import make_plan
from sapnet.pipeline.proposing import propose
from sapnet.pipeline.record import RECORD, RunRecord, describe, load_record
from sapnet.pipeline.rounds import Round, copy_inputs, next_round, put_aside, with_round
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import RESULTS, predict
from sapnet.report.build import RunInputs, build_run_report
from sapnet.report.contents import ReportInputs
from sapnet.report.page import write_report
from sapnet.report.reading import ReadingOptions
from sapnet.store.reader import ProposalStore
from sapnet.system.files import write_json_atomic
from sapnet.system.lock import locked
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sapnet.pipeline.changes import Changes
    from sapnet.pipeline.config import PipelineConfig, PipelineInputs
    from sapnet.pipeline.plan import Plan
    from sapnet.report.contents import RunReport

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunSummary:
    """Files and figures of a run.

    Attributes:
        labels: masks of the clicked objects, COCO instance json.
        model: the run folder, which `sapnet predict --run` and the others take.
        report: one HTML page.
        predictions: folder of the predictions of held-out images; None without them.
        figures: figures by name, where truth was given.
        seconds: seconds of each step; of one that was done before, those that it took then.
        num_left_out: images that could not be read; 0 unless skipping was requested.
        changes: of the clicks and corrections since the call before; None where there were none.
    """

    labels: Path
    model: Path
    report: Path
    predictions: Path | None
    figures: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    num_left_out: int = 0
    changes: Changes | None = None


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


def run_pipeline(inputs: PipelineInputs, cfg: PipelineConfig) -> RunSummary:
    """Propose, train, label, predict what is held out, and report; or continue.

    With other clicks or corrections than in the call before, only what is new is proposed for, and
    the training begins with the network of then.

    Args:
        inputs: files.
        cfg: settings; what is unset is chosen from the data and the machine, and stays so when the
            run is continued.

    Raises:
        FileNotFoundError: a file, a folder or the backbone's weights are missing.
        ValueError: a setting, the clicks or an image is wrong, the folder holds a run of other
            settings, or another process works in it.
    """
    before = load_record(inputs, cfg)
    _check_truth(inputs)
    inputs.out.mkdir(parents=True, exist_ok=True)
    with locked(inputs.out / RECORD), allowing_pixels(cfg.max_pixels):
        if before is None:
            current = Round(RunRecord(describe(inputs, cfg), {}))
        else:
            current = next_round(inputs, cfg, put_aside(inputs.out, before))
        choice = settle(inputs, cfg, current)
        for line in (*current.lines(), *choice.reasons):
            logger.info("%s", line)
        record = replace(current.record, chosen=_plain(choice.cfg))
        record.save(inputs.out)
        record = put_aside(inputs.out, record)
        copy_inputs(inputs)
        plan = with_round(make_plan(inputs, choice.cfg, choice.held_out), record)
        return replace(run_plan(plan, record, choice.seconds), changes=current.changes)


def _check_truth(inputs: PipelineInputs) -> None:
    """Check that the ground truth has the clicked categories, before anything is put aside.

    Raises:
        ValueError: it lacks one, or has another name for it.
    """
    clicks = load_clicks(inputs.clicks)
    used = {click.category_id for click in clicks.clicks}
    wanted = [category for category in clicks.categories if category.category_id in used]
    for path in (inputs.truth, inputs.val_truth):
        if path is not None:
            truth = load_instances(path).categories
            match_categories(wanted, truth, str(inputs.clicks), str(path))


def run_plan(
    plan: Plan, record: RunRecord, expected: Mapping[str, float] | None = None
) -> RunSummary:
    """Run the steps of a plan that are not done yet.

    Args:
        plan: complete settings.
        record: record of the run; kept up to date in its folder.
        expected: expected seconds of each step, for the display.
    """
    steps = steps_of(plan, lambda: record.seconds)
    todo = _todo(steps, record)
    display = Display({step.name: (expected or {}).get(step.name, 1.0) for step in todo})
    left_out = 0
    with display.shown():
        for step in todo:
            begun = time.perf_counter()
            with display.step(step.name):
                left_out = max(left_out, step.work())
            record = record.with_step(step.name, time.perf_counter() - begun)
            record.save(plan.out)
    return RunSummary(
        plan.labels,
        plan.out,
        plan.report,
        plan.predictions if plan.held_out else None,
        json.loads(plan.metrics.read_text("utf-8")) if plan.metrics.is_file() else {},
        record.seconds,
        left_out,
    )


def _todo(steps: Sequence[Step], record: RunRecord) -> list[Step]:
    """Return the steps from the first one on that is not done."""
    done = [step.name in record.seconds and step.output.exists() for step in steps]
    first = done.index(False) if False in done else len(steps)
    return list(steps[first:])


def _plain(cfg: PipelineConfig) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(cfg), default=str))
    return plain


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
    summary = propose(plan.proposals)
    if summary.num_images_before:
        logger.info(
            "proposals: %d images kept, %d proposed for",
            summary.num_images_before,
            summary.num_images,
        )
    return len(summary.skipped)


def _train(plan: Plan) -> int:
    inputs = TrainInputs(
        images=plan.images,
        out=plan.out,
        proposals=plan.store,
        corrections=plan.corrections,
        truth=plan.truth,
        start_run=plan.start_run,
    )
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
    corrections = None if plan.corrections is None else load_corrections(plan.corrections)
    store = ProposalStore(plan.store, corrections)
    summary = label(model, plan.images, store, plan.labels, settings)
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
    return len(predict(model, plan.held_out, plan.predictions, settings).left_out)


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

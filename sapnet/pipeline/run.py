"""Run all steps from clicks to labels, a model and a report."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.data.image_files.limit import allowing_pixels
from sapnet.pipeline.choosing import Choice, choose
from sapnet.pipeline.config import FREE_TO_CHANGE, PipelineConfig, PipelineInputs
from sapnet.pipeline.display import Display
from sapnet.pipeline.plan import make_plan
from sapnet.pipeline.record import RunRecord, describe, load_record, only_writer
from sapnet.pipeline.steps import steps_of
from sapnet.system.from_json import dataclass_from_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.pipeline.plan import Plan
    from sapnet.pipeline.steps import Step

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunSummary:
    """What a run wrote.

    Attributes:
        labels: masks of the clicked objects, COCO instance json.
        model: the run folder, which `sapnet predict --run` and the others take.
        report: one HTML page.
        predictions: folder of the predictions of held-out images; None without them.
        figures: figures by name, where truth was given.
        seconds: seconds of each step; of one that was done before, those that it took then.
        num_left_out: images that could not be read; 0 unless skipping was requested.
    """

    labels: Path
    model: Path
    report: Path
    predictions: Path | None
    figures: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    num_left_out: int = 0


def run_pipeline(inputs: PipelineInputs, cfg: PipelineConfig) -> RunSummary:
    """Propose, train, label, predict what is held out, and report; or continue where it stopped.

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
    with only_writer(inputs.out), allowing_pixels(cfg.max_pixels):
        choice = settle(inputs, cfg, before)
        for line in choice.reasons:
            logger.info("%s", line)
        plan = make_plan(inputs, choice.cfg, choice.held_out)
        record = before or RunRecord(describe(inputs, cfg), _plain(choice.cfg))
        record.save(inputs.out)
        return run_plan(plan, record, choice.seconds)


def settle(inputs: PipelineInputs, cfg: PipelineConfig, before: RunRecord | None) -> Choice:
    """Choose what is left open; of a run that goes on, take what was chosen at its start.

    Args:
        inputs: files.
        cfg: settings as given.
        before: record of the run to continue; None for a new one.
    """
    if before is not None:
        now = {name: getattr(cfg, name) for name in FREE_TO_CHANGE}
        cfg = replace(dataclass_from_json(before.chosen, PipelineConfig), **now)
    return choose(inputs, cfg)


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

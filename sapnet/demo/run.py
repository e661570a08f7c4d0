"""The demo: labels, a trained segmenter, figures and a report, on two small sets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sapnet.demo.parts import prepare_parts
from sapnet.evaluation.evaluate import evaluate
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label
from sapnet.network.loading import load_model
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import predict
from sapnet.proposals.config import ProposeConfig
from sapnet.proposals.propose import propose
from sapnet.report.build import RunInputs, build_run_report
from sapnet.report.contents import ReportInputs, RunReport
from sapnet.report.page import write_report
from sapnet.store.reader import ProposalStore
from sapnet.system.files import write_json_atomic
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

if TYPE_CHECKING:
    from sapnet.demo.config import DemoConfig
    from sapnet.demo.parts import DemoPart


@dataclass
class _Stopwatch:
    """Stopwatch: seconds per stage, in the order of the stages."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 1)


def run_demo(cfg: DemoConfig) -> str:
    """Run the demo.

    Args:
        cfg: sizes, lengths and the folder.

    Returns:
        The table of figures and where the report lies. Besides the report, `metrics.json` holds
        for each part its figures and the seconds of each stage.
    """
    start = time.perf_counter()
    watch = _Stopwatch()
    with watch.stage("images"):
        parts = prepare_parts(cfg)
    metrics: dict[str, dict[str, Any]] = {}
    reports: list[RunReport] = []
    for part in parts:
        metrics[part.name], report = _run_part(part, cfg, dict(watch.seconds))
        reports.append(report)
    write_json_atomic(cfg.out / "metrics.json", metrics)
    inputs = ReportInputs(title="sapnet demo", runs=tuple(reports), settings=_settings(cfg, parts))
    report_path = write_report(cfg.out / "report.html", inputs)
    minutes = (time.perf_counter() - start) / 60
    return f"{_table(metrics)}\n\n{minutes:.1f} min\nreport: {report_path}"


def _settings(cfg: DemoConfig, parts: list[DemoPart]) -> dict[str, str]:
    """Return what the report says about the demo."""
    return {
        "seed": str(cfg.seed),
        "size of the synthetic images": f"{cfg.size} px",
        "clicked synthetic images": str(cfg.train_images),
        "held-out synthetic images": str(cfg.test_images),
        "proposers": ", ".join(f"{part.name}: {part.proposer}" for part in parts),
        "epochs": ", ".join(f"{part.name}: {part.training.epochs}" for part in parts),
        "networks": ", ".join(f"{part.name}: {part.model.backbone}" for part in parts),
    }


def _run_part(
    part: DemoPart, cfg: DemoConfig, seconds: dict[str, float]
) -> tuple[dict[str, Any], RunReport]:
    """Propose, train, label, predict and evaluate."""
    folder, train_set, test_set = cfg.out / part.name, part.train, part.test
    watch = _Stopwatch(seconds)
    store_path, run, labels = folder / "proposals", folder / "run", folder / "labels.json"
    with watch.stage("propose"):
        settings = ProposeConfig(
            train_set.images, part.clicks, store_path, proposer=part.proposer, workers=cfg.workers
        )
        propose(settings)
    with watch.stage("train"):
        inputs = TrainInputs(
            images=train_set.images, out=run, proposals=store_path, truth=train_set.truth
        )
        train(inputs, part.model, part.training)
    model = load_model(run, cfg.device)
    with watch.stage("label"):
        label(
            model,
            train_set.images,
            ProposalStore(store_path),
            labels,
            LabelConfig(candidates=True, batch_size=cfg.batch_size, workers=cfg.workers),
        )
    with watch.stage("predict"):
        again = PredictionConfig(overwrite=True)
        results = predict(model, test_set.images, folder / "predictions", again).results
    with watch.stage("evaluate"):
        figures = evaluate(train_set.truth, labels=labels, proposals=store_path)
        figures |= evaluate(test_set.truth, predictions=results)
    report = build_run_report(
        RunInputs(
            run,
            labels=labels,
            images=train_set.images,
            truth=train_set.truth,
            proposals=store_path,
            predictions=results,
            val_images=test_set.images,
            val_truth=test_set.truth,
            seed=cfg.seed,
        ),
        part.name,
        figures,
        watch.seconds,
    )
    return {**figures, "seconds": watch.seconds}, report


def _table(metrics: dict[str, dict[str, Any]]) -> str:
    """Format the figures as text, one row per part."""
    heads: dict[str, Callable[[dict[str, Any]], str]] = {
        "label mIoU: top-1": lambda m: f"{m['top1_miou']:.3f}",
        "sapnet": lambda m: f"{m['label_miou']:.3f}",
        "oracle": lambda m: f"{m['oracle_miou']:.3f}",
        "held-out mask AP": lambda m: f"{m['mask_ap']:.3f}",
        "AP50": lambda m: f"{m['mask_ap50']:.3f}",
        "minutes": lambda m: f"{sum(m['seconds'].values()) / 60:.1f}",
    }
    lines = ["part       " + "  ".join(heads)]
    for part, values in metrics.items():
        cells = (f"{show(values):>{len(head)}}" for head, show in heads.items())
        lines.append(f"{part:<11}" + "  ".join(cells))
    return "\n".join(lines)

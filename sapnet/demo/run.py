"""The demo: labels, a trained segmenter, figures and a report, on two small sets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sapnet.demo.parts import prepare_parts
from sapnet.pipeline.plan import STORE, Plan
from sapnet.pipeline.record import RunRecord
from sapnet.pipeline.run import run_plan, run_report
from sapnet.proposals.config import ProposeConfig
from sapnet.report.contents import ReportInputs
from sapnet.report.page import write_report
from sapnet.system.files import write_json_atomic

if TYPE_CHECKING:
    from sapnet.demo.config import DemoConfig
    from sapnet.demo.parts import DemoPart
    from sapnet.report.contents import RunReport


def run_demo(cfg: DemoConfig) -> str:
    """Run the demo.

    Args:
        cfg: sizes, lengths and the folder.

    Returns:
        The table of figures and where the report lies. Besides the report, `metrics.json` holds
        for each part its figures and the seconds of each stage.
    """
    start = time.perf_counter()
    parts = prepare_parts(cfg)
    seconds_of_images = round(time.perf_counter() - start, 1)
    metrics: dict[str, dict[str, Any]] = {}
    reports: list[RunReport] = []
    for part in parts:
        metrics[part.name], report = _run_part(part, cfg)
        metrics[part.name]["seconds"] = {"images": seconds_of_images} | metrics[part.name][
            "seconds"
        ]
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


def _run_part(part: DemoPart, cfg: DemoConfig) -> tuple[dict[str, Any], RunReport]:
    """Propose, train, label, predict and evaluate."""
    folder = cfg.out / part.name
    plan = Plan(
        proposals=ProposeConfig(
            str(part.train.images),
            str(part.clicks),
            str(folder / STORE),
            proposer=part.proposer,
            workers=cfg.workers,
        ),
        out=folder / "run",
        model=part.model,
        training=part.training,
        held_out=(part.test.images,),
        truth=part.train.truth,
        val_truth=part.test.truth,
    )
    plan.out.mkdir(parents=True, exist_ok=True)
    summary = run_plan(plan, RunRecord({}, {}))
    report, _ = run_report(plan, summary.seconds, part.name)
    return {**summary.figures, "seconds": dict(summary.seconds)}, report


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

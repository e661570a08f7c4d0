"""Plans of the demo's parts, and the page about all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sapnet.pipeline.plan import STORE, Plan
from sapnet.proposals.config import ProposeConfig
from sapnet.report.contents import ReportInputs
from sapnet.report.page import write_report
from sapnet.system.files import write_json_atomic

if TYPE_CHECKING:
    from sapnet.demo.config import DemoConfig
    from sapnet.demo.parts import DemoPart
    from sapnet.report.contents import RunReport


@dataclass(frozen=True)
class DemoOutcome:
    """Figures and report of one part of the demo.

    Attributes:
        name: of the part.
        figures: figures by name, and under `seconds` those of each step.
        report: its section of the page.
    """

    name: str
    figures: dict[str, Any]
    report: RunReport


def demo_plan(part: DemoPart, cfg: DemoConfig) -> Plan:
    """Return the plan of a part: the steps of `sapnet run`, with the part's own network."""
    folder = cfg.out / part.name
    return Plan(
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


def write_demo(cfg: DemoConfig, parts: list[DemoPart], outcomes: list[DemoOutcome]) -> str:
    """Write `metrics.json` and the report of all parts.

    Args:
        cfg: settings of the demo.
        parts: what was run.
        outcomes: of the parts, in the same order.

    Returns:
        The table of figures and where the report lies.
    """
    metrics = {outcome.name: outcome.figures for outcome in outcomes}
    write_json_atomic(cfg.out / "metrics.json", metrics)
    reports = tuple(outcome.report for outcome in outcomes)
    inputs = ReportInputs(title="sapnet demo", runs=reports, settings=_settings(cfg, parts))
    return f"{_table(metrics)}\n\nreport: {write_report(cfg.out / 'report.html', inputs)}"


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

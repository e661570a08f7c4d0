"""`sapnet.audit`: how good labels are, from a random sample that a person judges."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from sapnet.annotate.audit.config import AuditConfig
from sapnet.api.options import fill

if TYPE_CHECKING:
    from sapnet.evaluation.audit.figures import AuditFigures


logger = logging.getLogger(__name__)


class AuditOptions(TypedDict, total=False):
    """Options of `sapnet audit`, see `AuditConfig`."""

    run: Path | str | None
    out: Path | str | None
    num: int | None
    seed: int | None
    width: float
    metrics: Path | str | None
    figures_only: bool
    bits: int | None
    bands: tuple[int, ...] | None
    max_pixels: int | None
    host: str
    port: int
    no_browser: bool


@dataclass(frozen=True)
class AuditSummary:
    """Result of an audit.

    Attributes:
        figures: shares of right and wrong labels with their intervals, and what is still to judge.
        judgements: file of the sample and its judgements.
        metrics: json file with the figures; None if none was written.
    """

    figures: AuditFigures
    judgements: Path
    metrics: Path | None = None


def audit(
    labels: Path | str | None = None,
    images: Path | str | None = None,
    **options: Unpack[AuditOptions],
) -> AuditSummary:
    """Judge a random sample of labels on a page, as `sapnet audit`; return the figures.

    The page is served until it is stopped (ctrl-C, or the notebook's stop); its address is logged.

    Args:
        labels: file of `label`; None for that of the option `run`.
        images: folder of the labelled images; None for that of `run`.
        options: those of `AuditConfig`, which has the defaults. `figures_only=True` opens no page:
            the figures of the judgements so far.

    Raises:
        FileNotFoundError: labels or images are missing.
        TypeError: an option is unknown.
        ValueError: a wrong setting, neither `labels` nor `run`, or an audit of other labels.
    """
    from sapnet.annotate.audit.desk import AuditDesk, run_audit

    cfg = fill("audit", AuditConfig, {"labels": labels, "images": images, **options})

    def open_page(desk: AuditDesk) -> None:
        from sapnet.annotate.audit.app import serve_audit

        serve_audit(desk, cfg, logger.warning)

    desk = run_audit(cfg, open_page)
    return AuditSummary(desk.figures(), desk.path, cfg.metrics)

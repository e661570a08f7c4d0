"""`sapnet audit`: how good labels are, from a random sample that a person judges."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, instantiate

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.annotate.audit.config import AuditConfig
    from sapnet.evaluation.audit.figures import AuditFigures
    from sapnet.evaluation.audit.interval import Estimate


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.annotate.audit.config import AuditConfig

    parser.add_class_arguments(AuditConfig, None)


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.annotate.audit.config import AuditConfig
    from sapnet.annotate.audit.desk import AuditDesk, run_audit

    cfg: AuditConfig = instantiate(parser, args, AuditConfig)

    def open_page(desk: AuditDesk) -> None:
        from sapnet.annotate.audit.app import serve_audit

        serve_audit(desk, cfg, partial(print, flush=True))

    desk = run_audit(cfg, open_page)
    _print_figures(desk.figures())
    if cfg.metrics is not None:
        print(f"figures: {cfg.metrics}")
    print(f"judgements: {desk.path}")
    return SUCCESS


def _print_figures(figures: AuditFigures) -> None:
    print(figures.headline())
    if figures.right is None:
        return
    rows = {"right": figures.right, "wrong (another object, or none)": figures.wrong}
    rows |= {f"right, {name}": found for name, found in figures.by_category.items()}
    rows |= {f"right, {size}": found for size, found in figures.by_size.items()}
    width = max(map(len, rows))
    for name, found in rows.items():
        print(f"  {name:<{width}}  {_words(found)}")
    if figures.still_to_judge:
        print(
            f"{figures.still_to_judge} more judgements would narrow the interval of all labels to "
            f"± {figures.half_width:.1%}"
        )
    for share, found in figures.held.items():
        print(f"the {share:.0%} most uncertain labels hold {_words(found)} of the faulty ones")


def _words(found: Estimate | None) -> str:
    if found is None:
        return "too few judgements"
    return f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%}, {found.judged} judged)"


COMMAND = Command(
    "how good labels are, without ground truth: judge a random sample of them",
    _add_arguments,
    _run,
    (
        "sapnet audit --labels labels.json --images photos",
        "sapnet audit --labels labels.json --images photos --num 400 --width 0.02",
        "sapnet audit --labels labels.json --images photos --figures-only --metrics figures.json",
    ),
    main_options=(
        "run",
        "labels",
        "images",
        "out",
        "num",
        "seed",
        "width",
        "figures-only",
        "metrics",
        "port",
    ),
    kept="every judgement",
    writes=("metrics",),
)

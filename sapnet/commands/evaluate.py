"""`sapnet evaluate`: score what was made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, WRONG_USE, Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

LABEL_TABLE = 7
"""The paper's only table of labels; the others are of predictions."""


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--truth", type=Path, required=True, help="COCO instance json")
    parser.add_argument("--labels", type=Path | None, help="written by sapnet label")
    parser.add_argument(
        "--proposals",
        type=str | None,
        metavar="STORE",
        help="store written by sapnet propose, or its URL",
    )
    parser.add_argument("--predictions", type=Path | None, help="COCO results json")
    parser.add_argument(
        "--min-area",
        type=float,
        default=0.0,
        help="smallest true area of a counted object, px",
    )
    parser.add_argument(
        "--by",
        choices=["origin"],
        help="also the labels' figures by where each mask comes from",
    )
    parser.add_argument(
        "--table",
        type=int | None,
        metavar="N",
        help="also print the figures as a row of this table of the SAPNet paper, 1 to 9",
    )
    parser.add_argument("--out", type=Path | None, help="json file to write the metrics to")


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.commands.paper_table import PAPER_TABLES, paper_row
    from sapnet.evaluation.evaluate import evaluate
    from sapnet.system.files import write_json_atomic

    if not (args.labels or args.proposals or args.predictions):
        parser.print_usage(sys.stderr)
        print(
            "sapnet evaluate: error: give at least one of --labels, --proposals, --predictions",
            file=sys.stderr,
        )
        return WRONG_USE
    if args.table is not None and args.table not in PAPER_TABLES:
        print(
            f"sapnet evaluate: error: --table: expected 1 to 9, found {args.table}",
            file=sys.stderr,
        )
        return WRONG_USE
    figures = evaluate(
        args.truth,
        labels=args.labels,
        proposals=args.proposals,
        predictions=args.predictions,
        min_area=args.min_area,
        by_origin=args.by == "origin",
    )
    width = max([24, *map(len, figures)])
    for name, value in figures.items():
        shown = f"{value:.4f}" if isinstance(value, float) else str(value)
        print(f"{name:<{width}} {shown}")
    if args.out is not None:
        write_json_atomic(args.out, figures)
        print(f"figures: {args.out}")
    if args.table is not None:
        source = (args.labels if args.table == LABEL_TABLE else args.predictions) or args.truth
        print(f"\n{paper_row(figures, args.table, source.resolve().parent.name)}")
    return SUCCESS


COMMAND = Command(
    "score labels, proposals or predictions against ground truth",
    _add_arguments,
    _run,
    (
        "sapnet evaluate --labels labels.json --proposals store --truth instances.json",
        "sapnet evaluate --predictions predictions/results.json --truth instances.json "
        "--out metrics.json",
        "sapnet evaluate --labels labels.json --proposals store --truth instances.json --table 7",
    ),
    writes=("out",),
)

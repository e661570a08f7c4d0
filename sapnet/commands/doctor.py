"""`sapnet doctor`: examine the installation and a data set."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import FAILURE, SUCCESS, Command, WrongUseError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--images", type=Path | None, help="folder of the images")
    parser.add_argument("--clicks", type=Path | None, help="click file to examine")
    parser.add_argument("--truth", type=Path | None, help="COCO instance json to examine")
    parser.add_argument("--proposals", type=Path | None, help="store written by sapnet propose")
    parser.add_argument("--run", type=Path | None, help="run folder written by sapnet train")
    parser.add_argument(
        "--out",
        type=Path | None,
        help="folder (or json file) for all findings and for pictures of 16 random images with "
        "their clicks",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of pictures")
    parser.add_argument(
        "--headers-only",
        action="store_true",
        help="read only the headers of the images: faster, but does not find truncated files",
    )


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.doctor.examine import DoctorInputs, examine
    from sapnet.doctor.table import format_diagnosis

    if args.images is not None and not (args.clicks or args.truth):
        raise WrongUseError("--images needs --clicks or --truth: what is drawn or compared on them")
    if args.images is not None and not args.images.is_dir():
        raise WrongUseError(f"--images: no folder {args.images}")
    result = examine(
        DoctorInputs(
            images=args.images,
            clicks=args.clicks,
            truth=args.truth,
            proposals=args.proposals,
            run=args.run,
            out=args.out,
            seed=args.seed,
            decode=not args.headers_only,
        )
    )
    width = shutil.get_terminal_size((100, 24)).columns
    print(format_diagnosis(result.diagnosis, width, color=sys.stdout.isatty()))
    if result.report is not None:
        print(f"all findings: {result.report}")
    if result.sheet is not None:
        print(f"pictures: {result.sheet}")
    return FAILURE if result.diagnosis.has_errors else SUCCESS


COMMAND = Command(
    "examine the installation, and find every problem of a data set before it costs time",
    _add_arguments,
    _run,
    (
        "sapnet doctor",
        "sapnet doctor --images photos --clicks clicks.json --out checkup",
        "sapnet doctor --images photos --truth instances.json --proposals store --run run",
    ),
)

"""`sapnet doctor`: examine the installation and a data set."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import FAILURE, SKIPPED, SUCCESS, Command, WrongUseError
from sapnet.commands.reading import (
    add_bands_argument,
    add_reading_arguments,
    add_skip_argument,
    print_left_out,
)

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.doctor.finding import Diagnosis


UNUSABLE = ("unreadable image", "image missing", "file name differs", "sizes disagree")
"""Kinds of findings on images that `sapnet propose --skip-errors` leaves out."""


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
    add_skip_argument(parser)
    add_reading_arguments(parser)
    add_bands_argument(parser)


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.data.image_files.limit import allowing_pixels
    from sapnet.data.image_files.settings import check_reading
    from sapnet.doctor.examine import DoctorInputs, examine
    from sapnet.doctor.image_files import Reading
    from sapnet.doctor.table import format_diagnosis

    if args.images is not None and not (args.clicks or args.truth):
        raise WrongUseError("--images needs --clicks or --truth: what is drawn or compared on them")
    if args.images is not None and not args.images.is_dir():
        raise WrongUseError(f"--images: no folder {args.images}")
    inputs = DoctorInputs(
        images=args.images,
        clicks=args.clicks,
        truth=args.truth,
        proposals=args.proposals,
        run=args.run,
        out=args.out,
        seed=args.seed,
        reading=Reading(not args.headers_only, args.bits, args.bands or ()),
    )
    try:
        check_reading(args.bits, args.max_pixels, args.bands)
    except ValueError as error:
        raise WrongUseError(error) from error
    with allowing_pixels(args.max_pixels):
        result = examine(inputs)
    width = shutil.get_terminal_size((100, 24)).columns
    print(format_diagnosis(result.diagnosis, width, color=sys.stdout.isatty()))
    if result.report is not None:
        print(f"all findings: {result.report}")
    if result.sheet is not None:
        print(f"pictures: {result.sheet}")
    return _status(result.diagnosis, args.skip_errors)


def _status(diagnosis: Diagnosis, skip_errors: bool) -> int:
    """Return the exit status; unusable images alone are no failure if they are to be left out."""
    from sapnet.structures.left_out import LeftOutImage

    errors = [finding for finding in diagnosis.findings if finding.severity == "error"]
    unusable = [finding for finding in errors if finding.kind in UNUSABLE]
    if not errors:
        return SUCCESS
    if not skip_errors or len(unusable) < len(errors):
        return FAILURE
    print_left_out([LeftOutImage(finding.place, finding.message) for finding in unusable])
    return SKIPPED


COMMAND = Command(
    "examine the installation, and find the problems of a data set beforehand",
    _add_arguments,
    _run,
    (
        "sapnet doctor",
        "sapnet doctor --images photos --clicks clicks.json --out checkup",
        "sapnet doctor --images photos --truth instances.json --proposals store --run run",
    ),
    main_options=(
        "images",
        "clicks",
        "truth",
        "proposals",
        "run",
        "out",
        "seed",
        "headers-only",
        "skip-errors",
        "bits",
    ),
    writes=("out",),
)

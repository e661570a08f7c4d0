"""`sapnet report`: one HTML page about a run, or about several systems side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SKIPPED, SUCCESS, Command, WrongUseError
from sapnet.commands.reading import add_reading_arguments, add_skip_argument, print_left_out

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.report.reading import ReadingOptions

FILE_NAME = "report.html"
COMPARE_NAME = "compare.html"


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run", type=Path | None, nargs="?", help="run folder written by sapnet train"
    )
    parser.add_argument(
        "--compare",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="in place of a run: folders with labels.json and, if there are, "
        "predictions/results.json, whose objects are shown side by side",
    )
    parser.add_argument("--labels", type=Path | None, help="written by sapnet label --candidates")
    parser.add_argument(
        "--images",
        type=Path | None,
        help="folder of the labelled images (default: those of the run)",
    )
    parser.add_argument("--truth", type=Path | None, help="their COCO instance json, if known")
    parser.add_argument(
        "--proposals", type=Path | None, help="their proposal store (default: that of the run)"
    )
    parser.add_argument("--predictions", type=Path | None, help="written by sapnet predict")
    parser.add_argument(
        "--val.images", type=Path | None, help="folder of their images (default: --images)"
    )
    parser.add_argument(
        "--val.truth",
        type=Path | None,
        help="their COCO instance json (default: --truth, without --val.images)",
    )
    parser.add_argument(
        "--metrics",
        type=Path | None,
        help="metrics written by sapnet evaluate --out; without them they are computed again",
    )
    parser.add_argument(
        "--audit",
        type=Path | None,
        help="judgements of sapnet audit (default: audit.json in the run, if there is one)",
    )
    parser.add_argument(
        "--num-objects",
        type=int | None,
        help="number of labels per gallery (default: 6; with --compare: 24)",
    )
    parser.add_argument("--num-images", type=int, default=8, help="images with predictions")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random gallery")
    add_skip_argument(parser)
    add_reading_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path | None,
        help="HTML file to write (default: report.html in the run; with --compare: compare.html)",
    )


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.report.reading import ReadingOptions

    if (args.run is None) == (args.compare is None):
        raise WrongUseError("expected either a run folder or --compare, found neither or both")
    reading = ReadingOptions(args.bits, args.skip_errors)
    path = _compare(args, reading) if args.run is None else _report_run(args, reading)
    print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    print_left_out(reading.left_out)
    return SKIPPED if reading.left_out else SUCCESS


def _report_run(args: Namespace, reading: ReadingOptions) -> Path:
    from sapnet.data.image_files.limit import allowing_pixels
    from sapnet.data.image_files.settings import check_reading
    from sapnet.report.build import RunInputs, report_run

    try:
        check_reading(args.bits, args.max_pixels)
        inputs = RunInputs(
            run=args.run,
            labels=args.labels,
            images=args.images,
            truth=args.truth,
            proposals=args.proposals,
            predictions=args.predictions,
            val_images=args.val.images,
            val_truth=args.val.truth,
            metrics=args.metrics,
            audit=args.audit,
            num_objects=RunInputs.num_objects if args.num_objects is None else args.num_objects,
            num_images=args.num_images,
            seed=args.seed,
            reading=reading,
        )
    except ValueError as error:
        raise WrongUseError(error) from error
    with allowing_pixels(args.max_pixels):
        return report_run(inputs, args.out or args.run / FILE_NAME)


def _compare(args: Namespace, reading: ReadingOptions) -> Path:
    from sapnet.data.image_files.limit import allowing_pixels
    from sapnet.data.image_files.settings import check_reading
    from sapnet.report.compare.build import CompareInputs, compare_runs

    if args.images is None:
        raise WrongUseError("--compare: expected --images, the folder of the labelled images")
    try:
        check_reading(args.bits, args.max_pixels)
        num_objects = CompareInputs.num_objects if args.num_objects is None else args.num_objects
        inputs = CompareInputs(
            tuple(args.compare), args.images, args.truth, args.proposals, num_objects, reading
        )
    except ValueError as error:
        raise WrongUseError(error) from error
    with allowing_pixels(args.max_pixels):
        return compare_runs(inputs, args.out or Path(COMPARE_NAME))


COMMAND = Command(
    "one HTML page about a run: settings, curves, tables, pictures",
    _add_arguments,
    _run,
    (
        "sapnet report run",
        "sapnet report run --labels labels.json --truth instances.json --out report.html",
        "sapnet report run --labels labels.json --predictions predictions/results.json "
        "--val.images new_photos --val.truth new_instances.json",
        "sapnet report --compare runs/mil runs/sapnet --images photos --proposals store "
        "--truth instances.json",
    ),
    main_options=(
        "run",
        "compare",
        "labels",
        "images",
        "truth",
        "proposals",
        "predictions",
        "val.images",
        "val.truth",
        "out",
    ),
    writes=("out",),
)

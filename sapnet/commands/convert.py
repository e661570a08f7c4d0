"""`sapnet convert`: clicks from other tools' files, and masks to them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from sapnet.commands.command import SKIPPED, SUCCESS, Command, WrongUseError
from sapnet.commands.exporting import (
    FORMAT_NAMES,
    add_export_arguments,
    export_options,
    print_export,
    print_findings,
)
from sapnet.commands.reading import add_reading_arguments
from sapnet.data.choices import MASK_FORMATS, SourceFormat

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.data.choices import MaskFormat
    from sapnet.data.formats.marks import Findings
    from sapnet.data.formats.read import ReadOptions
    from sapnet.data.formats.readers.coco import Crowds
    from sapnet.structures.clicks import ClickSet

SOURCES = get_args(SourceFormat)
TARGETS = ("clicks", *MASK_FORMATS)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="file or folder that a tool exported")
    parser.add_argument("--out", type=Path, required=True, help="json file or folder to write")
    parser.add_argument(
        "--from",
        dest="source_format",
        choices=["auto", *SOURCES],
        default="auto",
        help="format of the source; auto looks into it and says what it found",
    )
    parser.add_argument(
        "--to",
        choices=list(TARGETS),
        default="clicks",
        metavar="FORMAT",
        help=f"clicks for `sapnet propose`, or a format of masks: {FORMAT_NAMES}",
    )
    parser.add_argument(
        "--images",
        type=Path,
        default=None,
        help="folder of the images; needed where the source holds no sizes",
    )
    _add_reading_arguments(parser)
    add_reading_arguments(parser, with_bits=False)
    _add_meaning_arguments(parser)
    add_export_arguments(parser)
    parser.add_argument(
        "--report", type=Path, default=None, help="json file to list every finding in"
    )


def _add_reading_arguments(parser: ArgumentParser) -> None:
    """Add the options for what some formats leave open."""
    from sapnet.prediction.config import PredictionConfig

    parser.add_argument(
        "--path-map",
        type=str,
        nargs="*",
        default=[],
        help="FROM=TO: beginnings of image paths or URLs in the source, and what takes their place",
    )
    parser.add_argument(
        "--negative-label",
        type=str,
        default=None,
        help="points of this label lie beside the object of their group",
    )
    parser.add_argument(
        "--points-only", action="store_true", help="leave out the boxes and masks of the source"
    )
    parser.add_argument(
        "--drop-empty", action="store_true", help="leave out images without an object"
    )
    parser.add_argument(
        "--drop-unused", action="store_true", help="leave out categories without an object"
    )
    parser.add_argument(
        "--crowd-as-object",
        action="store_true",
        help="COCO masks with iscrowd 1 are one object each, as in CVAT's exports",
    )
    parser.add_argument(
        "--crowd-as-crowd",
        action="store_true",
        help="COCO masks with iscrowd 1 are regions of many objects, as in COCO's own files",
    )
    parser.add_argument(
        "--predictions",
        action="store_true",
        help="read Label Studio's predictions instead of its annotations",
    )
    parser.add_argument(
        "--categories",
        type=Path,
        default=None,
        help="json that names the categories of a results file, such as the clicks",
    )
    parser.add_argument(
        "--min-score",
        type=float,
        default=PredictionConfig.draw_threshold,
        help="least score of a result that is taken",
    )


def _add_meaning_arguments(parser: ArgumentParser) -> None:
    """Add the options for what a file may mean, where it does not tell."""
    parser.add_argument(
        "--label-key",
        type=str,
        default=None,
        help="VIA's region attribute, or features' attribute, with the category",
    )
    parser.add_argument(
        "--default-label",
        type=str,
        default=None,
        help="category of objects that have none; without it they are left out",
    )
    parser.add_argument(
        "--size-columns",
        choices=["ask", "image", "box"],
        default="ask",
        help="what width and height of a csv are, where its header does not tell: the image's or a "
        "box's",
    )
    parser.add_argument(
        "--four-corners",
        choices=["auto", "box", "outline"],
        default="auto",
        help="what YOLO's lines of four corners are; auto takes them for turned boxes if all are",
    )
    parser.add_argument(
        "--key-frames",
        action="store_true",
        help="read the key frames of CVAT's tracks, as images frame_000012.PNG",
    )


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.data.image_files.limit import allowing_pixels

    with allowing_pixels(args.max_pixels):
        return _convert(args)


def _convert(args: Namespace) -> int:
    from sapnet.data.formats.detect import detect_format
    from sapnet.data.formats.marks import Findings
    from sapnet.system.files import write_json_atomic

    options = _read_options(args)
    if options.source_format is None:
        detected = detect_format(args.source)
        print(f"{args.source}: {detected.name} ({detected.reason})")
        options = replace(options, source_format=detected.name)
    findings = Findings()
    clicks, findings = _read_asking(args.source, options, findings)
    if args.to == "clicks":
        _save_clicks(clicks, args)
    else:
        _export(clicks, args, options, findings)
    print_findings(findings)
    if args.report is not None:
        write_json_atomic(args.report, [vars(entry) for entry in findings.entries])
        print(f"all findings: {args.report}")
    return SKIPPED if findings.num_skipped else SUCCESS


def _read_options(args: Namespace) -> ReadOptions:
    from sapnet.data.formats.assemble import AssembleOptions
    from sapnet.data.formats.image_paths import parse_path_map
    from sapnet.data.formats.read import ReadOptions

    if args.crowd_as_object and args.crowd_as_crowd:
        raise WrongUseError("say either --crowd-as-object or --crowd-as-crowd")
    crowds: Crowds = "object" if args.crowd_as_object else "crowd" if args.crowd_as_crowd else "ask"
    try:
        path_map = parse_path_map(args.path_map)
    except ValueError as error:
        raise WrongUseError(f"--path-map: {error}") from error
    return ReadOptions(
        source_format=None if args.source_format == "auto" else args.source_format,
        images=args.images,
        path_map=path_map,
        label_key=args.label_key,
        default_label=args.default_label,
        size_columns=args.size_columns,
        four_corners=args.four_corners,
        key_frames=args.key_frames,
        crowds=crowds,
        categories=args.categories,
        min_score=args.min_score,
        predictions=args.predictions,
        assembling=AssembleOptions(
            points_only=args.points_only,
            drop_empty=args.drop_empty,
            drop_unused=args.drop_unused,
            negative_category=args.negative_label,
            for_masks=args.to != "clicks",
        ),
    )


def _read_asking(
    source: Path, options: ReadOptions, findings: Findings
) -> tuple[ClickSet, Findings]:
    """Read the source; ask on a terminal if its crowds are objects."""
    from sapnet.data.formats.marks import Findings
    from sapnet.data.formats.read import read_any
    from sapnet.data.formats.readers.coco import CrowdQuestionError
    from sapnet.data.formats.readers.table.columns import SizeQuestionError

    try:
        return read_any(source, findings, options), findings
    except SizeQuestionError as question:
        raise WrongUseError(question) from question
    except CrowdQuestionError as question:
        if not sys.stdin.isatty():
            raise WrongUseError(question) from question
        print(question)
    answer = ""
    while answer not in ("object", "crowd"):
        try:
            answer = input("Is each of them one object, or a crowd? [object/crowd] ")
        except EOFError as error:
            raise WrongUseError("no answer; say --crowd-as-object or --crowd-as-crowd") from error
        answer = answer.strip().lower()
    crowds: Any = answer
    findings = Findings()
    return read_any(source, findings, replace(options, crowds=crowds)), findings


def _save_clicks(clicks: ClickSet, args: Namespace) -> None:
    from sapnet.data.clicks import save_clicks

    save_clicks(args.out, clicks, {"description": f"converted from {args.source.name}"})
    boxes = sum(click.box is not None for click in clicks.clicks)
    masks = sum(click.mask is not None for click in clicks.clicks)
    print(
        f"{len(clicks.clicks)} objects on {len(clicks.images)} images, {boxes} with a box, "
        f"{masks} with a mask: {args.out}"
    )


def _export(clicks: ClickSet, args: Namespace, options: ReadOptions, findings: Findings) -> None:
    from sapnet.data.formats.read import read_scores
    from sapnet.data.formats.readers.origins import read_origins
    from sapnet.data.formats.writers.export import export_masks
    from sapnet.data.formats.writers.instances import masks_of_clicks

    exporting = export_options(args, args.images)
    scores = read_scores(args.source, options.source_format)
    origins = read_origins(args.source, options.source_format)
    instances = masks_of_clicks(clicks, findings, scores, origins)
    target: MaskFormat = args.to
    print_export(export_masks(instances, target, args.out, findings, exporting))


COMMAND = Command(
    "read other tools' annotations as clicks, write masks for other tools",
    _add_arguments,
    _run,
    (
        "sapnet convert project-1.json --images photos --out clicks.json",
        "sapnet convert annotations.xml --out clicks.json --points-only",
        "sapnet convert labels.json --to yolo-seg --images photos --out yolo --split 0.8/0.2",
    ),
    main_options=(
        "source",
        "out",
        "from",
        "to",
        "images",
        "split",
        "points-only",
        "drop-empty",
        "path-map",
        "report",
    ),
    writes=("out", "report"),
)

"""`sapnet label`: write a mask for each click."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SKIPPED, SUCCESS, Command, WrongUseError, add_model_arguments
from sapnet.commands.exporting import add_format_argument, export_formats
from sapnet.commands.reading import add_reading_arguments, add_skip_argument, print_left_out

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.labelling.config import LabelConfig

    add_model_arguments(parser, required=False)
    parser.add_argument(
        "--top1",
        action="store_true",
        help="without a run: take the proposal with the best own score, as a baseline",
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the clicked images")
    parser.add_argument(
        "--proposals",
        type=str,
        required=True,
        metavar="STORE",
        help="their proposal store, or its URL",
    )
    parser.add_argument(
        "--voter",
        type=str | None,
        metavar="RUN",
        help="another run whose instances vote on the choice: a segmenter that learned from masks, "
        "such as mask-rcnn",
    )
    parser.add_argument(
        "--corrections",
        type=Path | None,
        help="file of sapnet review: its masks are the labels, deleted objects get none",
    )
    parser.add_argument("--out", type=Path, required=True, help="COCO instance json to write")
    parser.add_argument(
        "--candidates", action="store_true", help="also write every candidate with its scores"
    )
    parser.add_argument(
        "--batch-size", type=int, default=LabelConfig.batch_size, help="images at a time"
    )
    add_format_argument(parser)
    add_skip_argument(parser)
    add_reading_arguments(parser)
    parser.add_argument(
        "--workers", type=int, default=LabelConfig.workers, help="processes that load images"
    )


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from dataclasses import fields

    from sapnet.data.corrections import load_corrections
    from sapnet.data.formats.writers.several import check_exports
    from sapnet.labelling.config import LabelConfig
    from sapnet.labelling.label import check_labels_file, label, label_top1
    from sapnet.network.loading import load_model
    from sapnet.store.views.corrected import open_corrected

    if (args.run is None) != args.top1:
        raise WrongUseError("expected either --run RUN or --top1")
    if args.top1 and args.voter is not None:
        raise WrongUseError("--voter votes on the choice of a run, and --top1 has none")
    names = {field.name for field in fields(LabelConfig)}
    try:
        cfg = LabelConfig(**{k: v for k, v in vars(args).items() if k in names})
    except ValueError as error:
        raise WrongUseError(error) from error
    check_labels_file(args.out, args.overwrite)
    check_exports(args.format, args.out.with_suffix(""), cfg)
    corrections = None if args.corrections is None else load_corrections(args.corrections)
    store = open_corrected(args.proposals, corrections)
    if args.top1:
        summary = label_top1(store, args.out, with_candidates=args.candidates)
    else:
        summary = label(
            load_model(args.run, args.device),
            args.images,
            store,
            args.out,
            cfg,
        )
    print(f"{summary.num_objects} masks on {summary.num_images} images: {summary.labels}")
    if summary.num_without:
        print(f"{summary.num_without} objects have no proposal and got no mask")
    print_left_out(summary.left_out)
    skipped = SKIPPED if summary.left_out else SUCCESS
    if not args.format:
        return skipped
    from sapnet.data.coco import load_instances

    findings = export_formats(
        load_instances(summary.labels), args, args.images, args.out.with_suffix("")
    )
    return SKIPPED if findings.num_skipped else skipped


COMMAND = Command(
    "write a mask for each click with a trained run",
    _add_arguments,
    _run,
    (
        "sapnet label --run run --images photos --proposals store --out labels.json",
        "sapnet label --run run --voter second --images photos --proposals store --out better.json",
        "sapnet label --top1 --images photos --proposals store --out baseline.json",
    ),
    main_options=(
        "run",
        "images",
        "proposals",
        "out",
        "device",
        "format",
        "corrections",
        "candidates",
        "top1",
        "skip-errors",
    ),
    kept="the labels of the finished images, which are then made anew",
)

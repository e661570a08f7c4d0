"""`sapnet predict`: segment new images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SKIPPED, SUCCESS, Command, add_model_arguments
from sapnet.commands.exporting import add_format_argument, export_formats

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    add_model_arguments(parser)
    parser.add_argument(
        "--images", type=Path, nargs="+", required=True, help="a folder, or image files"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--score-threshold", type=float, default=0.0, help="least score in results.json"
    )
    parser.add_argument(
        "--draw-threshold",
        type=float,
        default=0.3,
        help="least score on the pictures and in --format",
    )
    add_format_argument(parser)
    parser.add_argument("--no-pictures", action="store_true", help="write results.json alone")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="let torch compile the network: slow first images, quicker ones afterwards",
    )
    parser.add_argument(
        "--workers", type=int, default=4, help="threads that read images and write pictures"
    )


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.network.compiling import compile_network
    from sapnet.network.loading import load_model
    from sapnet.prediction.predict import predict

    model = load_model(args.run, args.device)
    if args.compile:
        compile_network(model, model.device)
    summary = predict(
        model,
        args.images,
        args.out,
        score_threshold=args.score_threshold,
        draw_threshold=args.draw_threshold,
        draw=not args.no_pictures,
        workers=args.workers,
    )
    print(f"{summary.num_instances} instances on {summary.num_images} images: {summary.results}")
    if summary.pictures is not None:
        print(f"pictures: {summary.pictures}")
    if not args.format:
        return SUCCESS
    from sapnet.data.formats.readers.results import instances_of_results
    from sapnet.data.images import list_images
    from sapnet.prediction.predict import image_ids

    paths = list_images(args.images)
    instances, folder = instances_of_results(
        summary.results,
        dict(zip(image_ids(paths), paths, strict=True)),
        model.categories,
        args.draw_threshold,
    )
    findings = export_formats(instances, args, folder, args.out / "masks")
    return SKIPPED if findings.num_skipped else SUCCESS


COMMAND = Command(
    "segment new images with a trained run",
    _add_arguments,
    _run,
    (
        "sapnet predict --run run --images new_photos --out predictions",
        "sapnet predict --run run --images a.jpg b.jpg --out predictions",
    ),
    main_options=(
        "run",
        "images",
        "out",
        "device",
        "score-threshold",
        "draw-threshold",
        "format",
        "no-pictures",
        "compile",
        "workers",
    ),
)

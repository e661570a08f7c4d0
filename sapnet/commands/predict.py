"""`sapnet predict`: segment new images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SKIPPED, SUCCESS, Command, WrongUseError, add_model_arguments
from sapnet.commands.exporting import add_format_argument, print_exports
from sapnet.commands.reading import (
    add_reading_arguments,
    add_skip_argument,
    add_tile_arguments,
    print_left_out,
)

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.prediction.config import PredictionConfig

    add_model_arguments(parser)
    parser.add_argument(
        "--images", type=str, nargs="+", required=True, help="a folder, image files, or URLs"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--score-threshold",
        type=float,
        default=PredictionConfig.score_threshold,
        help="least score in results.json",
    )
    parser.add_argument(
        "--draw-threshold",
        type=float,
        default=PredictionConfig.draw_threshold,
        help="least score on the pictures and in --format",
    )
    add_format_argument(parser)
    add_skip_argument(parser)
    add_reading_arguments(parser)
    add_tile_arguments(parser)
    parser.add_argument("--no-pictures", action="store_true", help="write results.json alone")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="let torch compile the network: slow first images, faster ones afterwards",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=PredictionConfig.workers,
        help="threads that read images and write pictures",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=PredictionConfig.batch_size,
        help="most images, of one input size, that pass the network together; more than 1 may "
        "change scores in the last digits",
    )


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from dataclasses import fields

    from sapnet.network.loading import load_predictor
    from sapnet.prediction.config import PredictionConfig
    from sapnet.prediction.predict import predict

    values = {field.name: args[field.name] for field in fields(PredictionConfig)}
    values["format"] = tuple(args.format)
    values["bands"] = None if args.bands is None else tuple(args.bands)
    try:
        cfg = PredictionConfig(**values)
    except ValueError as error:
        raise WrongUseError(error) from error
    summary = predict(load_predictor(args.run, args.device), args.images, args.out, cfg)
    print(f"{summary.num_instances} instances on {summary.num_images} images: {summary.results}")
    if summary.pictures is not None:
        print(f"pictures: {summary.pictures}")
    print_exports(summary.exports)
    print_left_out(summary.left_out)
    return SKIPPED if summary.left_out or summary.exports.findings.num_skipped else SUCCESS


COMMAND = Command(
    "segment new images with a trained run",
    _add_arguments,
    _run,
    (
        "sapnet predict --run run --images new_photos --out predictions",
        "sapnet predict --run run --images a.jpg b.jpg --out predictions",
        "sapnet predict --run model.onnx --images new_photos --out predictions",
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
        "skip-errors",
    ),
    kept="the results of the finished images, which are then made anew",
)

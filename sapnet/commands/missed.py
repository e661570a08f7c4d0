"""`sapnet missed`: objects that were probably not clicked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, WrongUseError, add_model_arguments
from sapnet.commands.reading import add_reading_arguments, add_tile_arguments

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.labelling.config import MissedConfig

    add_model_arguments(parser)
    parser.add_argument(
        "--labels",
        type=Path | None,
        help="file of sapnet label with the labels of the clicks (default: labels.json in the run)",
    )
    parser.add_argument(
        "--images",
        type=Path | None,
        help="folder of the labelled images (default: that of the run)",
    )
    parser.add_argument(
        "--out",
        type=Path | None,
        help="clicks file to write, the most likely object first (default: missed.json beside the "
        "labels)",
    )
    parser.add_argument(
        "--min-score", type=float, default=MissedConfig.min_score, help="least score, 0 to 1"
    )
    add_reading_arguments(parser)
    add_tile_arguments(parser)


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from dataclasses import fields

    from sapnet.labelling.config import MissedConfig
    from sapnet.network.loading import load_predictor
    from sapnet.pipeline.missed import list_missed, usual_out
    from sapnet.system.written_files import check_new_file

    values = {field.name: args[field.name] for field in fields(MissedConfig)}
    values["bands"] = None if args.bands is None else tuple(args.bands)
    try:
        cfg = MissedConfig(**values)
    except ValueError as error:
        raise WrongUseError(error) from error
    if args.out is None:  # one that is named was checked with all files that commands write
        check_new_file(usual_out(args.run, args.labels), args.overwrite)
    network = load_predictor(args.run, args.device)
    summary = list_missed(args.run, network, args.labels, args.images, args.out, cfg)
    print(
        f"{summary.num_objects} objects on {summary.num_images} images were probably not clicked: "
        f"{summary.out}"
    )
    return SUCCESS


COMMAND = Command(
    "list objects that were probably not clicked",
    _add_arguments,
    _run,
    (
        "sapnet missed --run run --labels labels.json --images photos",
        "sapnet missed --run run --labels labels.json --min-score 0.3 --out missed.json",
    ),
    main_options=("run", "labels", "images", "out", "min-score", "device", "tile"),
    writes=("out",),
)

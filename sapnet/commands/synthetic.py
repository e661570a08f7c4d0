"""`sapnet synthetic`: draw a synthetic data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, instantiate

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.data.synthetic.config import SyntheticConfig

    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    parser.add_class_arguments(SyntheticConfig, None)


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.data.synthetic.config import SyntheticConfig
    from sapnet.data.synthetic.writing import write_synthetic
    from sapnet.system.lock import locked
    from sapnet.system.written_files import check_output

    cfg = instantiate(parser, args, SyntheticConfig)
    with locked(args.out):
        check_output(args.out, args.overwrite, ("instances.json", "parts.json"))
        paths = write_synthetic(args.out, cfg, args.workers)
    print(f"images: {paths.images}\nground truth: {paths.truth}")
    return SUCCESS


COMMAND = Command(
    "draw a synthetic data set whose objects are made of parts",
    _add_arguments,
    _run,
    ("sapnet synthetic --out data --num-images 300 --seed 1",),
    main_options=(
        "out",
        "num-images",
        "size",
        "num-classes",
        "objects",
        "object-size",
        "touching",
        "empty",
        "seed",
        "workers",
    ),
    kept="the images that are drawn, which are then drawn anew",
)

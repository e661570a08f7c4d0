"""`sapnet advise`: what to do with the next hour."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, WrongUseError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--run", type=Path, required=True, metavar="RUN", help="folder of sapnet run"
    )
    parser.add_argument(
        "--labels", type=Path | None, help="label file (default: labels.json in the run)"
    )
    parser.add_argument(
        "--images",
        type=Path | None,
        help="folder of all images, clicked or not (default: that of the run)",
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="time of a person")


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.pipeline.advice import advise, read_state
    from sapnet.training.run_folder import sources_of_run

    if not args.minutes > 0:
        raise WrongUseError(f"--minutes: expected a positive number, found {args.minutes}")
    labels = args.labels or args.run / "labels.json"
    if not labels.is_file():
        raise FileNotFoundError(f"{labels}: no such file. Write it with `sapnet run` or `label`.")
    if args.images is not None and not args.images.is_dir():
        raise FileNotFoundError(f"{args.images}: expected the folder of all images, found none.")
    images = args.images or sources_of_run(args.run).get("images")
    advice = advise(read_state(args.run, labels, images), args.minutes)
    print(advice.sentence())
    for work, _ in advice.steps:
        print(f"  {work.rate:.0f} right labels a minute: {work.command}")
    print("This rests on:")
    for line in advice.basis:
        print(f"  {line}")
    for line in advice.notes:
        print(line)
    return SUCCESS


COMMAND = Command(
    "what to do with the next hour: click, review or look for missed objects",
    _add_arguments,
    _run,
    ("sapnet advise --run run", "sapnet advise --run run --images photos --minutes 30"),
)

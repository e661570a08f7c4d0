"""`sapnet points`: draw clicks from masks."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sapnet.commands.command import SUCCESS, Command, WrongUseError
from sapnet.data.choices import ClickMode

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--truth", type=Path, required=True, help="COCO instance json with masks")
    parser.add_argument("--out", type=Path, required=True, help="clicks file to write")
    parser.add_argument(
        "--mode",
        choices=get_args(ClickMode),
        default="quasi-center",
        help="where in its mask an object is clicked; quasi-center is the paper's setting",
    )
    parser.add_argument(
        "--offset",
        type=float,
        default=0.0,
        help="distance by which each click is moved in a random direction, px: it may leave its "
        "object, but not the image",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the drawn points")


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.data.clicks import save_clicks
    from sapnet.data.coco import load_instances
    from sapnet.data.sampling import sample_clicks

    if not 0 <= args.offset < inf:
        raise WrongUseError(f"--offset: expected a number of pixels >= 0, found {args.offset}")
    truth = load_instances(args.truth)
    clicks = sample_clicks(truth, args.mode, args.seed, offset=args.offset)
    save_clicks(args.out, clicks)
    crowds = sum(instance.is_crowd for instance in truth.instances)
    if crowds:
        print(f"left out {crowds} crowds (iscrowd 1), which are regions of many objects")
    print(f"{len(clicks.clicks)} clicks on {len(clicks.images)} images: {args.out}")
    return SUCCESS


COMMAND = Command(
    "draw one click per object from the masks of a COCO file",
    _add_arguments,
    _run,
    (
        "sapnet points --truth instances.json --out clicks.json",
        "sapnet points --truth instances.json --out missed.json --mode uniform --offset 4",
    ),
    writes=("out",),
)

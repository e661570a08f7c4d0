"""`sapnet points`: draw clicks from masks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--truth", type=Path, required=True, help="COCO instance json with masks")
    parser.add_argument("--out", type=Path, required=True, help="clicks file to write")
    parser.add_argument(
        "--mode",
        choices=["quasi-center", "uniform", "center"],
        default="quasi-center",
        help="where in its mask an object is clicked; quasi-center is the paper's setting",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the drawn points")


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.data.clicks import save_clicks
    from sapnet.data.coco import load_instances
    from sapnet.data.sampling import sample_clicks

    clicks = sample_clicks(load_instances(args.truth), args.mode, args.seed)
    save_clicks(args.out, clicks)
    print(f"{len(clicks.clicks)} clicks on {len(clicks.images)} images: {args.out}")
    return SUCCESS


COMMAND = Command(
    "draw one click per object from the masks of a COCO file",
    _add_arguments,
    _run,
    ("sapnet points --truth instances.json --out clicks.json",),
)

"""`sapnet import-checkpoint`: a trained SOLOv2 of mmdetection as a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="checkpoint, a .pth file")
    parser.add_argument(
        "--from",
        choices=["mmdetection", "sapnet"],
        required=True,
        help="program that wrote it; of the authors' SAPNet, the segmenter is taken",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder to write")
    parser.add_argument(
        "--classes",
        type=str,
        default="",
        help="names of the categories in their order, separated by commas (default: those of the "
        "checkpoint)",
    )
    parser.add_argument(
        "--short-side", type=int, default=800, help="pixels of the input's shorter side"
    )
    parser.add_argument(
        "--max-long-side", type=int, default=1333, help="most pixels of its longer side"
    )


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.batches.config import AugmentConfig
    from sapnet.network.importing import NUM_NAMED, import_checkpoint

    classes = [name.strip() for name in args.classes.split(",") if name.strip()]
    augment = AugmentConfig((args.short_side,), args.max_long_side)
    summary = import_checkpoint(args.file, args.out, classes, augment)
    print(f"{summary.backbone}, {len(summary.categories)} categories: {summary.run}")
    if summary.left_over:
        named = ", ".join(summary.left_over[:NUM_NAMED])
        more = ", ..." if len(summary.left_over) > NUM_NAMED else ""
        print(f"{len(summary.left_over)} names were left over: {named}{more}")
    print("next: sapnet predict. The choice for clicks (sapnet label) has to be trained first")
    return SUCCESS


COMMAND = Command(
    "make a run of a SOLOv2 that mmdetection or the authors' SAPNet trained",
    _add_arguments,
    _run,
    (
        "sapnet import-checkpoint solov2_r50.pth --from mmdetection --out run",
        "sapnet import-checkpoint light.pth --from mmdetection --out run --classes car,bus "
        "--short-side 448 --max-long-side 768",
    ),
)

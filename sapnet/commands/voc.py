"""`sapnet voc`: Pascal VOC and SBD as COCO instance json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--devkit", type=Path, required=True, help="VOC's folder of the year, VOCdevkit/VOC2012"
    )
    parser.add_argument(
        "--sbd", type=Path | None, help="SBD's folder benchmark_RELEASE/dataset, joined to train"
    )
    parser.add_argument(
        "--split",
        choices=["train", "val"],
        required=True,
        help="train: 10,582 images with SBD, 1,464 without; val: 1,449",
    )
    parser.add_argument("--out", type=Path, required=True, help="COCO instance json to write")


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.data.voc import VocSources, write_voc

    summary = write_voc(VocSources(args.devkit, args.sbd), args.split, args.out)
    print(
        f"{summary.num_objects} objects on {summary.num_images} images "
        f"({summary.num_from_sbd} of SBD): {summary.out}\n"
        f"images: {args.devkit / 'JPEGImages'}"
    )
    return SUCCESS


COMMAND = Command(
    "bring Pascal VOC and SBD into one COCO instance file",
    _add_arguments,
    _run,
    (
        "sapnet voc --devkit VOCdevkit/VOC2012 --sbd benchmark_RELEASE/dataset --split train "
        "--out voc_train.json",
        "sapnet voc --devkit VOCdevkit/VOC2012 --split val --out voc_val.json",
    ),
    writes=("out",),
)

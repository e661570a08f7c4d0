"""`sapnet missed`: objects that were probably not clicked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, WrongUseError, add_model_arguments

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

LABELS_NAME, OUT_NAME = "labels.json", "missed.json"


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.labelling.config import MIN_MISSED_SCORE

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
        "--min-score", type=float, default=MIN_MISSED_SCORE, help="least score, 0 to 1"
    )


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.evaluation.label_file import load_labels
    from sapnet.labelling.missed import find_missed, save_missed
    from sapnet.prediction.sapnet import SAPNet
    from sapnet.system.device import choose_device
    from sapnet.training.run_folder import sources_of_run

    if not 0 <= args.min_score <= 1:
        raise WrongUseError(f"--min-score: expected 0 to 1, found {args.min_score}")
    path = args.labels or Path(args.run) / LABELS_NAME
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Write it with `sapnet label`.")
    images = args.images or sources_of_run(Path(args.run)).get("images")
    if images is None:
        raise WrongUseError("expected the folder of the labelled images. Name it with --images")
    labels = load_labels(path)
    network = SAPNet.from_pretrained(args.run).to(choose_device(args.device)).eval()
    missed = find_missed(network, images, labels, args.min_score)
    out = save_missed(args.out or path.with_name(OUT_NAME), missed, labels)
    num_images = len({entry.image_id for entry in missed})
    print(f"{len(missed)} objects on {num_images} images were probably not clicked: {out}")
    return SUCCESS


COMMAND = Command(
    "list objects that were probably not clicked",
    _add_arguments,
    _run,
    (
        "sapnet missed --run run --labels labels.json --images photos",
        "sapnet missed --run run --labels labels.json --min-score 0.3 --out missed.json",
    ),
    writes=("out",),
)

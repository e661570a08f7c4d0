"""`sapnet train-proposer`: train the click segmenter, or fine-tune it on corrected masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, WrongUseError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.teaching.run import TaughtSummary


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.teaching.options import TrainProposerConfig

    parser.add_argument(
        "--data",
        type=str,
        action="append",
        required=True,
        metavar="DIR|FILE[,images=DIR][,weight=W][,whole=ID]",
        help="folder with images/ and instances.json, COCO json, corrections of sapnet review, or "
        "clicks with pinned masks; may be given several times. `images` names the images of a "
        "json, `weight` the share of its clicks, `whole` the category of wholes among parts",
    )
    parser.add_argument(
        "--from",
        type=str,
        default=TrainProposerConfig.start,
        metavar="imagenet|embedded|FILE",
        help="weights to begin with. `imagenet` trains from the start; `embedded` (those that come "
        "with sapnet) or a file is fine-tuned, and kept where nothing better is found",
    )
    parser.add_class_arguments(TrainProposerConfig, None, skip={"data", "start"})


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.teaching.options import TrainProposerConfig

    values = {name: value for name, value in vars(args).items() if name != "overwrite"}
    values["start"], values["data"] = values.pop("from"), tuple(values["data"])
    try:
        cfg = TrainProposerConfig(**values)
    except ValueError as error:
        raise WrongUseError(error) from error
    from sapnet.teaching.run import train_proposer

    _print(train_proposer(cfg))
    return SUCCESS


def _print(summary: TaughtSummary) -> None:
    print(
        f"learned from {summary.num_objects} objects of {summary.num_images} images, "
        f"{summary.steps} steps, {summary.minutes:.1f} min: {summary.weights}"
    )
    if summary.before is not None and summary.after is not None:
        print(f"  on {summary.before.num_objects} objects kept aside: {summary.before} before")
        if summary.after == summary.before:
            print("  nothing better was found: the weights are those it began with")
        else:
            print(f"  {summary.after} now")
    print(f"  use it with --proposer click --checkpoint {summary.weights}")


COMMAND = Command(
    "train the click segmenter, or fine-tune it on corrected masks",
    _add_arguments,
    _run,
    (
        "sapnet train-proposer --from embedded --data corrections.json --images photos "
        "--out mine.safetensors",
        "sapnet train-proposer --data photos/animals,weight=0.6 --data photos/cars,weight=0.4 "
        "--out click.safetensors --minutes 240",
    ),
    main_options=(
        "data",
        "from",
        "out",
        "images",
        "minutes",
        "steps",
        "seed",
        "licence",
        "device",
        "run",
    ),
    kept="the last checkpoint, in the folder of the training",
    writes=("out",),
    run_ending="-training",
)

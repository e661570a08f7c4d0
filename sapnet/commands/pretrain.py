"""`sapnet pretrain`: train the segmenter that other trainings start from."""

from __future__ import annotations

from argparse import SUPPRESS
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import (
    SUCCESS,
    Command,
    WrongUseError,
    add_recipe_argument,
    instantiate,
    instantiated,
)

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.pretraining.config import PretrainInputs


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.network.config import ModelConfig
    from sapnet.pretraining.config import FORM
    from sapnet.training.config import TrainConfig

    add_recipe_argument(parser)
    parser.add_argument(
        "--data",
        type=str,
        action="append",
        required=True,
        metavar=FORM,
        help="folder with images/ and instances.json, or a COCO instance json; may be given "
        "several times. All objects must be marked: the rest counts as background. `images` names "
        "the images of a json, `repeats` how often they are seen in an epoch, `limit` how many of "
        "them are taken, `categories` the ids of what counts as an object",
    )
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument(
        "--run", type=Path | None, help="folder of the training, resumed if it exists; OUT_run"
    )
    parser.add_argument(
        "--licence", type=str, default="", help="note on the weights, kept in the file"
    )
    # Recipes name a method of selection, which is not trained here.
    parser.add_argument("--method", type=str | None, help=SUPPRESS)
    parser.add_class_arguments(TrainConfig, None, skip={"supervision"})
    parser.add_class_arguments(ModelConfig, "model")


def _recipes(args: Namespace) -> list[str]:
    from sapnet.pretraining.config import RECIPE

    return [] if args.config else [RECIPE]


def _inputs(args: Namespace) -> PretrainInputs:
    from sapnet.pretraining.config import PretrainInputs, parse_source

    run = args.run or args.out.with_name(f"{args.out.stem}_run")
    words = [f"--data {text}" for text in args.data]
    words += [f"--epochs {args.epochs}", f"--model.start {args.model.start or 'imagenet'}"]
    try:
        sources = tuple(map(parse_source, args.data))
        return PretrainInputs(
            sources, args.out, run, args.licence, " ".join(["sapnet pretrain", *words])
        )
    except ValueError as error:
        raise WrongUseError(error) from error


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.training.config import TrainConfig

    inputs = _inputs(args)
    cfg = instantiate(parser, args, TrainConfig)
    model_cfg = instantiated(parser, args).model
    from sapnet.pretraining.run import pretrain

    summary = pretrain(inputs, model_cfg, cfg)
    if summary.weights is not None:
        print(
            f"learned from {summary.num_objects} objects of {summary.num_images} images in "
            f"{summary.epochs} epochs: {summary.weights}"
        )
    return SUCCESS


COMMAND = Command(
    "train the segmenter that other trainings start from, on objects of any kind",
    _add_arguments,
    _run,
    (
        "sapnet pretrain --data photos/animals --data photos/cars --out start.safetensors",
        "sapnet pretrain --data instances_train2017.json,images=train2017,repeats=3 "
        "--data photos/people,categories=100,limit=250 --out start.safetensors --epochs 6",
    ),
    main_options=(
        "data",
        "out",
        "run",
        "config",
        "epochs",
        "batch-size",
        "device",
        "workers",
        "licence",
        "model.start",
    ),
    recipes=_recipes,
    kept="the last checkpoint, in the folder of the training",
    writes=("out",),
    run_ending="_run",
)

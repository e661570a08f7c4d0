"""`sapnet train`: train a run."""

from __future__ import annotations

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

    from sapnet.training.inputs import TrainInputs

METHODS = ("sapnet+", "paper")
"""What `--method` names: our default selection, or the paper's."""


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig

    add_recipe_argument(parser)
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--proposals", type=Path | None, help="store written by sapnet propose")
    parser.add_argument(
        "--corrections",
        type=Path | None,
        help="written by sapnet review: its masks stay as they are, deleted objects are left out",
    )
    parser.add_argument(
        "--masks", type=Path | None, help="COCO instance json, for --supervision masks"
    )
    parser.add_argument("--out", type=Path, required=True, help="run folder; resumed if it exists")
    parser.add_argument(
        "--truth",
        type=Path | None,
        help="COCO instance json of the training images; only to log the quality of the labels",
    )
    parser.add_argument("--val.images", type=Path | None, help="folder of held-out images")
    parser.add_argument("--val.truth", type=Path | None, help="their COCO instance json")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help="defaults of model.selection: ours, or the paper as printed",
    )
    parser.add_class_arguments(TrainConfig, None)
    parser.add_class_arguments(ModelConfig, "model")


def _complete(parser: ArgumentParser, args: Namespace) -> Namespace:
    """Fill in the settings that training would choose."""
    from sapnet.training.config import TrainConfig
    from sapnet.training.preview import preview_settings

    cfg = instantiate(parser, args, TrainConfig)
    chosen = preview_settings(_inputs(args), instantiated(parser, args).model, cfg)
    shown = args.clone()
    for name, value in vars(chosen.training.optimizer).items():
        shown.optimizer[name] = value
    segmentation = chosen.model.segmentation
    shown.model.segmentation.num_grids = segmentation.num_grids
    shown.model.segmentation.scale_ranges = segmentation.scale_ranges
    return shown


def _inputs(args: Namespace) -> TrainInputs:
    from sapnet.training.inputs import TrainInputs

    try:
        return TrainInputs(
            images=args.images,
            out=args.out,
            proposals=args.proposals,
            corrections=args.corrections,
            masks=args.masks,
            truth=args.truth,
            val_images=args.val.images,
            val_truth=args.val.truth,
        )
    except ValueError as error:
        raise WrongUseError(error) from error


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.training.config import TrainConfig

    cfg = instantiate(parser, args, TrainConfig)
    model_cfg = instantiated(parser, args).model
    inputs = _inputs(args)
    try:
        inputs.check_supervision(cfg, model_cfg)
    except ValueError as error:
        raise WrongUseError(error) from error
    from sapnet.training.run import train

    summary = train(inputs, model_cfg, cfg)
    if not summary.is_first_rank:
        return SUCCESS
    done = "nothing to do, it has" if summary.was_finished else "trained"
    print(f"{done} {summary.epochs} epochs: {summary.run}")
    for name in ("label_miou", "val_mask_ap", "val_mask_ap50"):
        if name in summary.figures:
            print(f"  {name} {summary.figures[name]:.3f}")
    return SUCCESS


COMMAND = Command(
    "train SAPNet end to end from clicks and their proposals",
    _add_arguments,
    _run,
    (
        "sapnet train --images photos --proposals store --out run",
        "sapnet train --images photos --supervision masks --masks labels.json --out second",
        "sapnet train --config recipe.yaml --images photos --proposals store --out run "
        "--optimizer.lr 0.01",
    ),
    complete=_complete,
)

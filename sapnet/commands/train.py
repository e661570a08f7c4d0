"""`sapnet train`: train a run."""

from __future__ import annotations

import sys
from dataclasses import replace
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

    from sapnet.network.config import ModelConfig
    from sapnet.training.inputs import TrainInputs


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.network.config import ModelConfig
    from sapnet.recipes.load import METHODS
    from sapnet.segmentation.others.config import SegmenterChoice
    from sapnet.training.config import TrainConfig

    add_recipe_argument(parser)
    parser.add_argument("--images", type=Path, required=True, help="folder of the training images")
    parser.add_argument(
        "--proposals",
        type=str | None,
        metavar="STORE",
        help="store written by sapnet propose, or its URL",
    )
    parser.add_argument(
        "--corrections",
        type=Path | None,
        help="file of sapnet review: its masks stay as they are, deleted objects are left out",
    )
    parser.add_argument(
        "--masks",
        type=Path | None,
        help="COCO instance json to learn from, for --supervision masks",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="run folder; an unfinished run in it is resumed"
    )
    parser.add_argument(
        "--from",
        type=str | None,
        metavar="RUN",
        help="older run to begin with, for more images or classes: a run folder or a name on the "
        "hub; classes keep their weights by name. A quarter of its epochs may do",
    )
    parser.add_argument(
        "--truth",
        type=Path | None,
        help="COCO instance json of the training images; only to log the quality of the labels",
    )
    parser.add_argument(
        "--val.images", type=Path | None, help="folder of held-out images, scored after each epoch"
    )
    parser.add_argument(
        "--val.truth", type=Path | None, help="COCO instance json of the held-out images"
    )
    parser.add_argument(
        "--method",
        choices=list(METHODS),
        default=next(iter(METHODS)),
        help="method of selection: ours, or the one of the paper as printed. Options of "
        "--model.selection replace its settings",
    )
    parser.add_class_arguments(SegmenterChoice, None)
    parser.add_class_arguments(TrainConfig, None)
    parser.add_class_arguments(ModelConfig, "model", skip={"other"})


def _model(parser: ArgumentParser, args: Namespace) -> ModelConfig:
    """Build the settings of the network, the segmenter included."""
    from sapnet.segmentation.others.config import SegmenterChoice

    choice = instantiate(parser, args, SegmenterChoice)
    model: ModelConfig = instantiated(parser, args).model
    try:
        return replace(model, other=choice.other())
    except ValueError as error:
        raise WrongUseError(error) from error


def _recipes(args: Namespace) -> list[str]:
    """Name the recipes below everything that is given: the method's, and one for a CPU."""
    from sapnet.recipes.load import METHODS
    from sapnet.training.default_recipe import default_recipe, note_on

    names = [METHODS[args.method]]
    if not args.config:
        segmenter = args.segmenter if args.checkpoint else None
        names.append(default_recipe(args.device, args.out, segmenter))
        if names[-1] is not None:
            print(note_on(names[-1]), file=sys.stderr)
    return [name for name in names if name is not None]


def _complete(parser: ArgumentParser, args: Namespace) -> Namespace:
    """Fill in the settings that training would choose."""
    from sapnet.training.config import TrainConfig
    from sapnet.training.preview import preview_settings

    cfg = instantiate(parser, args, TrainConfig)
    chosen = preview_settings(_inputs(args), _model(parser, args), cfg)
    shown = args.clone()
    for name, value in vars(chosen.training.optimizer).items():
        shown.optimizer[name] = value
    shown.model.start, shown.model.weights = chosen.model.start, chosen.model.weights
    segmentation = chosen.model.segmentation
    shown.relabel = chosen.training.relabel
    shown.model.selection.consensus.prior_power = chosen.model.selection.consensus.prior_power
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
            start_run=vars(args)["from"],
            val_images=args.val.images,
            val_truth=args.val.truth,
        )
    except ValueError as error:
        raise WrongUseError(error) from error


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.training.config import TrainConfig

    cfg = instantiate(parser, args, TrainConfig)
    model_cfg = _model(parser, args)
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
        "sapnet train --images photos --supervision masks --masks labels.json --out third "
        "--segmenter mask-rcnn --checkpoint maskrcnn_resnet50_fpn_v2",
        "sapnet train --config recipe.yaml --images photos --proposals store --out run "
        "--optimizer.lr 0.01",
    ),
    main_options=(
        "images",
        "proposals",
        "out",
        "config",
        "epochs",
        "batch-size",
        "device",
        "model.start",
        "val.images",
        "val.truth",
    ),
    complete=_complete,
    recipes=_recipes,
    kept="the last checkpoint, in the folder of --out",
)

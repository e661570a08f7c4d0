"""The sub-commands: which options each takes and which library function it calls."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

SUCCESS, FAILURE, WRONG_USE, SKIPPED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit statuses."""

METHODS = ("sapnet+", "paper")
"""What `--method` names: our default selection, or the paper's."""


class WrongUseError(ValueError):
    """A setting or a combination of options that makes no sense, found before any work."""


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Attributes:
        summary: what it does, for the overview.
        add_arguments: declares its options.
        run: does it, and returns the exit status.
        examples: command lines for its help.
    """

    summary: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, ArgumentParser], int]
    examples: tuple[str, ...]


# --- points -------------------------------------------------------------------------------------


def _points_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--truth", type=Path, required=True, help="COCO instance json with masks")
    parser.add_argument("--out", type=Path, required=True, help="clicks file to write")
    parser.add_argument(
        "--mode",
        choices=["quasi-center", "uniform", "center"],
        default="quasi-center",
        help="where in its mask an object is clicked; quasi-center is the paper's setting",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the drawn points")


def _points(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.data.clicks import save_clicks
    from sapnet.data.coco import load_instances
    from sapnet.data.sampling import sample_clicks

    clicks = sample_clicks(load_instances(args.truth), args.mode, args.seed)
    save_clicks(args.out, clicks)
    print(f"{len(clicks.clicks)} clicks on {len(clicks.images)} images: {args.out}")
    return SUCCESS


# --- synthetic ----------------------------------------------------------------------------------


def _synthetic_arguments(parser: ArgumentParser) -> None:
    from sapnet.data.synthetic.config import SyntheticConfig

    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    parser.add_class_arguments(SyntheticConfig, None)


def _synthetic(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.data.synthetic.config import SyntheticConfig
    from sapnet.data.synthetic.writing import write_synthetic

    paths = write_synthetic(args.out, _instantiate(parser, args, SyntheticConfig), args.workers)
    print(f"images: {paths.images}\nground truth: {paths.truth}")
    return SUCCESS


# --- propose ------------------------------------------------------------------------------------


def _propose_arguments(parser: ArgumentParser) -> None:
    from sapnet.proposals.config import ProposeConfig

    parser.add_class_arguments(ProposeConfig, None)


def _propose(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.proposals.config import ProposeConfig
    from sapnet.proposals.propose import propose

    summary = propose(_instantiate(parser, args, ProposeConfig))
    print(
        f"{summary.num_proposals} proposals for {summary.num_objects} objects on "
        f"{summary.num_images} images: {summary.store}"
    )
    if summary.num_images_before:
        print(f"{summary.num_images_before} images were there already")
    if summary.skipped:
        print(f"{len(summary.skipped)} images were skipped")
    return SKIPPED if summary.skipped else SUCCESS


# --- train --------------------------------------------------------------------------------------


def _train_arguments(parser: ArgumentParser) -> None:
    from jsonargparse import ActionConfigFile

    from sapnet.config import ModelConfig, TrainConfig

    parser.add_argument(
        "--config", action=ActionConfigFile, help="recipe as YAML; flags after it win"
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--proposals", type=Path | None, help="store written by sapnet propose")
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


def _train(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.config import TrainConfig
    from sapnet.training.run import TrainInputs, train

    cfg = _instantiate(parser, args, TrainConfig)
    settings = _instantiated(parser, args).model
    try:
        inputs = TrainInputs(
            images=args.images,
            out=args.out,
            proposals=args.proposals,
            masks=args.masks,
            truth=args.truth,
            val_images=args.val.images,
            val_truth=args.val.truth,
        )
        inputs.check_supervision(cfg)
    except ValueError as error:
        raise WrongUseError(error) from error
    summary = train(inputs, settings, cfg)
    if not summary.is_first_rank:
        return SUCCESS
    done = "nothing to do, it has" if summary.was_finished else "trained"
    print(f"{done} {summary.epochs} epochs: {summary.run}")
    for name in ("label_miou", "val_mask_ap", "val_mask_ap50"):
        if name in summary.figures:
            print(f"  {name} {summary.figures[name]:.3f}")
    return SUCCESS


# --- label, predict, evaluate, demo -------------------------------------------------------------


def _model_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--run", type=str, required=True, help="run folder, or a hub name")
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu, cuda or mps")


def _label_arguments(parser: ArgumentParser) -> None:
    _model_arguments(parser)
    parser.add_argument("--images", type=Path, required=True, help="folder of the clicked images")
    parser.add_argument("--proposals", type=Path, required=True, help="their proposal store")
    parser.add_argument("--out", type=Path, required=True, help="COCO instance json to write")
    parser.add_argument(
        "--candidates", action="store_true", help="also write every candidate with its scores"
    )
    parser.add_argument("--batch-size", type=int, default=4, help="images at a time")
    parser.add_argument("--workers", type=int, default=2, help="processes that load images")


def _label(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.inference import label, load_model
    from sapnet.proposals.store import ProposalStore

    summary = label(
        load_model(args.run, args.device),
        args.images,
        ProposalStore(args.proposals),
        args.out,
        with_candidates=args.candidates,
        batch_size=args.batch_size,
        workers=args.workers,
    )
    print(f"{summary.num_objects} masks on {summary.num_images} images: {summary.labels}")
    if summary.num_without:
        print(f"{summary.num_without} objects have no proposal and got no mask")
    return SUCCESS


def _predict_arguments(parser: ArgumentParser) -> None:
    _model_arguments(parser)
    parser.add_argument(
        "--images", type=Path, nargs="+", required=True, help="a folder, or image files"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--score-threshold", type=float, default=0.0, help="least score in results.json"
    )
    parser.add_argument(
        "--draw-threshold", type=float, default=0.3, help="least score on the pictures"
    )
    parser.add_argument("--no-pictures", action="store_true", help="write results.json alone")


def _predict(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.inference import load_model, predict

    summary = predict(
        load_model(args.run, args.device),
        args.images,
        args.out,
        score_threshold=args.score_threshold,
        draw_threshold=args.draw_threshold,
        draw=not args.no_pictures,
    )
    print(f"{summary.num_instances} instances on {summary.num_images} images: {summary.results}")
    if summary.pictures is not None:
        print(f"pictures: {summary.pictures}")
    return SUCCESS


def _evaluate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--truth", type=Path, required=True, help="COCO instance json")
    parser.add_argument("--labels", type=Path | None, help="written by sapnet label")
    parser.add_argument("--proposals", type=Path | None, help="store written by sapnet propose")
    parser.add_argument("--predictions", type=Path | None, help="COCO results json")
    parser.add_argument(
        "--min-area", type=float, default=0.0, help="least true area of an object that counts, px"
    )
    parser.add_argument("--out", type=Path | None, help="json file for the figures")


def _evaluate(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.evaluation.evaluate import evaluate
    from sapnet.files import write_json_atomic

    if not (args.labels or args.proposals or args.predictions):
        parser.print_usage(sys.stderr)
        print(
            "sapnet evaluate: error: give at least one of --labels, --proposals, --predictions",
            file=sys.stderr,
        )
        return WRONG_USE
    figures = evaluate(
        args.truth,
        labels=args.labels,
        proposals=args.proposals,
        predictions=args.predictions,
        min_area=args.min_area,
    )
    for name, value in figures.items():
        print(f"{name:<24} {value:.4f}" if isinstance(value, float) else f"{name:<24} {value}")
    if args.out is not None:
        write_json_atomic(args.out, figures)
        print(f"figures: {args.out}")
    return SUCCESS


def _demo_arguments(parser: ArgumentParser) -> None:
    from sapnet.demo_config import DemoConfig

    parser.add_class_arguments(DemoConfig, None)


def _demo(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.demo import run_demo
    from sapnet.demo_config import DemoConfig

    print(run_demo(_instantiate(parser, args, DemoConfig)))
    return SUCCESS


def _instantiate(parser: ArgumentParser, values: Namespace, kind: type[Any]) -> Any:  # noqa: ANN401
    """A settings dataclass from the parsed values of its fields.

    Raises:
        WrongUseError: the settings refuse a value.
    """
    names = {field.name for field in fields(kind)}
    built = _instantiated(parser, values)
    try:
        return kind(**{k: v for k, v in vars(built).items() if k in names})
    except ValueError as error:
        raise WrongUseError(error) from error


def _instantiated(parser: ArgumentParser, values: Namespace) -> Any:  # noqa: ANN401
    """The parsed values with every nested dataclass built.

    Raises:
        WrongUseError: a dataclass refuses a value.
    """
    try:
        return parser.instantiate(values)
    except ValueError as error:
        raise WrongUseError(error) from error


COMMANDS = {
    "points": Command(
        "draw one click per object from the masks of a COCO file",
        _points_arguments,
        _points,
        ("sapnet points --truth instances.json --out clicks.json",),
    ),
    "propose": Command(
        "make candidate masks for each click",
        _propose_arguments,
        _propose,
        (
            "sapnet propose --images photos --clicks clicks.json --out store --proposer regions",
            "sapnet propose --images photos --clicks clicks.json --out store --proposer sam "
            "--checkpoint facebook/sam-vit-base",
        ),
    ),
    "train": Command(
        "train SAPNet end to end from clicks and their proposals",
        _train_arguments,
        _train,
        (
            "sapnet train --images photos --proposals store --out run",
            "sapnet train --images photos --supervision masks --masks labels.json --out second",
            "sapnet train --config recipe.yaml --images photos --proposals store --out run "
            "--optimizer.lr 0.01",
        ),
    ),
    "label": Command(
        "write a mask for each click with a trained run",
        _label_arguments,
        _label,
        ("sapnet label --run run --images photos --proposals store --out labels.json",),
    ),
    "predict": Command(
        "segment new images with a trained run",
        _predict_arguments,
        _predict,
        (
            "sapnet predict --run run --images new_photos --out predictions",
            "sapnet predict --run run --images a.jpg b.jpg --out predictions",
        ),
    ),
    "evaluate": Command(
        "score labels, proposals or predictions against ground truth",
        _evaluate_arguments,
        _evaluate,
        (
            "sapnet evaluate --labels labels.json --proposals store --truth instances.json",
            "sapnet evaluate --predictions predictions/results.json --truth instances.json "
            "--out metrics.json",
        ),
    ),
    "synthetic": Command(
        "draw a synthetic data set whose objects are made of parts",
        _synthetic_arguments,
        _synthetic,
        ("sapnet synthetic --out data --num_images 300 --seed 1",),
    ),
    "demo": Command(
        "the whole way on a synthetic set, with a report, in minutes and without weights",
        _demo_arguments,
        _demo,
        ("sapnet demo", "sapnet demo --out runs/mine --seed 1"),
    ),
}
"""All commands, in the order of the work."""

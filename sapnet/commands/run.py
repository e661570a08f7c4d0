"""`sapnet run`: all steps from clicks to labels, a model and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import (
    SKIPPED,
    SUCCESS,
    Command,
    add_recipe_argument,
    instantiate,
)

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.pipeline.config import PipelineInputs


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.pipeline.config import PipelineConfig

    add_recipe_argument(parser)
    parser.add_argument("images", type=Path, help="folder of the images")
    parser.add_argument(
        "--clicks",
        type=Path,
        required=True,
        help="COCO-style json with one labelled point per object",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="RUN",
        help="folder for everything; an unfinished run in it is continued, and new clicks or "
        "corrections make a further round of a finished one",
    )
    parser.add_argument(
        "--corrections",
        type=Path | None,
        help="file of sapnet review, whose masks are kept (default: corrections.json in RUN)",
    )
    parser.add_argument(
        "--val.images",
        type=Path | None,
        help="folder of held-out images, predicted at the end (default: the images that the clicks "
        "file does not list)",
    )
    parser.add_argument(
        "--val.truth",
        type=Path | None,
        help="COCO instance json of the held-out images, to score the predictions",
    )
    parser.add_argument(
        "--truth",
        type=Path | None,
        help="COCO instance json of the clicked images, to score the labels",
    )
    parser.add_class_arguments(PipelineConfig, None)


def _inputs(args: Namespace) -> PipelineInputs:
    from sapnet.pipeline.config import PipelineInputs

    return PipelineInputs(
        args.images,
        args.clicks,
        args.out,
        args.val.images,
        args.val.truth,
        args.truth,
        args.corrections,
    )


def _complete(parser: ArgumentParser, args: Namespace) -> Namespace:
    """Fill in the settings that the run would choose."""
    from sapnet.pipeline.choosing import settle
    from sapnet.pipeline.config import PipelineConfig
    from sapnet.pipeline.record import RunRecord, load_record
    from sapnet.pipeline.rounds import Round

    if args.images is None or args.clicks is None or args.out is None:
        return args
    cfg, inputs = instantiate(parser, args, PipelineConfig), _inputs(args)
    record = load_record(inputs, cfg) or RunRecord({}, {})
    chosen = settle(inputs, cfg, Round(record)).cfg
    shown = args.clone()
    for name, value in vars(chosen).items():
        shown[name] = value
    return shown


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.pipeline.config import PipelineConfig

    cfg, inputs = instantiate(parser, args, PipelineConfig), _inputs(args)
    from sapnet.pipeline.plan import STORE
    from sapnet.pipeline.run import run_pipeline

    summary = run_pipeline(inputs, cfg)
    if summary.changes is not None:
        print(f"new in this round: {summary.changes}")
    for name in ("label_miou", "mask_ap", "mask_ap50"):
        if summary.figures.get(name) is not None:
            print(f"  {name} {summary.figures[name]:.3f}")
    print(f"labels: {summary.labels}")
    print(f"model:  {summary.model}")
    print(f"report: {summary.report}")
    if summary.num_left_out:
        print(f"{summary.num_left_out} images could not be read and were left out")
    print("next: look at the labels that are most likely wrong, or segment new images")
    print(
        f"  sapnet review --labels {summary.labels} --images {inputs.images} "
        f"--proposals {summary.model / STORE}"
    )
    print(f"  sapnet predict --run {summary.model} --images new_photos --out predictions")
    return SKIPPED if summary.num_left_out else SUCCESS


COMMAND = Command(
    "all steps in one: propose, train, label, predict what is held out, report",
    _add_arguments,
    _run,
    (
        "sapnet run photos --clicks clicks.json --out run",
        "sapnet run photos --clicks clicks.json --out run --effort fast --val.images new_photos",
    ),
    main_options=(
        "images",
        "clicks",
        "out",
        "effort",
        "val.images",
        "val.truth",
        "truth",
        "proposer",
        "device",
        "config",
    ),
    complete=_complete,
    kept="the finished steps and the last checkpoint, in the folder of --out",
)

"""`sapnet enhance`: estimate a box for each click."""

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


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.enhancement.config import EnhanceConfig, EnhancerConfig

    add_recipe_argument(parser)
    parser.add_argument("--images", type=Path, required=True, help="folder of the clicked images")
    parser.add_argument("--clicks", type=Path, required=True, help="clicks file to learn from")
    parser.add_argument("--out", type=Path, required=True, help="clicks file to write, with boxes")
    parser.add_argument(
        "--run",
        type=Path | None,
        help="folder of the training, resumed if it exists; OUT_enhancer if not given",
    )
    parser.add_argument(
        "--trained",
        type=Path | None,
        help="folder of an earlier training to apply to these clicks, instead of training",
    )
    parser.add_class_arguments(EnhanceConfig, None)
    parser.add_class_arguments(EnhancerConfig, "model")


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.enhancement.config import EnhanceConfig
    from sapnet.enhancement.enhance import EnhanceInputs, enhance

    cfg = instantiate(parser, args, EnhanceConfig)
    model_cfg = instantiated(parser, args).model
    try:
        inputs = EnhanceInputs(args.images, args.clicks, args.out, args.run, args.trained)
    except ValueError as error:
        raise WrongUseError(error) from error
    summary = enhance(inputs, model_cfg, cfg)
    print(f"{summary.num_estimated} clicks with an estimated box: {summary.out}")
    if summary.num_known:
        print(f"{summary.num_known} clicks have a known box or mask, which stays")
    print(f"enhancer: {summary.run}")
    return SUCCESS


COMMAND = Command(
    "estimate a box for each click, the second prompt of propose",
    _add_arguments,
    _run,
    (
        "sapnet enhance --images photos --clicks clicks.json --out enhanced.json",
        "sapnet enhance --config enhancer/small_images_cpu --images photos "
        "--clicks clicks.json --out enhanced.json",
        "sapnet enhance --images more_photos --clicks more_clicks.json --trained enhanced_enhancer "
        "--out more_enhanced.json",
    ),
    main_options=(
        "images",
        "clicks",
        "out",
        "config",
        "run",
        "trained",
        "epochs",
        "batch-size",
        "device",
        "workers",
    ),
    kept="the last checkpoint, in the folder of the training",
    writes=("out",),
    run_ending="_enhancer",
)

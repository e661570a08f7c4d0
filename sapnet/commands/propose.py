"""`sapnet propose`: make candidate masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sapnet.commands.command import SKIPPED, SUCCESS, Command, instantiate

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.proposals.config import ProposeConfig

    parser.add_class_arguments(ProposeConfig, None)


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.pipeline.proposing import propose
    from sapnet.proposals.config import ProposeConfig

    summary = propose(instantiate(parser, args, ProposeConfig))
    if summary.updated is not None:
        print(summary.updated)
    if summary.num_images or summary.skipped:
        print(
            f"{summary.num_proposals} proposals for {summary.num_objects} objects on "
            f"{summary.num_images} images: {summary.store}"
        )
    else:
        print(f"no image to propose for, the store is complete: {summary.store}")
    if summary.given:
        print(summary.given)
    if summary.num_images_before:
        print(f"{summary.num_images_before} images were there already")
    if summary.skipped:
        print(f"{len(summary.skipped)} images were skipped")
    return SKIPPED if summary.skipped else SUCCESS


COMMAND = Command(
    "make candidate masks for each click",
    _add_arguments,
    _run,
    (
        "sapnet propose --images photos --clicks clicks.json --out store",
        "sapnet propose --images photos --clicks clicks.json --out store --proposer sam "
        "--checkpoint facebook/sam-vit-base",
    ),
    main_options=(
        "images",
        "clicks",
        "out",
        "proposer",
        "checkpoint",
        "file",
        "num-proposals",
        "device",
        "workers",
        "skip-errors",
    ),
    kept="the finished shards, in the folder of --out",
)

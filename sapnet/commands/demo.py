"""`sapnet demo`: all steps on images that it draws and that it ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, instantiate

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.demo.config import DemoConfig

    parser.add_class_arguments(DemoConfig, None)


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.demo.config import DemoConfig
    from sapnet.demo.run import run_demo

    print(run_demo(instantiate(parser, args, DemoConfig)))
    return SUCCESS


COMMAND = Command(
    "run all steps on synthetic and on real images, with a report, in minutes",
    _add_arguments,
    _run,
    ("sapnet demo", "sapnet demo --parts '[nuclei]' --out runs/nuclei"),
    main_options=(
        "out",
        "parts",
        "train-images",
        "test-images",
        "size",
        "epochs",
        "nuclei-epochs",
        "device",
        "workers",
    ),
)

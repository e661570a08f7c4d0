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
    import time

    from sapnet.demo.config import DemoConfig
    from sapnet.demo.parts import prepare_parts
    from sapnet.demo.run import DemoOutcome, demo_plan, write_demo
    from sapnet.pipeline.record import RunRecord
    from sapnet.pipeline.run import run_plan, run_report

    cfg: DemoConfig = instantiate(parser, args, DemoConfig)
    start = time.perf_counter()
    parts, outcomes = prepare_parts(cfg), list[DemoOutcome]()
    images = round(time.perf_counter() - start, 1)
    for part in parts:
        plan = demo_plan(part, cfg)
        # A new record: each call repeats what is not resumable, such as the report.
        summary = run_plan(plan, RunRecord({}, {}))
        seconds = {"images": images, **summary.seconds}
        report, _ = run_report(plan, seconds, part.name)
        outcomes.append(DemoOutcome(part.name, {**summary.figures, "seconds": seconds}, report))
    print(write_demo(cfg, parts, outcomes))
    print(f"{(time.perf_counter() - start) / 60:.1f} min")
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
    kept="the finished steps, in the folder of --out",
)

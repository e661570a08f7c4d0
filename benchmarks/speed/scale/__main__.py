"""Cost of a data set of any size, computed from unit costs measured on this machine.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.scale [--images N] [--clicks N] [--json FILE]

A unit cost is processor seconds of one core (or bytes) per image, click or object, measured on
synthetic images of 640 x 640 px with ten objects each. No GPU is measured here: give the seconds
that an image takes on yours with --segmenter-seconds and --step-seconds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.common import given_options, parse_arguments, setting, table, write_json
from benchmarks.speed.scale.clicks import measure_clicks
from benchmarks.speed.scale.costs import Costs
from benchmarks.speed.scale.store import (
    measure_proposing,
    measure_store,
    measure_training_input,
    measure_transport,
)


def main() -> None:
    """Measure unit costs, print the cost of the data set and write the figures."""
    args = parse_options()
    costs = Costs()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure_clicks(costs, folder)
        images, described = measure_proposing(costs, folder)
        measure_store(costs, folder, described)
        measure_training_input(costs, images, folder, described)
        measure_transport(costs, described)
    units = costs.summary()
    print(table(("unit cost", "value"), units.items()))
    print(f"\n{args.images:,} images, {args.clicks:,} clicks\n")
    totals = estimate(units, args)
    print(table(("total", "value", "unit"), [(key, *total) for key, total in totals.items()]))
    write_json(args.json, units, setting(**given_options(args)), costs.samples)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    return parse_arguments(
        __doc__,
        images={"type": int, "default": 1_000_000},
        clicks={"type": int, "default": 10_000_000},
        cores={"type": int, "default": 64, "help": "cores of the machines that propose"},
        epochs={"type": int, "default": 12},
        segmenter_seconds={"type": float, "help": "seconds of SAM per image on one GPU"},
        step_seconds={"type": float, "help": "seconds of training per image on one GPU"},
        gpus={"type": int, "default": 8},
    )


def estimate(units: dict[str, float], args: argparse.Namespace) -> dict[str, tuple[float, str]]:
    """Return the costs of the whole data set, products of unit costs and numbers.

    Args:
        units: unit costs by name.
        args: sizes of the data set and of the machines.

    Returns:
        Value and unit by name.
    """
    images, clicks, hour, giga = args.images, args.clicks, 3600.0, 1e9
    work = images * (units["decode_s_per_image"] + units["regions_s_per_image"])
    work += clicks * units["describe_s_per_object"]
    driver = images * max(
        units.get("ray_driver_s_per_image", 0), units["processes_driver_s_per_image"]
    )
    driver += clicks * units["write_s_per_object"]
    rows = {
        "click file, size": (clicks * units["click_file_bytes_per_click"] / giga, "GB"),
        "click file, load in the driver": (clicks * units["load_clicks_s_per_click"] / 60, "min"),
        "click file, memory of the driver": (
            clicks * units["load_clicks_bytes_per_click"] / giga,
            "GB",
        ),
        "fingerprint of the clicks": (clicks * units["fingerprint_s_per_click"] / 60, "min"),
        "check of all headers (local folders)": (
            images * units["check_header_s_per_image"] / 60,
            "min",
        ),
        "propose with regions, one core": (work / hour, "h"),
        f"propose with regions, {args.cores} cores": (work / hour / args.cores, "h"),
        "driver of the run: transport and writing, one core": (driver / hour, "h"),
        "cores that one driver keeps busy": (work / driver, "cores"),
        "store, size": (clicks * units["store_bytes_per_object"] / giga, "GB"),
        "store, open": (images * units["open_store_s_per_image"], "s"),
        "training input, one epoch, one core": (
            images * units["load_training_image_s_per_image"] / hour,
            "h",
        ),
    }
    if args.segmenter_seconds:
        total = images * args.segmenter_seconds / hour / args.gpus
        rows[f"propose with sam, {args.gpus} GPUs"] = (total, "h")
    if args.step_seconds:
        total = args.epochs * images * args.step_seconds / hour / args.gpus
        feeding = units["load_training_image_s_per_image"] / args.step_seconds
        rows[f"train {args.epochs} epochs, {args.gpus} GPUs"] = (total, "h")
        rows["loader cores that keep one GPU busy"] = (feeding, "cores")
    return rows


if __name__ == "__main__":
    main()

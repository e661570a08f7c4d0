"""Images per second of the training loader, against decoding at full size and resizing.

    python -m benchmarks.speed.loader --json loader.json --plot loader.png

JPEG files of 640 x 480 px enter at a short side of 800 px, with 8 objects of 6 proposals each. Two
worker processes make batches of 2. The usual way is described in `usual.py`. The third way,
"reduced", is the usual one made better: its workers bring the masks to the grid, so that they need
not send 42 MB per image.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader

from benchmarks.common import (
    Timing,
    as_samples,
    median,
    parse_arguments,
    setting,
    table,
    time_side_by_side,
    write_json,
)
from benchmarks.plots import draw_costs
from benchmarks.speed.loader.data import Ways, check_equal, make_data
from benchmarks.speed.loader.usual import AUGMENT, PROPOSALS, join, usual_masks
from sapnet.batches.augment import evaluation_view, view_content, view_masks
from sapnet.batches.collate import collate
from sapnet.batches.loader import build_loader
from sapnet.batches.supervision import make_bags
from sapnet.data.images import load_image

BATCH, WORKERS = 2, 2

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Objects per image of the plot."""

SIZE_REPEATS = 9


def main() -> None:
    """Make the data, compare, time, print and write the figures."""
    args = parse_arguments(
        __doc__,
        images={"type": int, "default": 128, "help": "images of a pass"},
        objects={"type": int, "default": 8, "help": "objects per image"},
        repeats={"type": int, "default": 5, "help": "passes of each way"},
        plot={"type": Path, "help": "PNG file: cost against the number of objects"},
    )
    torch.set_num_threads(1)  # as in a loader's worker
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        ways = make_data(Path(folder), args.images, args.objects)
        equality = check_equal(ways)
        stages = time_stages(ways, 4 * args.repeats)
        rates = time_loaders(ways, args.repeats)
    rate = {name: statistics.median(runs) for name, runs in rates.items()}
    spent = {name: 1e3 * median(runs).cpu for name, runs in stages.items()}
    summary = {
        "loader_ratio": rate["ours"] / rate["usual"],
        "loader_reduced_ratio": rate["ours"] / rate["reduced"],
        "image_cpu_ratio": spent["usual: whole image"] / spent["ours: whole image"],
        "masks_cpu_ratio": spent["usual: masks"] / spent["ours: masks"],
        "images_per_s": rate["ours"],
        "usual_images_per_s": rate["usual"],
        "reduced_images_per_s": rate["reduced"],
        **equality,
    }
    sizes = time_sizes()
    if args.plot is not None:
        draw_costs(args.plot, SIZES, sizes, ("objects per image", "CPU ms per image"))
    print(table(("figure", "value"), summary.items()))
    print()
    print(table(("stage of one image", "CPU ms"), spent.items()))
    own = {"images": args.images, "objects": args.objects, "proposals": PROPOSALS, "sizes": SIZES}
    samples = as_samples(stages)
    samples |= {f"{name}_images_per_s": runs for name, runs in rates.items()}
    samples |= {f"{name}_cpu_ms_by_objects": costs for name, costs in sizes.items()}
    write_json(args.json, summary, setting(workers=WORKERS, batch=BATCH, **own), samples)


def images_per_second(build: Callable[[], DataLoader]) -> float:
    """Return the rate of one pass from its first batch on, without starting the processes."""
    batches = iter(build())
    next(batches)
    start, count = time.perf_counter(), 0
    for _ in batches:
        count += BATCH
    return count / (time.perf_counter() - start)


def time_stages(ways: Ways, repeats: int) -> dict[str, list[Timing]]:
    """Time the stages of one image in this process."""
    ours, usual, reduced = ways.ours, ways.usual, ways.reduced
    record, rles = usual.records[0], usual.rles[0]
    path = usual.images / record.file_name
    pixels, objects = load_image(path), ours.store.objects_of_image(0)
    view = evaluation_view((record.height, record.width), AUGMENT)
    samples = [ours[0], ours[1]]
    return time_side_by_side(
        {
            "usual: whole image": partial(usual.__getitem__, 0),
            "usual: join 2 images": partial(join, [usual[0], usual[1]]),
            "usual: masks": partial(usual_masks, rles, view),
            "usual, reduced: whole image": partial(reduced.__getitem__, 0),
            "ours: whole image": partial(ours.__getitem__, 0),
            "ours: masks": partial(view_masks, rles, view),
            "ours: read the file": partial(load_image, path),
            "ours: resize": partial(view_content, pixels, view),
            "ours: read the store": partial(ours.store.objects_of_image, 0),
            "ours: bags, masks included": partial(make_bags, objects, [0] * len(objects), view),
            "ours: pad and join 2 images": partial(collate, samples),
        },
        repeats,
    )


def time_sizes() -> dict[str, list[float]]:
    """Return the CPU milliseconds of an image by its number of objects, for each way."""
    costs: dict[str, list[float]] = {"usual": [], "usual, reduced": [], "ours": []}
    for num_objects in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            ways = make_data(Path(folder), 1, num_objects)
            sides = zip(costs, (ways.usual, ways.reduced, ways.ours), strict=True)
            runs = time_side_by_side(
                {name: partial(way.__getitem__, 0) for name, way in sides}, SIZE_REPEATS
            )
        for name, timings in runs.items():
            costs[name].append(1e3 * median(timings).cpu)
    return costs


def time_loaders(ways: Ways, repeats: int) -> dict[str, list[float]]:
    """Return the images per second of whole passes; the ways take turns."""
    usual = partial(DataLoader, batch_size=BATCH, num_workers=WORKERS, collate_fn=join)
    loaders = {
        "usual": partial(usual, ways.usual),
        "reduced": partial(usual, ways.reduced),
        "ours": partial(build_loader, ways.ours, BATCH, workers=WORKERS),
    }
    rates: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(repeats):
        for name, build in loaders.items():
            rates[name].append(images_per_second(build))
    return rates


if __name__ == "__main__":
    main()

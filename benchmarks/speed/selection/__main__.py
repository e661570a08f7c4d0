"""Selection maths against a plain loop: equal outputs, then seconds and memory per batch.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.selection \
        --json selection.json --plot selection.png

Four images, six proposals per object, forward only, one thread; `maths.py` describes what is
computed. Also the consensus of `sapnet+`: IoUs of all masks of each bag at 800 x 1088 px. The exit
code is 1 if an output differs from the loop's or from the plain matrix product's.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

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
from benchmarks.speed.selection.maths import (
    HEIGHT,
    IMAGES,
    METHODS,
    PROPOSALS,
    WIDTH,
    as_lists,
    differences,
    make_inputs,
    run_package,
    run_plain,
)
from sapnet.selection.consensus import pairwise_iou
from sapnet.structures.grids import MASK_STRIDE

SIZES = (10, 30, 100)
"""Objects per image of the summary."""

CURVE = (10, 20, 40, 120, 400, 1000)
"""Objects per batch of the plot; the loop is timed up to the largest of `SIZES`."""

CROWD = "crowd"
"""Name of the `paper` setting with all objects of one class, which makes the most rivals."""

MASK_OBJECTS = 100
"""Objects per image of the consensus."""

DENSE_CHUNK = 1
"""Bags that the plain matrix product takes at a time; one is quickest."""


def main() -> None:
    """Check, measure, print and write the figures and the plot."""
    args = parse_arguments(
        __doc__,
        repeats={"type": int, "default": 9, "help": "timed runs; the median counts"},
        plot={"type": Path, "help": "PNG file: cost against the number of objects"},
    )
    torch.set_num_threads(1)
    counts = sorted({*CURVE, *(IMAGES * n for n in SIZES)})
    check_choices(counts)
    timings = {count: time_batch(count, args.repeats) for count in counts}
    masks = make_masks()
    check_masks(masks)
    consensus = time_side_by_side(
        {"consensus": partial(pairwise_iou, masks), "matrix_product": partial(dense_iou, masks)},
        args.repeats,
    )
    peaks = {count: peak_mib(count) for count in counts}
    summary = summarize(timings, peaks) | {
        "consensus_ms": 1000 * median(consensus["consensus"]).wall,
        "consensus_cpu_ms": 1000 * median(consensus["consensus"]).cpu,
        "consensus_ratio": ratio(consensus["matrix_product"], consensus["consensus"]),
        "consensus_peak_mib": peak_extra_mib(partial(pairwise_iou, masks)),
    }
    print(table(["figure", "value"], summary.items()))
    print(table(["objects", "case", "wall ms", "CPU ms"], rows(timings)))
    samples = {
        f"{count}_objects_{name}": values
        for count, timed in timings.items()
        for name, values in as_samples(timed).items()
    }
    every = [
        run for timed in (*timings.values(), consensus) for runs in timed.values() for run in runs
    ]
    own = {
        "images": IMAGES,
        "proposals": PROPOSALS,
        "height": HEIGHT,
        "width": WIDTH,
        # Below 1, the machine was busy with something else: use the CPU figures then.
        "cpu_per_wall_second": sum(run.cpu for run in every) / sum(run.wall for run in every),
    }
    write_json(args.json, summary, setting(**own), samples | as_samples(consensus))
    if args.plot is not None:
        draw(timings, args.plot)


def check_choices(counts: list[int]) -> None:
    """Exit with code 1 if the package and the loop disagree."""
    wrong = []
    for count in counts:
        for name, method in METHODS.items():
            inputs = make_inputs(count)
            found = differences(run_package(inputs, method), run_plain(as_lists(inputs), method))
            wrong += [f"{name}, {count} objects: {output} differs" for output in found]
    if wrong:
        sys.exit("\n".join(wrong))


def check_masks(masks: Tensor) -> None:
    """Exit with code 1 if the IoUs are not those of the matrix product."""
    if not torch.equal(pairwise_iou(masks), dense_iou(masks)):
        sys.exit("consensus: IoUs differ from the matrix product's")


def time_batch(num_objects: int, repeats: int) -> dict[str, list[Timing]]:
    """Time all settings and, up to the largest of `SIZES`, their loops, side by side."""
    inputs, crowd = make_inputs(num_objects), make_inputs(num_objects, classes=1)
    functions: dict[str, Callable[[], object]] = {
        CROWD: partial(run_package, crowd, METHODS["paper"])
    }
    for name, method in METHODS.items():
        functions[name] = partial(run_package, inputs, method)
        if num_objects <= IMAGES * max(SIZES):
            functions[f"{name}_loop"] = partial(run_plain, as_lists(inputs), method)
    # Loops that take seconds need only a few rounds.
    return time_side_by_side(functions, repeats if num_objects < 400 else min(repeats, 5))


def make_masks() -> Tensor:
    """Draw the boxes of a batch as ellipses on the stride-4 grid: (N, K, h, w) uint8."""
    boxes = make_inputs(IMAGES * MASK_OBJECTS).bags.boxes / MASK_STRIDE
    x = torch.arange(WIDTH // MASK_STRIDE) + 0.5
    y = torch.arange(HEIGHT // MASK_STRIDE) + 0.5
    parts = []
    for left, top, right, bottom in (part.unbind(2) for part in torch.split(boxes, DENSE_CHUNK)):
        across = ((2 * x - (left + right)[..., None]) / (right - left)[..., None]).square()
        down = ((2 * y - (top + bottom)[..., None]) / (bottom - top)[..., None]).square()
        parts.append((across[..., None, :] + down[..., None] < 1).byte())
    return torch.cat(parts)


def dense_iou(masks: Tensor) -> Tensor:
    """Compute IoUs the plain way: cells as numbers, one matrix product per bag."""
    numbers = (part.float() for part in torch.split(masks.flatten(2), DENSE_CHUNK))
    shared = torch.cat([part @ part.mT for part in numbers])
    area = shared.diagonal(dim1=1, dim2=2)
    ious = shared / (area[:, :, None] + area[:, None] - shared).clamp(min=1)
    ious.diagonal(dim1=1, dim2=2).fill_(1.0)
    return ious


def ratio(slow: list[Timing], fast: list[Timing]) -> float:
    """Return the processor time of the slow one over that of the fast one."""
    return median(slow).cpu / median(fast).cpu


def summarize(
    timings: Mapping[int, Mapping[str, list[Timing]]], peaks: Mapping[int, Mapping[str, float]]
) -> dict[str, float]:
    """Return figures by name: milliseconds per batch, speed-up over the loop, MiB."""
    summary = {}
    for size in SIZES:
        timed, peak = timings[IMAGES * size], peaks[IMAGES * size]
        for name in (*METHODS, CROWD):
            summary[f"{name}_{size}_per_image_ms"] = 1000 * median(timed[name]).wall
            summary[f"{name}_{size}_per_image_cpu_ms"] = 1000 * median(timed[name]).cpu
            summary[f"{name}_{size}_per_image_peak_mib"] = peak[name]
        for name in METHODS:
            summary[f"{name}_{size}_per_image_ratio"] = ratio(timed[f"{name}_loop"], timed[name])
    most = max(timings)
    for name in (*METHODS, CROWD):
        summary[f"{name}_{most}_objects_cpu_ms"] = 1000 * median(timings[most][name]).cpu
        summary[f"{name}_{most}_objects_peak_mib"] = peaks[most][name]
    return summary


def rows(timings: Mapping[int, Mapping[str, list[Timing]]]) -> list[tuple[object, ...]]:
    """Return rows of the median milliseconds of each case."""
    return [
        (count, name, 1000 * median(runs).wall, 1000 * median(runs).cpu)
        for count, timed in timings.items()
        for name, runs in timed.items()
    ]


def peak_mib(num_objects: int) -> dict[str, float]:
    """Return the peak extra memory of each setting in MiB."""
    inputs, crowd = make_inputs(num_objects), make_inputs(num_objects, classes=1)
    cases = {name: partial(run_package, inputs, method) for name, method in METHODS.items()}
    cases[CROWD] = partial(run_package, crowd, METHODS["paper"])
    return {name: peak_extra_mib(function) for name, function in cases.items()}


def peak_extra_mib(function: Callable[[], object]) -> float:
    """Return the peak growth of the resident memory during a call, its result included."""
    status = Path("/proc/self/status")
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not be taken again unnoticed
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here

    def kib(name: str) -> int:
        (line,) = (line for line in status.read_text().splitlines() if line.startswith(name))
        return int(line.split()[1])

    before = kib("VmRSS:")
    function()
    return (kib("VmHWM:") - before) / 1024


def draw(timings: Mapping[int, Mapping[str, list[Timing]]], path: Path) -> None:
    """Draw milliseconds against objects per batch, both axes logarithmic."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    styles = {"_loop": "--", "": "-"}
    colours = {"released": "C0", "paper": "C1", CROWD: "C2"}
    for name, colour in colours.items():
        for suffix, style in styles.items():
            points = [
                (count, 1000 * median(timed[name + suffix]).cpu)
                for count, timed in timings.items()
                if name + suffix in timed
            ]
            if points:
                label = f"{name}, plain loop" if suffix else name
                axes.loglog(
                    *zip(*points, strict=True), style, color=colour, marker=".", label=label
                )
    axes.set(xlabel="objects per batch of 4 images", ylabel="CPU ms per batch, one thread")
    axes.grid(which="both", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

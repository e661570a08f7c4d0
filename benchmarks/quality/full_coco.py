"""Cost of full COCO: a measured training step of each system, and estimated GPU hours.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.full_coco --json full_coco.json

Each system's step (ResNet-50; stem, first stage and norms frozen as with ImageNet weights) and
SAM's work on an image (ViT-B size, random weights) run once on the CPU, each in a process of its
own: CPU seconds, peak memory and floating point operations. Hours on a GPU are **estimates**:
operations over a rate (`--tflops`) at which such a GPU is known to train ResNet-50. RoIAlign,
element-wise work, loading and communication are not counted; the rate allows for them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import (
    figures_of_process,
    given_options,
    parse_arguments,
    setting,
    table,
    write_json,
)
from benchmarks.speed.memory import NUM_CLASSES, BatchSize, peak_gib, random_batch
from benchmarks.speed.proposers import make_sam
from benchmarks.speed.scenes import HEIGHT, WIDTH, click_set, draw_photograph
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.selection.config import SelectionConfig, paper_selection
from sapnet.structures.batch import Batch, InstanceTargets
from sapnet.structures.clicks import Category, ImageRecord

IMAGES, EPOCHS = 118_287, 12
"""Images of COCO train2017 (7.3 objects each), and epochs of the 1x schedule."""

A100_MIXED, A100_TF32 = 61.0, 23.0
"""TFLOP per second of one A100 that trains ResNet-50 in mixed precision and in TF32: NVIDIA's 2,470
and 938 images per second (DeepLearningExamples, resnet50v1.5, 2021) times 24.5 GFLOP per image."""


@dataclass(frozen=True)
class System:
    """System that is trained.

    Attributes:
        selection: settings of the selection; None if masks are given.
        segmenter: True if the segmenter is trained.
    """

    selection: SelectionConfig | None
    segmenter: bool = True


def first_stage_alone() -> SelectionConfig:
    """Return the settings of PSM alone, as in the recipe `ablations/table4/1_mil`."""
    paper = paper_selection()
    return replace(
        paper,
        refinement=False,
        guidance=replace(paper.guidance, enabled=False),
        multi_mask=replace(paper.multi_mask, enabled=False),
    )


SYSTEMS = {
    "given masks (top-1, second stage, supervised)": System(None),
    "MIL": System(first_stage_alone()),
    "SAPNet": System(paper_selection()),
    "sapnet+": System(SelectionConfig()),
    "SAPNet, selection alone": System(paper_selection(), segmenter=False),
}
SAM = "sam"


def main() -> None:
    """Measure, print and write the figures."""
    args = parse_options()
    size = BatchSize(args.batch_size, args.height, args.width, args.objects, args.proposals)
    if args.here == SAM:
        print(json.dumps(measure_sam(size.objects)))
        return
    if args.here is not None:
        print(json.dumps(measure_step(SYSTEMS[args.here], size, args.backbone)))
        return
    words = [*size.words(), "--backbone", args.backbone]
    found = {
        name: figures_of_process("benchmarks.quality.full_coco", *words, "--here", name)
        for name in args.only
    }
    print(table(*as_rows(found, args.tflops)))
    summary = {f"{name} {key}": value for name, row in found.items() for key, value in row.items()}
    write_json(args.json, summary, setting(**given_options(args)), found)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    return parse_arguments(
        __doc__,
        height={"type": int, "default": 800, "help": "height of the input, px"},
        width={"type": int, "default": 1344, "help": "1333 padded to stride 32, px"},
        batch_size={"type": int, "default": 2, "help": "images of the measured step"},
        objects={"type": int, "default": 8, "help": "objects per image"},
        proposals={"type": int, "default": 3, "help": "proposals per object; SAM gives three"},
        backbone={"default": "resnet50", "help": "name of a timm model"},
        tflops={"type": float, "nargs": "+", "default": [A100_MIXED, A100_TF32]},
        only={"nargs": "+", "choices": [*SYSTEMS, SAM], "default": [*SYSTEMS, SAM]},
        here={"choices": [*SYSTEMS, SAM], "help": "measure this system in this process"},
    )


def measure_step(system: System, size: BatchSize, backbone: str) -> dict[str, float]:
    """Run one training step: forward, backward and the optimizer's step."""
    torch.manual_seed(0)
    settings = ModelConfig(
        backbone=backbone,
        weights="none",
        frozen_stages=1,
        frozen_norms=True,
        selection=system.selection or SelectionConfig(),
        segmenter=system.segmenter,
    )
    model = Network(settings, tuple(Category(i + 1, str(i)) for i in range(NUM_CLASSES))).train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1e-4, momentum=0.9)
    batch = random_batch(size)
    if system.selection is None:
        batch = with_given_masks(batch)
    before = peak_gib()
    start = time.process_time()
    with FlopCounterMode(display=False) as counter:
        model(batch).total.backward()
    optimizer.step()
    return {
        "cpu_seconds_per_image": (time.process_time() - start) / size.images,
        "tflop_per_image": counter.get_total_flops() / size.images / 1e12,
        "before_gib": before,
        "peak_gib": peak_gib(),
    }


def with_given_masks(batch: Batch) -> Batch:
    """Make the first proposal of each object its given mask."""
    bags = batch.bags
    if bags is None:
        return batch
    masks = bags.masks[:, 0]
    targets = InstanceTargets(
        masks=masks,
        boxes=bags.boxes[:, 0],
        labels=bags.labels,
        image_index=bags.image_index,
        ranked_masks=masks.new_zeros(len(masks), 0, *masks.shape[1:]),
        ranked_valid=torch.zeros(len(masks), 0, dtype=torch.bool),
    )
    return replace(batch, bags=None, targets=targets)


def measure_sam(num_objects: int) -> dict[str, float]:
    """Propose masks on one photograph with SAM."""
    image = draw_photograph(np.random.default_rng(0))
    clicks = click_set([ImageRecord(0, "a.jpg", WIDTH, HEIGHT)], num_objects).clicks
    with tempfile.TemporaryDirectory() as folder:
        proposer = make_sam(Path(folder))
        before = peak_gib()
        start = time.process_time()
        with FlopCounterMode(display=False) as counter:
            proposer.propose(image, clicks)
    return {
        "cpu_seconds_per_image": time.process_time() - start,
        "tflop_per_image": counter.get_total_flops() / 1e12,
        "before_gib": before,
        "peak_gib": peak_gib(),
    }


def as_rows(
    found: dict[str, dict[str, float]], rates: list[float]
) -> tuple[list[str], list[list[object]]]:
    """Return head and rows of the table.

    Args:
        found: figures by system.
        rates: TFLOP per second of a GPU. Hours are those of one GPU for all epochs, or for all
            proposals.
    """
    head = ["", "CPU s an image", "TFLOP an image", "peak GiB", "PFLOP in all"]
    head += [f"GPU hours at {rate:g} TFLOP/s" for rate in rates]
    rows: list[list[object]] = []
    for name, row in found.items():
        total = row["tflop_per_image"] * IMAGES * (1 if name == SAM else EPOCHS)
        hours = [total / rate / 3600 for rate in rates]
        measured = (row["cpu_seconds_per_image"], row["tflop_per_image"], row["peak_gib"])
        rows.append([name, *measured, f"{total / 1e3:,.0f}", *(f"{h:.0f}" for h in hours)])
    return head, rows


if __name__ == "__main__":
    main()

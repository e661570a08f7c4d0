"""What full COCO costs: a training step of each system of the paper, measured, and what follows.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.full_coco --json full_coco.json

Each system's step (ResNet-50; stem, first stage and norms frozen as with ImageNet weights) and
SAM's work on an image (ViT-B size, random weights) run once on the CPU, in a process of their own:
CPU seconds, peak memory and floating point operations. Hours on a GPU are **estimates**: operations
over a rate (`--tflops`) at which such a GPU is known to train ResNet-50. RoIAlign, element-wise
work, loading and communication are not counted as operations; the rate has room for them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import setting, table, write_json
from benchmarks.speed.memory import NUM_CLASSES, peak_gib, random_batch
from benchmarks.speed.proposers import make_sam
from benchmarks.speed.scenes import HEIGHT, WIDTH, click_set, draw_photograph
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.selection.config import SelectionConfig, paper_selection
from sapnet.structures.batch import Batch, InstanceTargets
from sapnet.structures.clicks import Category, ImageRecord

IMAGES, EPOCHS = 118_287, 12
"""Images of COCO train2017, 7.3 objects each, and the passes of the 1x schedule."""

A100_MIXED, A100_TF32 = 61.0, 23.0
"""TFLOP a second of one A100 that trains ResNet-50 in mixed precision and in TF32: NVIDIA's 2,470
and 938 images a second (DeepLearningExamples, resnet50v1.5, 2021) times 24.5 GFLOP an image."""


@dataclass(frozen=True)
class System:
    """What is trained: how masks are chosen, None where they are given, and with what."""

    selection: SelectionConfig | None
    segmenter: bool = True


def first_stage_alone() -> SelectionConfig:
    """PSM alone, as in `sapnet/recipes/ablations/table4_1_mil.yaml`."""
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
    """Measure, print and, where asked, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=800, help="of the input, px")
    parser.add_argument("--width", type=int, default=1344, help="1333 padded to stride 32, px")
    parser.add_argument("--batch-size", type=int, default=2, help="images of the measured step")
    parser.add_argument("--objects", type=int, default=8, help="per image")
    parser.add_argument("--proposals", type=int, default=3, help="per object, as SAM gives")
    parser.add_argument("--backbone", default="resnet50", help="name of a timm model")
    parser.add_argument("--tflops", type=float, nargs="+", default=[A100_MIXED, A100_TF32])
    parser.add_argument("--only", nargs="+", choices=[*SYSTEMS, SAM], default=[*SYSTEMS, SAM])
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--here", help="measure this one in this process")
    args = parser.parse_args()
    if args.here is not None:
        measure = measure_sam if args.here == SAM else measure_step
        print(json.dumps(measure(args)))
        return
    found = {name: in_own_process(name) for name in args.only}
    print(table(*as_rows(found, args)))
    summary = {f"{name} {key}": value for name, row in found.items() for key, value in row.items()}
    own = {k: v for k, v in vars(args).items() if not isinstance(v, Path) and v is not None}
    write_json(args.json, summary, setting(**own), found)


def in_own_process(name: str) -> dict[str, float]:
    """Figures of one system, nothing else in memory."""
    command = [sys.executable, __file__, *sys.argv[1:], "--here", name]
    child = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(child.stdout.splitlines()[-1])
    return figures


def measure_step(args: argparse.Namespace) -> dict[str, float]:
    """One training step: forward, backward and the optimiser's step."""
    torch.manual_seed(0)
    system = SYSTEMS[args.here]
    settings = ModelConfig(
        backbone=args.backbone,
        weights="none",
        frozen_stages=1,
        frozen_norms=True,
        selection=system.selection or SelectionConfig(),
        segmenter=system.segmenter,
    )
    model = Network(settings, tuple(Category(i + 1, str(i)) for i in range(NUM_CLASSES))).train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1e-4, momentum=0.9)
    batch = random_batch(args)
    if system.selection is None:
        batch = with_given_masks(batch)
    before = peak_gib()
    start = time.process_time()
    with FlopCounterMode(display=False) as counter:
        model(batch).total.backward()
    optimizer.step()
    return {
        "cpu_seconds_per_image": (time.process_time() - start) / args.batch_size,
        "tflop_per_image": counter.get_total_flops() / args.batch_size / 1e12,
        "before_gib": before,
        "peak_gib": peak_gib(),
    }


def with_given_masks(batch: Batch) -> Batch:
    """The first proposal of each object as its given mask."""
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


def measure_sam(args: argparse.Namespace) -> dict[str, float]:
    """The proposals of one photograph."""
    image = draw_photograph(np.random.default_rng(0))
    clicks = click_set([ImageRecord(0, "a.jpg", WIDTH, HEIGHT)], args.objects).clicks
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
    found: dict[str, dict[str, float]], args: argparse.Namespace
) -> tuple[list[str], list[list[object]]]:
    """Head and rows of the table; hours are those of one GPU for all epochs, or all proposals."""
    head = ["", "CPU s an image", "TFLOP an image", "peak GiB", "PFLOP in all"]
    head += [f"GPU hours at {rate:g} TFLOP/s" for rate in args.tflops]
    rows: list[list[object]] = []
    for name, row in found.items():
        total = row["tflop_per_image"] * IMAGES * (1 if name == SAM else EPOCHS)
        hours = [total / rate / 3600 for rate in args.tflops]
        measured = (row["cpu_seconds_per_image"], row["tflop_per_image"], row["peak_gib"])
        rows.append([name, *measured, f"{total / 1e3:,.0f}", *(f"{h:.0f}" for h in hours)])
    return head, rows


if __name__ == "__main__":
    main()

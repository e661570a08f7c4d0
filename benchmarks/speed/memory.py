"""Peak memory of one training step on the CPU, at the size of the paper's training.

Runs the step in a fresh process, so that nothing else counts, and prints its peak resident memory:

    python -m benchmarks.speed.memory --json memory.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.structures.batch import Bags, Batch
from sapnet.structures.clicks import Category
from sapnet.structures.masks import CROP_SIZE, MASK_STRIDE

LIMIT_GIB = 6.0
"""What a step may take."""

NUM_CLASSES = 80
"""Categories of COCO."""


def main() -> None:
    """Measure, print and, where asked, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=800, help="of the input, px")
    parser.add_argument("--width", type=int, default=1088, help="of the input, px")
    parser.add_argument("--batch-size", type=int, default=2, help="images")
    parser.add_argument("--objects", type=int, default=60, help="per image")
    parser.add_argument("--proposals", type=int, default=8, help="per object")
    parser.add_argument("--backbone", default="resnet50", help="name of a timm model")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--here", action="store_true", help="run the step in this process")
    args = parser.parse_args()
    if args.here:
        print(json.dumps(measure(args)))
        return
    words = [word for word in sys.argv[1:] if word != "--here"]
    child = subprocess.run(
        [sys.executable, __file__, *words, "--here"], check=True, stdout=subprocess.PIPE, text=True
    )
    figures = json.loads(child.stdout.splitlines()[-1])
    for name, value in figures.items():
        print(f"{name:<24} {value}")
    print(f"limit                    {LIMIT_GIB} GiB")
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def measure(args: argparse.Namespace) -> dict[str, object]:
    """One training step: forward, backward and the optimiser's step."""
    torch.manual_seed(0)
    settings = ModelConfig(backbone=args.backbone, weights="none")
    model = Network(settings, tuple(Category(i + 1, str(i)) for i in range(NUM_CLASSES))).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    batch = random_batch(args)
    before = peak_gib()
    start = time.perf_counter()
    output = model(batch)
    forward = peak_gib()
    output.total.backward()
    optimizer.step()
    return {
        "before_gib": round(before, 2),
        "forward_gib": round(forward, 2),
        "peak_gib": round(peak_gib(), 2),
        "seconds": round(time.perf_counter() - start, 1),
        "threads": torch.get_num_threads(),
        "input": f"{args.batch_size} x {args.height} x {args.width}",
        "objects_per_image": args.objects,
        "proposals_per_object": args.proposals,
        "backbone": args.backbone,
        "loss": round(output.total.item(), 3),
    }


def random_batch(args: argparse.Namespace) -> Batch:
    """Objects of 24 to 300 px anywhere on noise, each with nested boxes as proposals."""
    count = args.batch_size * args.objects
    sides = torch.empty(count, 1, 2).uniform_(24, 300) * torch.linspace(
        0.5, 1, args.proposals
    ).view(1, -1, 1)
    frame = torch.tensor([args.width, args.height])
    centers = torch.rand(count, 1, 2) * (frame - 300) + 150
    boxes = torch.cat([centers - sides / 2, centers + sides / 2], dim=2)
    shape = (count, args.proposals)
    return Batch(
        images=torch.randint(0, 256, (args.batch_size, 3, args.height, args.width)).byte(),
        image_sizes=torch.tensor([[args.height, args.width]] * args.batch_size),
        original_sizes=torch.tensor([[args.height, args.width]] * args.batch_size),
        image_ids=torch.arange(args.batch_size),
        bags=Bags(
            boxes=boxes,
            valid=torch.ones(shape, dtype=torch.bool),
            mask_crops=torch.rand(*shape, CROP_SIZE, CROP_SIZE),
            holds_rival=torch.zeros(shape, dtype=torch.bool),
            box_iou=torch.ones(shape),
            own_scores=torch.rand(shape),
            masks=box_masks(boxes, args.height, args.width),
            labels=torch.randint(0, NUM_CLASSES, (count,)),
            points=centers[:, 0],
            image_index=torch.arange(args.batch_size).repeat_interleave(args.objects),
            annotation_ids=torch.arange(count),
        ),
    )


def box_masks(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(N, K, h, w) uint8, the boxes filled on the stride-4 grid."""
    x = torch.arange(width // MASK_STRIDE) * MASK_STRIDE + MASK_STRIDE / 2
    y = torch.arange(height // MASK_STRIDE) * MASK_STRIDE + MASK_STRIDE / 2
    x1, y1, x2, y2 = (side[..., None] for side in boxes.unbind(-1))
    columns, rows = (x > x1) & (x < x2), (y > y1) & (y < y2)
    return (rows[..., None] & columns[..., None, :]).to(torch.uint8)


def peak_gib() -> float:
    """Largest resident memory of this process so far (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()

"""Peak memory of one training step on the CPU, at the size of the paper's training.

    python -m benchmarks.speed.memory --json memory.json

runs the step in a fresh process, so that nothing else counts, and prints its peak resident memory.
"""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass

import torch

from benchmarks.common import (
    figures_of_process,
    given_options,
    parse_arguments,
    setting,
    table,
    write_json,
)
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.structures.batch import Bags, Batch
from sapnet.structures.clicks import Category
from sapnet.structures.grids import CROP_SIZE, MASK_STRIDE

LIMIT_GIB = 6.0
"""Largest memory that a step may take."""

NUM_CLASSES = 80
"""Number of categories of COCO."""


@dataclass(frozen=True)
class BatchSize:
    """Size of the measured batch.

    Attributes:
        images: number of images.
        height: height of the input, px.
        width: width of the input, px.
        objects: objects per image.
        proposals: proposals per object.
    """

    images: int
    height: int
    width: int
    objects: int
    proposals: int

    def words(self) -> list[str]:
        """Return the options of the command line that give this size."""
        options = {
            "batch-size": self.images,
            "height": self.height,
            "width": self.width,
            "objects": self.objects,
            "proposals": self.proposals,
        }
        return [word for name, value in options.items() for word in (f"--{name}", str(value))]


def main() -> None:
    """Measure, print and write the figures."""
    args = parse_arguments(
        __doc__,
        height={"type": int, "default": 800, "help": "height of the input, px"},
        width={"type": int, "default": 1088, "help": "width of the input, px"},
        batch_size={"type": int, "default": 2, "help": "images of the step"},
        objects={"type": int, "default": 60, "help": "objects per image"},
        proposals={"type": int, "default": 8, "help": "proposals per object"},
        backbone={"default": "resnet50", "help": "name of a timm model"},
        here={"action": "store_true", "help": "run the step in this process"},
    )
    size = BatchSize(args.batch_size, args.height, args.width, args.objects, args.proposals)
    if args.here:
        print(json.dumps(measure(size, args.backbone)))
        return
    words = [*size.words(), "--backbone", args.backbone, "--here"]
    figures = figures_of_process("benchmarks.speed.memory", *words)
    print(table(("figure", "value"), [*figures.items(), ("limit_gib", LIMIT_GIB)]))
    write_json(args.json, figures, setting(**given_options(args), limit_gib=LIMIT_GIB), figures)


def measure(size: BatchSize, backbone: str) -> dict[str, float]:
    """Run one training step: forward, backward and the optimizer's step."""
    torch.manual_seed(0)
    settings = ModelConfig(backbone=backbone, weights="none")
    model = Network(settings, tuple(Category(i + 1, str(i)) for i in range(NUM_CLASSES))).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    batch = random_batch(size)
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
        "loss": round(output.total.item(), 3),
    }


def random_batch(size: BatchSize) -> Batch:
    """Draw objects of 24 to 300 px anywhere on noise, each with nested boxes as proposals."""
    count = size.images * size.objects
    shrink = torch.linspace(0.5, 1, size.proposals).view(1, -1, 1)
    sides = torch.empty(count, 1, 2).uniform_(24, 300) * shrink
    frame = torch.tensor([size.width, size.height])
    centers = torch.rand(count, 1, 2) * (frame - 300) + 150
    boxes = torch.cat([centers - sides / 2, centers + sides / 2], dim=2)
    shape = (count, size.proposals)
    return Batch(
        images=torch.randint(0, 256, (size.images, 3, size.height, size.width)).byte(),
        image_sizes=torch.tensor([[size.height, size.width]] * size.images),
        original_sizes=torch.tensor([[size.height, size.width]] * size.images),
        image_ids=torch.arange(size.images),
        bags=Bags(
            boxes=boxes,
            valid=torch.ones(shape, dtype=torch.bool),
            mask_crops=torch.rand(*shape, CROP_SIZE, CROP_SIZE),
            holds_rival=torch.zeros(shape, dtype=torch.bool),
            box_iou=torch.ones(shape),
            own_scores=torch.rand(shape),
            masks=box_masks(boxes, size.height, size.width),
            labels=torch.randint(0, NUM_CLASSES, (count,)),
            points=centers[:, 0],
            image_index=torch.arange(size.images).repeat_interleave(size.objects),
            annotation_ids=torch.arange(count),
        ),
    )


def box_masks(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Fill boxes on the stride-4 grid: (N, K, h, w) uint8."""
    x = torch.arange(width // MASK_STRIDE) * MASK_STRIDE + MASK_STRIDE / 2
    y = torch.arange(height // MASK_STRIDE) * MASK_STRIDE + MASK_STRIDE / 2
    x1, y1, x2, y2 = (side[..., None] for side in boxes.unbind(-1))
    columns, rows = (x > x1) & (x < x2), (y > y1) & (y < y2)
    return (rows[..., None] & columns[..., None, :]).to(torch.uint8)


def peak_gib() -> float:
    """Return the largest resident memory of this process so far (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()

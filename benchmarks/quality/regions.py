"""How good the masks of the region proposer are, and how long it takes.

    python -m benchmarks.quality.regions --images DIR --clicks points.json --truth instances.json

prints, for objects above a size, the mean best IoU among K masks (oracle), the mean IoU of the
mask with the best own score (top 1), and the seconds per image on this machine: by the clock and
of the processor, which agree where nothing else runs. Set OMP_NUM_THREADS=1 to time one core.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sapnet.geometry.rle import rle_iou, to_rle
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.structures.clicks import Click


def load_clicks(path: Path) -> dict[int, list[Click]]:
    """Clicks by image from a file with one `point` per annotation."""
    by_image: dict[int, list[Click]] = defaultdict(list)
    for entry in json.loads(path.read_text())["annotations"]:
        x, y = entry["point"]
        by_image[entry["image_id"]].append(
            Click(entry["id"], entry["image_id"], entry["category_id"], ((x, y),))
        )
    return by_image


def measure(args: argparse.Namespace, num_proposals: int) -> dict[str, Any]:
    """Proposes masks for all images and compares them with the truth."""
    truth = json.loads(args.truth.read_text())
    objects = {a["id"]: a for a in truth["annotations"]}
    clicks = load_clicks(args.clicks)
    proposer = RegionProposer(RegionsConfig(num_proposals=num_proposals))
    oracle, top1, seconds, cpu_seconds = [], [], [], []
    for entry in truth["images"]:
        if entry["id"] not in clicks:
            continue
        image = np.asarray(Image.open(args.images / entry["file_name"]).convert("RGB"))
        start, cpu_start = time.perf_counter(), time.process_time()
        proposed = proposer.propose(image, clicks[entry["id"]])
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
        for click, proposals in zip(clicks[entry["id"]], proposed, strict=True):
            annotation = objects[click.annotation_id]
            if annotation["area"] <= args.min_area:
                continue
            mask = to_rle(annotation["segmentation"], *image.shape[:2])
            ious = rle_iou(proposals.rles, [mask])[:, 0]
            oracle.append(ious.max())
            top1.append(ious[proposals.scores.argmax()])
    return {
        "num_proposals": num_proposals,
        "num_objects": len(oracle),
        "oracle_miou": round(float(np.mean(oracle)), 4),
        "top1_miou": round(float(np.mean(top1)), 4),
        "seconds_per_image": round(float(np.mean(seconds)), 3),
        "cpu_seconds_per_image": round(float(np.mean(cpu_seconds)), 3),
    }


def main() -> None:
    """Parses the arguments, measures each K, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--clicks", type=Path, required=True, help="json with one point each")
    parser.add_argument("--truth", type=Path, required=True, help="COCO instances json")
    parser.add_argument("--num-proposals", type=int, nargs="+", default=[8, 24], help="K")
    parser.add_argument("--min-area", type=float, default=1024.0, help="px; larger objects count")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    figures = [measure(args, k) for k in args.num_proposals]
    for row in figures:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

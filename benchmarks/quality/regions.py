"""Quality of the region proposer's masks, and its time per image.

    python -m benchmarks.quality.regions --images DIR --clicks points.json --truth instances.json

prints, for objects above a size, the mean best IoU among K masks (oracle), the mean IoU of the
mask with the best own score (top 1), and the seconds per image: by the clock and of the processor.
The two agree if nothing else runs on the machine. Set OMP_NUM_THREADS=1 to time one core.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import given_options, parse_arguments, setting, table, write_json
from sapnet.geometry.rle import rle_iou, to_rle
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.structures.clicks import Click


def load_clicks(path: Path) -> dict[int, list[Click]]:
    """Read the clicks of each image from a file with one `point` per annotation."""
    by_image: dict[int, list[Click]] = defaultdict(list)
    for entry in json.loads(path.read_text())["annotations"]:
        x, y = entry["point"]
        by_image[entry["image_id"]].append(
            Click(entry["id"], entry["image_id"], entry["category_id"], ((x, y),))
        )
    return by_image


@dataclass(frozen=True)
class ClickedPhotographs:
    """Photographs with clicks and ground truth.

    Attributes:
        images: folder of the images.
        clicks: json with one `point` per annotation.
        truth: COCO instance json.
        min_area: objects up to this area (px) do not count.
    """

    images: Path
    clicks: Path
    truth: Path
    min_area: float


def measure(photographs: ClickedPhotographs, num_proposals: int) -> dict[str, Any]:
    """Propose masks for all images and compare them with the truth."""
    truth = json.loads(photographs.truth.read_text())
    objects = {a["id"]: a for a in truth["annotations"]}
    clicks = load_clicks(photographs.clicks)
    proposer = RegionProposer(RegionsConfig(num_proposals=num_proposals))
    oracle, top1, seconds, cpu_seconds = [], [], [], []
    for entry in truth["images"]:
        if entry["id"] not in clicks:
            continue
        image = np.asarray(Image.open(photographs.images / entry["file_name"]).convert("RGB"))
        start, cpu_start = time.perf_counter(), time.process_time()
        proposed = proposer.propose(image, clicks[entry["id"]])
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
        for click, proposals in zip(clicks[entry["id"]], proposed, strict=True):
            annotation = objects[click.annotation_id]
            if annotation["area"] <= photographs.min_area:
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
    """Measure each number of proposals, print and write the figures."""
    args = parse_arguments(
        __doc__,
        images={"type": Path, "required": True, "help": "folder of the images"},
        clicks={"type": Path, "required": True, "help": "json with one point per object"},
        truth={"type": Path, "required": True, "help": "COCO instance json"},
        num_proposals={"type": int, "nargs": "+", "default": [8, 24], "help": "masks per click"},
        min_area={"type": float, "default": 1024.0, "help": "smallest area of an object, px"},
    )
    photographs = ClickedPhotographs(args.images, args.clicks, args.truth, args.min_area)
    rows = [measure(photographs, count) for count in args.num_proposals]
    head = list(rows[0])
    print(table(head, [[str(row[name]) for name in head] for row in rows]))
    summary = {
        f"{row['num_proposals']} proposals {name}": row[name] for row in rows for name in head[1:]
    }
    write_json(args.json, summary, setting(**given_options(args)), rows)


if __name__ == "__main__":
    main()

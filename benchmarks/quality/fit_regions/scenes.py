"""Training images of the region proposer: measurements, clicks and true masks."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quality.regions import load_clicks
from sapnet.geometry.rle import decode_masks, to_rle
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.evidence import ImageEvidence
from sapnet.proposals.regions.image import measure_image
from sapnet.structures.clicks import Click


@dataclass(frozen=True)
class Scene:
    """Training image: measurements, clicks, and true masks with their areas."""

    evidence: ImageEvidence
    clicks: list[Click]
    truths: list[np.ndarray]
    areas: list[float]


def load_scenes(images: Path, clicks_json: Path, truth_json: Path) -> list[Scene]:
    """Measure every image that has clicks."""
    cfg = RegionsConfig()
    truth = json.loads(truth_json.read_text())
    objects = {a["id"]: a for a in truth["annotations"]}
    clicks = load_clicks(clicks_json)
    scenes = []
    for entry in truth["images"]:
        chosen = clicks.get(entry["id"], [])
        if not chosen:
            continue
        image = np.asarray(Image.open(images / entry["file_name"]).convert("RGB"))
        rles = [to_rle(objects[c.annotation_id]["segmentation"], *image.shape[:2]) for c in chosen]
        masks = [np.packbits(decode_masks([rle])[0]) for rle in rles]
        areas = [objects[c.annotation_id]["area"] for c in chosen]
        scenes.append(Scene(measure_image(image, cfg.working_side), chosen, masks, areas))
    return scenes


def unpack(scene: Scene, n: int) -> np.ndarray:
    """Return the true mask of object n: (H, W) bool."""
    height, width = scene.evidence.size
    bits = np.unpackbits(scene.truths[n], count=height * width)
    return bits.reshape(height, width).astype(bool)


def report(line: str) -> None:
    """Print progress to stderr; stdout is the file."""
    print(line, file=sys.stderr, flush=True)

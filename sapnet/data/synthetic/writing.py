"""Writing of the synthetic set: images, COCO ground truth, and the parts of every object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.parts import PART_KINDS
from sapnet.data.synthetic.scene import Scene, SceneObject, category_names, draw_scene
from sapnet.geometry.rle import encode_masks, rle_areas, rle_boxes, rle_to_json
from sapnet.structures.clicks import RLE
from sapnet.system.files import replaced_file, write_text_atomic
from sapnet.system.processes.parallel import map_in_order

PNG_COMPRESSION = 1
"""zlib level: the fastest, because sensor noise hardly compresses at any level."""

CHUNK = 16
"""Number of images that a worker receives at a time."""


@dataclass(frozen=True)
class SyntheticPaths:
    """Paths of the files of a synthetic set.

    Attributes:
        images: folder of 000001.png, 000002.png, ...
        truth: COCO ground truth, `instances.json`.
        parts: `parts.json`, the visible parts of each object; read only by the simulated proposer.
    """

    images: Path
    truth: Path
    parts: Path


def write_synthetic(out: Path, cfg: SyntheticConfig, workers: int = 1) -> SyntheticPaths:
    """Write the synthetic set.

    The files are the same for any number of workers. Each file is written atomically, the json
    files last.

    Args:
        out: folder, created if needed; files of the same names are replaced.
        cfg: settings of the set.
        workers: number of processes that draw.

    Returns:
        The paths of the written files.
    """
    paths = SyntheticPaths(out / "images", out / "instances.json", out / "parts.json")
    paths.images.mkdir(parents=True, exist_ok=True)
    names = category_names(cfg.num_classes)
    truth: dict[str, Any] = {
        "info": {"description": "sapnet synthetic set", "settings": asdict(cfg)},
        "images": [],
        "annotations": [],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)],
    }
    parts: list[dict[str, Any]] = []
    draw, everything = partial(_draw_images, paths.images, cfg), range(cfg.num_images)
    chunks = [everything[start : start + CHUNK] for start in everything[::CHUNK]]
    with closing(map_in_order(draw, chunks, workers)) as drawn:
        records = chain.from_iterable(drawn)
        bar = tqdm(records, total=cfg.num_images, desc="synthetic images", unit="image")
        for index, objects in enumerate(bar):
            truth["images"].append(_image_entry(index, cfg))
            first_id = len(parts) + 1
            for offset, (annotation, parts_entry) in enumerate(objects):
                ids = {"id": first_id + offset, "image_id": index + 1}
                truth["annotations"].append(ids | annotation)
                parts_entry["neighbours"] = [first_id + n for n in parts_entry["neighbours"]]
                parts.append(
                    {"annotation_id": first_id + offset, "image_id": index + 1} | parts_entry
                )
    # Plain dumps: proposal stores keep a digest of the parts file, so its bytes must not change.
    write_text_atomic(paths.parts, json.dumps({"objects": parts}))
    write_text_atomic(paths.truth, json.dumps(truth))
    return paths


def _draw_images(folder: Path, cfg: SyntheticConfig, indices: Sequence[int]) -> list[Any]:
    """Draw and save images; return the entries of each one's objects for both json files."""
    return [_draw_image(folder, cfg, index) for index in indices]


def _draw_image(
    folder: Path, cfg: SyntheticConfig, index: int
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Draw and save an image; return the entries of its objects for both json files."""
    scene = draw_scene(cfg, index)
    path = folder / _file_name(index)
    with replaced_file(path, is_synced=False) as file:
        Image.fromarray(scene.image).save(file, "png", compress_level=PNG_COMPRESSION)
    return _object_entries(scene)


def _object_entries(scene: Scene) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each object's entries, without ids; neighbours are indices within the scene."""
    if not scene.objects:
        return []
    objects = scene.objects
    # One call for all masks of the image, because the encoder's overhead matters at this size.
    encoded = encode_masks(
        np.concatenate([np.stack([o.mask for o in objects]), *(o.part_masks for o in objects)])
    )
    rles, part_rles = encoded[: len(objects)], iter(encoded[len(objects) :])
    return [
        (
            {
                "category_id": scene_object.label + 1,
                "segmentation": rle_to_json(rle),
                "area": int(area),
                "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
                "iscrowd": 0,
            },
            _parts_entry(scene_object, part_rles),
        )
        for scene_object, rle, area, (x1, y1, x2, y2) in zip(
            objects, rles, rle_areas(rles), rle_boxes(rles), strict=True
        )
    ]


def _parts_entry(scene_object: SceneObject, part_rles: Iterator[RLE]) -> dict[str, Any]:
    """Return an object's entry in the parts file, taking one run length per part."""
    kinds = scene_object.part_kinds
    return {
        "neighbours": list(scene_object.neighbours),
        "shapes": [PART_KINDS[kind].shape for kind in kinds],
        "parts": [rle_to_json(rle) for rle in islice(part_rles, len(kinds))],
    }


def _image_entry(index: int, cfg: SyntheticConfig) -> dict[str, Any]:
    height, width = cfg.image_size
    return {"id": index + 1, "file_name": _file_name(index), "height": height, "width": width}


def _file_name(index: int) -> str:
    return f"{index + 1:06d}.png"

"""Images and a store for the loader's benchmark, read in three ways, and their comparison."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.loader.usual import AUGMENT, PROPOSALS, UsualDataset, looked_up_masks
from benchmarks.speed.scenes import CATEGORIES, draw_pool, stored_objects, write_photographs
from sapnet.batches.collate import collate
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.store.manifest import Manifest
from sapnet.store.reader import ProposalStore
from sapnet.store.writer import ProposalWriter

POOL = 256
"""Objects that are drawn; images choose among them."""

CHECKED = 8
"""Images that are compared before anything is timed."""

MAX_CELLS_APART = 1e-4
"""Share of the set cells that may differ: OpenCV rounds positions to 1/65536 of a pixel."""


@dataclass(frozen=True)
class Ways:
    """Data sets that read the same images in three ways."""

    ours: ClickDataset
    usual: UsualDataset
    reduced: UsualDataset


def make_data(folder: Path, num_images: int, num_objects: int) -> Ways:
    """Write images and a store, and open them in three ways."""
    records = write_photographs(folder / "images", num_images)
    pool = draw_pool(POOL, PROPOSALS)
    total = num_images * num_objects
    manifest = Manifest("benchmark", {}, "none", CATEGORIES, num_images, total, "now")
    rng, rles = np.random.default_rng(0), []
    with ProposalWriter(folder / "store", manifest) as writer:
        for record in records:
            places = rng.integers(0, POOL, num_objects)
            first = record.image_id * num_objects
            objects = list(stored_objects(pool, first, record.image_id, places))
            writer.add(record, objects)
            rles.append([rle for entry in objects for rle in entry.proposals.rles])
    store = ProposalStore(folder / "store")
    ours = ClickDataset(folder / "images", store, DatasetConfig(augment=AUGMENT), train=False)
    usual = partial(UsualDataset, folder / "images", records, rles)
    return Ways(ours, usual(reduce=False), usual(reduce=True))


def check_equal(ways: Ways) -> dict[str, float]:
    """Compare the samples of both ways.

    Raises:
        SystemExit: samples differ by more than the rounding of OpenCV.
    """
    set_cells = apart = largest = 0
    for index in range(min(CHECKED, len(ways.usual))):
        left, right = ways.ours[index], ways.reduced[index]
        masks = left.bags.masks
        exact = torch.from_numpy(looked_up_masks(ways.usual.rles[index], left.view))
        if not torch.equal(masks.flatten(0, 1), exact):
            raise SystemExit(f"image {index}: masks differ from those decoded at full size")
        set_cells += int(masks.sum())
        apart += int((masks != right.masks).sum())
        image = collate([left]).images[0].int()
        largest = max(largest, int((image - right.image.int()).abs().max()))
    if apart > MAX_CELLS_APART * set_cells or largest > 1:
        raise SystemExit(f"{apart} of {set_cells} cells differ, pixels by up to {largest} levels")
    return {"cells_apart_from_opencv": apart / set_cells, "pixel_levels_apart": largest}

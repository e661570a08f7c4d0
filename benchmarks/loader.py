"""Images per second of the training loader, against decoding at full size and resizing.

    python benchmarks/loader.py --json loader.json

640 x 480 JPEG files enter at a short side of 800 with 8 objects of 6 proposals, two worker
processes, batches of 2. The usual way, as mmdetection goes it: OpenCV reads and resizes the image,
pycocotools decodes every mask at the size of the file, OpenCV resizes it to the input and the loss
takes every fourth pixel's neighbourhood. Here that last step, too, is done by the workers, so that
the usual way need not send 42 MB of masks per image to the training process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from common import (
    Timing,
    as_samples,
    median,
    parse_json_argument,
    setting,
    table,
    time_side_by_side,
    write_json,
)
from pycocotools import mask as coco_mask
from scenes import CATEGORIES, draw_pool, stored_objects, write_photographs
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sapnet.data.augment import View, evaluation_view, view_content, view_masks
from sapnet.data.augment_config import AugmentConfig
from sapnet.data.batch import collate
from sapnet.data.dataset import ClickDataset, DatasetConfig
from sapnet.data.images import load_image
from sapnet.data.loader import build_loader
from sapnet.data.supervision import make_bags
from sapnet.proposals.manifest import Manifest
from sapnet.proposals.store import ProposalStore
from sapnet.proposals.store_writer import ProposalWriter
from sapnet.structures import MASK_STRIDE, RLE, ImageRecord

PROPOSALS, BATCH, WORKERS = 6, 2, 2
POOL = 256  # objects that are drawn; images choose among them
MAX_CELLS_APART = 1e-4  # of all set cells: OpenCV rounds positions to 1/65536 of a pixel
CHECKED = 8  # images that are compared before anything is timed
AUGMENT = AugmentConfig(short_sides=(800,))


@dataclass(frozen=True)
class UsualSample:
    """What the usual way makes of an image: (3, H, W) uint8 and (N, K, h, w) uint8."""

    image: Tensor
    masks: Tensor


class UsualDataset(Dataset[UsualSample]):
    """Reads the same images and masks the usual way; run lengths are held in memory, as in a json.

    Args:
        images: their folder.
        records: the images.
        rles: N x K masks of each image.
    """

    def __init__(self, images: Path, records: list[ImageRecord], rles: list[list[RLE]]) -> None:
        self.images, self.records, self.rles = images, records, rles

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> UsualSample:
        record = self.records[index]
        view = evaluation_view((record.height, record.width), AUGMENT)
        height, width = view.input_size
        pixels = cv2.imread(str(self.images / record.file_name))
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        padded = np.zeros((*view.padded_size, 3), np.uint8)
        padded[:height, :width] = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        image = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))
        masks = torch.from_numpy(usual_masks(self.rles[index], view))
        return UsualSample(image, masks.reshape(-1, PROPOSALS, *view.grid_size))


def usual_masks(rles: list[RLE], view: View) -> np.ndarray:
    """(N * K, h, w) uint8: decoded at full size, resized to the input, padded, a quarter of it."""
    height, width = view.input_size
    grids = np.zeros((len(rles), *view.grid_size), np.uint8)
    decoded = np.ascontiguousarray(np.moveaxis(coco_mask.decode(rles), 2, 0))
    for mask, grid in zip(decoded, grids, strict=True):
        resized = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        padded = np.zeros(view.padded_size, np.uint8)
        padded[:height, :width] = resized * 255
        grid[:] = cv2.resize(padded, view.grid_size[::-1], interpolation=cv2.INTER_LINEAR) >= 128
    return grids


def looked_up_masks(rles: list[RLE], view: View) -> np.ndarray:
    """(N * K, h, w) uint8: the same definition without OpenCV's rounding, from decoded masks."""
    decoded = np.moveaxis(coco_mask.decode(rles), 2, 0)
    for axis, size in ((1, view.input_size[0]), (2, view.input_size[1])):
        source = decoded.shape[axis]
        nearest = ((np.arange(size) + 0.5) * source / size).astype(np.int64)
        decoded = np.take(decoded, np.minimum(nearest, source - 1), axis)
    (height, width), (h, w) = view.input_size, view.grid_size
    padding = ((0, 0), (0, MASK_STRIDE * h - height), (0, MASK_STRIDE * w - width))
    cells = np.pad(decoded, padding).reshape(len(decoded), h, MASK_STRIDE, w, MASK_STRIDE)
    return np.asarray(cells[:, :, 1:3, :, 1:3].sum((2, 4)) >= 2, np.uint8)


def join(samples: list[UsualSample]) -> tuple[Tensor, Tensor]:
    """A batch of the usual way; all images have one size here."""
    return torch.stack([s.image for s in samples]), torch.cat([s.masks for s in samples])


def make_data(folder: Path, num_images: int, num_objects: int) -> tuple[ClickDataset, UsualDataset]:
    """Writes images and a store; returns both data sets of them."""
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
    return ours, UsualDataset(folder / "images", records, rles)


def check_equal(ours: ClickDataset, usual: UsualDataset) -> dict[str, float]:
    """Compares the samples of both ways.

    Raises:
        SystemExit: they differ by more than the rounding of OpenCV.
    """
    set_cells = apart = largest = 0
    for index in range(min(CHECKED, len(usual))):
        left, right = ours[index], usual[index]
        masks = left.bags.masks
        exact = torch.from_numpy(looked_up_masks(usual.rles[index], left.view))
        if not torch.equal(masks.flatten(0, 1), exact):
            raise SystemExit(f"image {index}: masks differ from those decoded at full size")
        set_cells += int(masks.sum())
        apart += int((masks != right.masks).sum())
        image = collate([left]).images[0].int()
        largest = max(largest, int((image - right.image.int()).abs().max()))
    if apart > MAX_CELLS_APART * set_cells or largest > 1:
        raise SystemExit(f"{apart} of {set_cells} cells differ, pixels by up to {largest} levels")
    return {"cells_apart_from_opencv": apart / set_cells, "pixel_levels_apart": largest}


def consume(build: Callable[[], DataLoader]) -> None:
    """One pass with workers of its own: their processor time counts when they end."""
    for _ in build():
        pass


def time_stages(ours: ClickDataset, usual: UsualDataset, repeats: int) -> dict[str, list[Timing]]:
    """Stages of one image in this process."""
    record, rles = usual.records[0], usual.rles[0]
    path = usual.images / record.file_name
    pixels, objects = load_image(path), ours.store.objects_of_image(0)
    view = evaluation_view((record.height, record.width), AUGMENT)
    samples = [ours[0], ours[1]]
    return time_side_by_side(
        {
            "usual: whole image": partial(usual.__getitem__, 0),
            "usual: join 2 images": partial(join, [usual[0], usual[1]]),
            "usual: masks": partial(usual_masks, rles, view),
            "ours: whole image": partial(ours.__getitem__, 0),
            "ours: masks": partial(view_masks, rles, view),
            "ours: read the file": partial(load_image, path),
            "ours: resize": partial(view_content, pixels, view),
            "ours: read the store": partial(ours.store.objects_of_image, 0),
            "ours: bags, masks included": partial(make_bags, objects, [0] * len(objects), view),
            "ours: pad and join 2 images": partial(collate, samples),
        },
        repeats,
    )


def main() -> None:
    """Makes the data, compares, times, prints."""
    args = parse_json_argument(
        __doc__,
        images={"type": int, "default": 96, "help": "images of a pass"},
        objects={"type": int, "default": 8, "help": "per image"},
        repeats={"type": int, "default": 5, "help": "passes of each"},
    )
    torch.set_num_threads(1)  # as in a loader's worker
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        ours, usual = make_data(Path(folder), args.images, args.objects)
        equality = check_equal(ours, usual)
        stages = time_stages(ours, usual, 4 * args.repeats)
        loaders = {
            "ours": partial(build_loader, ours, BATCH, workers=WORKERS),
            "usual": partial(DataLoader, usual, BATCH, num_workers=WORKERS, collate_fn=join),
        }
        passes = time_side_by_side(
            {name: partial(consume, build) for name, build in loaders.items()}, args.repeats
        )
    rate = {name: args.images / median(runs).wall for name, runs in passes.items()}
    spent = {name: 1e3 * median(runs).cpu for name, runs in stages.items()}
    summary = {
        "loader_ratio": rate["ours"] / rate["usual"],
        "loader_cpu_ratio": median(passes["usual"]).cpu / median(passes["ours"]).cpu,
        "image_cpu_ratio": spent["usual: whole image"] / spent["ours: whole image"],
        "masks_cpu_ratio": spent["usual: masks"] / spent["ours: masks"],
        "images_per_s": rate["ours"],
        "usual_images_per_s": rate["usual"],
        **equality,
    }
    print(table(("figure", "value"), summary.items()))
    print()
    print(table(("stage of one image", "CPU ms"), spent.items()))
    own = {"images": args.images, "objects": args.objects, "proposals": PROPOSALS}
    samples = as_samples(passes) | as_samples(stages)
    write_json(args.json, summary, setting(workers=WORKERS, batch=BATCH, **own), samples)


if __name__ == "__main__":
    main()

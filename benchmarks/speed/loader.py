"""Images per second of the training loader, against decoding at full size and resizing.

    python -m benchmarks.speed.loader --json loader.json --plot loader.png

640 x 480 JPEG files enter at a short side of 800 with 8 objects of 6 proposals, two worker
processes, batches of 2. The usual way, as mmdetection goes it: OpenCV reads and resizes the image,
pycocotools decodes every mask at the size of the file, OpenCV resizes it to the input, and the
batch carries these masks to the training process, where the loss brings them to the grid. The third
way is the usual one made better: its workers bring the masks to the grid, so that it need not send
42 MB per image.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.common import (
    Timing,
    as_samples,
    median,
    parse_json_argument,
    setting,
    table,
    time_side_by_side,
    write_json,
)
from benchmarks.plots import draw_costs
from benchmarks.speed.scenes import CATEGORIES, draw_pool, stored_objects, write_photographs
from sapnet.batches.augment import evaluation_view, view_content, view_masks
from sapnet.batches.collate import collate
from sapnet.batches.config import AugmentConfig
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.loader import build_loader
from sapnet.batches.sample import View
from sapnet.batches.supervision import make_bags
from sapnet.data.images import load_image
from sapnet.store.manifest import Manifest
from sapnet.store.reader import ProposalStore
from sapnet.store.writer import ProposalWriter
from sapnet.structures.clicks import ImageRecord
from sapnet.structures.masks import MASK_STRIDE, RLE

PROPOSALS, BATCH, WORKERS = 6, 2, 2
POOL = 256  # objects that are drawn; images choose among them
MAX_CELLS_APART = 1e-4  # of all set cells: OpenCV rounds positions to 1/65536 of a pixel
SIZES, SIZE_REPEATS = (1, 2, 4, 8, 16, 32, 64), 9  # objects per image of the plot
CHECKED = 8  # images that are compared before anything is timed
AUGMENT = AugmentConfig(short_sides=(800,))


@dataclass(frozen=True)
class UsualSample:
    """What the usual way makes of an image: (3, H, W) uint8, and (N, K, ...) uint8 masks."""

    image: Tensor
    masks: Tensor


class UsualDataset(Dataset[UsualSample]):
    """Reads the same images and masks the usual way; run lengths are held in memory, as in a json.

    Args:
        images: their folder.
        records: the images.
        rles: N x K masks of each image.
        reduce: whether masks are brought to the grid here; else they keep the size of the input.
    """

    def __init__(
        self, images: Path, records: list[ImageRecord], rles: list[list[RLE]], *, reduce: bool
    ) -> None:
        self.images, self.records, self.rles, self.reduce = images, records, rles, reduce

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
        masks = usual_masks(self.rles[index], view)
        if self.reduce:
            masks = reduced_masks(masks, view)
        return UsualSample(image, torch.from_numpy(masks.reshape(-1, PROPOSALS, *masks.shape[1:])))


def usual_masks(rles: list[RLE], view: View) -> np.ndarray:
    """(N * K, H, W) uint8: decoded at full size, resized to the input and padded."""
    height, width = view.input_size
    masks = np.zeros((len(rles), *view.padded_size), np.uint8)
    decoded = np.ascontiguousarray(np.moveaxis(coco_mask.decode(rles), 2, 0))
    for mask, padded in zip(decoded, masks, strict=True):
        padded[:height, :width] = cv2.resize(
            mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
        )
    return masks


def reduced_masks(masks: np.ndarray, view: View) -> np.ndarray:
    """(N * K, h, w) uint8 on the stride-4 grid, as mmdetection's loss resizes masks."""
    size = view.grid_size[::-1]
    grids = [cv2.resize(mask * 255, size, interpolation=cv2.INTER_LINEAR) >= 128 for mask in masks]
    return np.stack(grids).astype(np.uint8)


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


@dataclass(frozen=True)
class Ways:
    """The same images, read in three ways."""

    ours: ClickDataset
    usual: UsualDataset
    reduced: UsualDataset


def make_data(folder: Path, num_images: int, num_objects: int) -> Ways:
    """Writes images and a store; returns the data sets of them."""
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
    """Compares the samples of both ways.

    Raises:
        SystemExit: they differ by more than the rounding of OpenCV.
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


def images_per_second(build: Callable[[], DataLoader]) -> float:
    """Rate of one pass from its first batch on: the start of the processes is not loading."""
    batches = iter(build())
    next(batches)
    start, count = time.perf_counter(), 0
    for _ in batches:
        count += BATCH
    return count / (time.perf_counter() - start)


def time_stages(ways: Ways, repeats: int) -> dict[str, list[Timing]]:
    """Stages of one image in this process."""
    ours, usual, reduced = ways.ours, ways.usual, ways.reduced
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
            "usual, reduced: whole image": partial(reduced.__getitem__, 0),
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


def time_sizes() -> dict[str, list[float]]:
    """CPU milliseconds of a whole image by the number of its objects, in each way."""
    costs: dict[str, list[float]] = {"usual": [], "usual, reduced": [], "ours": []}
    for num_objects in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            ways = make_data(Path(folder), 1, num_objects)
            sides = zip(costs, (ways.usual, ways.reduced, ways.ours), strict=True)
            runs = time_side_by_side(
                {name: partial(way.__getitem__, 0) for name, way in sides}, SIZE_REPEATS
            )
        for name, timings in runs.items():
            costs[name].append(1e3 * median(timings).cpu)
    return costs


def time_loaders(ways: Ways, repeats: int) -> dict[str, list[float]]:
    """Images per second of whole passes, in turn."""
    usual = partial(DataLoader, batch_size=BATCH, num_workers=WORKERS, collate_fn=join)
    loaders = {
        "usual": partial(usual, ways.usual),
        "reduced": partial(usual, ways.reduced),
        "ours": partial(build_loader, ways.ours, BATCH, workers=WORKERS),
    }
    rates: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(repeats):
        for name, build in loaders.items():
            rates[name].append(images_per_second(build))
    return rates


def main() -> None:
    """Makes the data, compares, times, prints."""
    args = parse_json_argument(
        __doc__,
        images={"type": int, "default": 128, "help": "images of a pass"},
        objects={"type": int, "default": 8, "help": "per image"},
        repeats={"type": int, "default": 5, "help": "passes of each"},
        plot={"type": Path, "help": "picture of the cost against the number of objects"},
    )
    torch.set_num_threads(1)  # as in a loader's worker
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        ways = make_data(Path(folder), args.images, args.objects)
        equality = check_equal(ways)
        stages = time_stages(ways, 4 * args.repeats)
        rates = time_loaders(ways, args.repeats)
    rate = {name: statistics.median(runs) for name, runs in rates.items()}
    spent = {name: 1e3 * median(runs).cpu for name, runs in stages.items()}
    summary = {
        "loader_ratio": rate["ours"] / rate["usual"],
        "loader_reduced_ratio": rate["ours"] / rate["reduced"],
        "image_cpu_ratio": spent["usual: whole image"] / spent["ours: whole image"],
        "masks_cpu_ratio": spent["usual: masks"] / spent["ours: masks"],
        "images_per_s": rate["ours"],
        "usual_images_per_s": rate["usual"],
        "reduced_images_per_s": rate["reduced"],
        **equality,
    }
    sizes = time_sizes()
    if args.plot is not None:
        draw_costs(args.plot, SIZES, sizes, ("objects per image", "CPU ms per image"))
    print(table(("figure", "value"), summary.items()))
    print()
    print(table(("stage of one image", "CPU ms"), spent.items()))
    own = {"images": args.images, "objects": args.objects, "proposals": PROPOSALS, "sizes": SIZES}
    samples = as_samples(stages)
    samples |= {f"{name}_images_per_s": runs for name, runs in rates.items()}
    samples |= {f"{name}_cpu_ms_by_objects": costs for name, costs in sizes.items()}
    write_json(args.json, summary, setting(workers=WORKERS, batch=BATCH, **own), samples)


if __name__ == "__main__":
    main()

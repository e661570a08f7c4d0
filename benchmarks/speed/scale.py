"""What a data set of any size costs, computed from unit costs that are measured here and now.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.scale [--images N] [--clicks N] [--json FILE]

Each unit cost is processor seconds (or bytes) of one core per image, click or object, measured on
synthetic images of 640 x 640 px with ten objects each. Nothing here measures a GPU: give the time
of an image there with --segmenter_seconds and --step_seconds, as measured on yours.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.data.clicked_images import check_images
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.network.config import ModelConfig
from sapnet.proposals.image_task import make_tasks
from sapnet.proposals.propose import describe_run
from sapnet.proposals.regions.proposer import RegionProposer, RegionsConfig
from sapnet.store.describe import describe_objects
from sapnet.store.reader import ProposalStore
from sapnet.store.writer import ProposalWriter
from sapnet.structures.clicks import Click, ClickSet, ImageRecord
from sapnet.structures.proposals import StoredObject
from sapnet.system.parallel import map_in_order

NUM_LISTED = 20_000
"""Images of the click file that is measured, without files of their own."""

NUM_STORED = 4_000
"""Images of the store that is measured."""

PER_IMAGE = 10
"""Objects of an image."""

CENTER = ((300.5, 200.5),)


class Costs:
    """Unit costs by name, and the samples they are medians of."""

    def __init__(self) -> None:
        self.samples: dict[str, list[float]] = {}

    @contextmanager
    def cpu(self, name: str, count: int) -> Iterator[None]:
        """Adds a sample: processor seconds of this process inside, per unit."""
        start = time.process_time()
        yield
        self.samples.setdefault(name, []).append((time.process_time() - start) / count)

    def add(self, name: str, value: float) -> None:
        """Adds a sample measured elsewhere."""
        self.samples.setdefault(name, []).append(value)

    def summary(self) -> dict[str, float]:
        """The median of each."""
        return {name: float(np.median(values)) for name, values in self.samples.items()}


def _resident() -> int:
    """Most bytes this process has held in memory so far (Linux)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _load_alone(path: Path) -> tuple[float, int]:
    """Processor seconds and bytes of peak memory that reading a click file takes."""
    before, start = _resident(), time.process_time()
    load_clicks(path)
    return time.process_time() - start, _resident() - before


def _listed_clicks() -> ClickSet:
    images = tuple(
        ImageRecord(i, f"{i // 1000:04d}/{i:012d}.jpg", 640, 640) for i in range(NUM_LISTED)
    )
    clicks = tuple(
        Click(i * PER_IMAGE + k, i, 1 + k % 80, ((8.5 + k, 9.25 + i % 600),))
        for i in range(NUM_LISTED)
        for k in range(PER_IMAGE)
    )
    categories = load_categories()
    return ClickSet(images, categories, clicks)


def load_categories() -> tuple[Any, ...]:
    """Eighty categories, as COCO has."""
    from sapnet.structures.clicks import Category

    return tuple(Category(i + 1, f"category {i + 1}") for i in range(80))


def measure_clicks(costs: Costs, folder: Path) -> None:
    """Reading the click file and what the driver of a run holds of it."""
    path = save_clicks(folder / "listed.json", _listed_clicks())
    costs.add("click_file_bytes_per_click", path.stat().st_size / NUM_LISTED / PER_IMAGE)
    # In a process of its own, whose memory holds nothing else.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        seconds, held = pool.submit(_load_alone, path).result()
    costs.add("load_clicks_s_per_click", seconds / NUM_LISTED / PER_IMAGE)
    costs.add("load_clicks_bytes_per_click", held / NUM_LISTED / PER_IMAGE)
    clicks = load_clicks(path)
    with costs.cpu("fingerprint_s_per_click", NUM_LISTED * PER_IMAGE):
        describe_run(RegionProposer(RegionsConfig()), clicks)
    with costs.cpu("make_tasks_s_per_image", NUM_LISTED):
        make_tasks(clicks)


def measure_proposing(costs: Costs, folder: Path) -> tuple[Path, list[list[StoredObject]]]:
    """Header check, region proposals and their description, image by image."""
    data = SyntheticConfig(
        num_images=6, size=640, objects=(PER_IMAGE, PER_IMAGE), object_size=(0.1, 0.4), empty=0.0
    )
    paths = write_synthetic(folder / "data", data)
    clicks = sample_clicks(load_instances(paths.truth), "quasi-center", 0)
    # JPEG, as photographs are: the header of a PNG is known only after all of it is read.
    for path in sorted(paths.images.glob("*.png")):
        Image.open(path).save(path.with_suffix(".jpg"), quality=90)
        path.unlink()
    proposer = RegionProposer(RegionsConfig())
    described = []
    for listed in clicks.images:
        image = replace(listed, file_name=str(Path(listed.file_name).with_suffix(".jpg")))
        mine = tuple(c for c in clicks.clicks if c.image_id == image.image_id)
        part = ClickSet((image,), clicks.categories, mine)
        with costs.cpu("check_header_s_per_image", 20):
            for _ in range(20):
                check_images(part, paths.images)
        from sapnet.data.images import load_image

        with costs.cpu("decode_s_per_image", 1):
            pixels = load_image(paths.images / image.file_name)
        with costs.cpu("regions_s_per_image", 1):
            proposals = proposer.propose(pixels, mine)
        with costs.cpu("describe_s_per_object", len(mine)):
            described.append(describe_objects(mine, proposals, (image.height, image.width)))
    return paths.images, described


def measure_store(costs: Costs, folder: Path, described: list[list[StoredObject]]) -> Path:
    """Writing shards, opening the store and reading objects of it."""
    images = tuple(ImageRecord(i, f"{i}.jpg", 640, 640) for i in range(NUM_STORED))
    manifest = describe_run(RegionProposer(RegionsConfig()), ClickSet(images, (), ()))
    store, num_objects = folder / "store", 0
    start = time.process_time()
    with ProposalWriter(store, manifest) as writer:
        for image in images:
            objects = [
                replace(stored, click=replace(stored.click, annotation_id=num_objects + k))
                for k, stored in enumerate(described[image.image_id % len(described)])
            ]
            writer.add(image, objects)
            num_objects += len(objects)
    costs.add("write_s_per_object", (time.process_time() - start) / num_objects)
    size = sum(path.stat().st_size for path in (store / "shards").iterdir())
    costs.add("store_bytes_per_object", size / num_objects)
    for _ in range(3):
        with costs.cpu("open_store_s_per_image", NUM_STORED):
            opened = ProposalStore(store)
    order = np.random.default_rng(0).integers(0, NUM_STORED, 300).tolist()
    with costs.cpu("read_s_per_object", sum(int(opened.num_objects_of_image[i]) for i in order)):
        for index in order:
            opened.objects_of_image(index)
    return store


def measure_training_input(
    costs: Costs, images: Path, folder: Path, described: list[list[StoredObject]]
) -> None:
    """One training image as the network sees it, short side about 800 px."""
    records = tuple(
        ImageRecord(objects[0].click.image_id, f"{place}", 640, 640)
        for place, objects in enumerate(described)
    )
    names = sorted(path.name for path in images.iterdir() if path.suffix in (".jpg", ".png"))
    categories = sorted({o.click.category_id for objects in described for o in objects})
    from sapnet.structures.clicks import Category

    manifest = describe_run(
        RegionProposer(RegionsConfig()),
        ClickSet(records, tuple(Category(c, str(c)) for c in categories), ()),
    )
    store = folder / "small"
    with ProposalWriter(store, manifest) as writer:
        for name, record, objects in zip(names, records, described, strict=True):
            writer.add(replace(record, file_name=name), objects)
    cfg = DatasetConfig(augment=ModelConfig().augment)
    dataset = ClickDataset(images, ProposalStore(store), cfg, train=True)
    dataset[0]
    for index in range(len(dataset)):
        with costs.cpu("load_training_image_s_per_image", 1):
            dataset[index]


def _nothing(item: bytes) -> bytes:
    return item


def measure_transport(costs: Costs, described: list[list[StoredObject]]) -> None:
    """What the driver of a run spends per image to hand out work and take results, no work done."""
    import pickle

    payload = pickle.dumps(described[0])
    items = [payload] * 600
    engines: dict[str, Callable[[], Any]] = {"processes": lambda: map_in_order(_nothing, items, 2)}
    try:
        from sapnet.proposals.ray_engine import RayConfig, map_with_ray
    except ImportError:
        pass
    else:
        engines["ray"] = lambda: map_with_ray(_nothing, items, RayConfig("local", 2, 0.0))
    for name, start_engine in engines.items():
        results = start_engine()
        next(results)  # everything has started
        start, wall = time.process_time(), time.perf_counter()
        count = sum(1 for _ in results)
        costs.add(f"{name}_driver_s_per_image", (time.process_time() - start) / count)
        costs.add(f"{name}_wall_s_per_image", (time.perf_counter() - wall) / count)


def main() -> None:
    """Measures, and prints what the data set would cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--clicks", type=int, default=10_000_000)
    parser.add_argument("--cores", type=int, default=64, help="of the machines that propose")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--segmenter_seconds", type=float, help="of an image, on one GPU")
    parser.add_argument("--step_seconds", type=float, help="of a training image, on one GPU")
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    costs = Costs()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure_clicks(costs, folder)
        images, described = measure_proposing(costs, folder)
        measure_store(costs, folder, described)
        measure_training_input(costs, images, folder, described)
        measure_transport(costs, described)
    units = costs.summary()
    print("unit costs")
    for key, value in units.items():
        print(f"  {key:34} {value:.3g}")
    print(f"\n{args.images:,} images, {args.clicks:,} clicks")
    for key, (value, unit) in estimate(units, args).items():
        print(f"  {key:58} {value:10.1f} {unit}")
    if args.json:
        setting = {"machine": platform.platform(), "python": platform.python_version()}
        setting |= {key: str(value) for key, value in vars(args).items()}
        content = {"summary": units, "setting": setting, "samples": costs.samples}
        args.json.write_text(json.dumps(content, indent=2))


def estimate(units: dict[str, float], args: argparse.Namespace) -> dict[str, tuple[float, str]]:
    """Cost of the whole data set, each a product of unit costs and numbers."""
    images, clicks, hour, giga = args.images, args.clicks, 3600.0, 1e9
    work = images * (units["decode_s_per_image"] + units["regions_s_per_image"])
    work += clicks * units["describe_s_per_object"]
    driver = images * max(
        units.get("ray_driver_s_per_image", 0), units["processes_driver_s_per_image"]
    )
    driver += clicks * units["write_s_per_object"]
    rows = {
        "click file, size": (clicks * units["click_file_bytes_per_click"] / giga, "GB"),
        "click file, load in the driver": (clicks * units["load_clicks_s_per_click"] / 60, "min"),
        "click file, memory of the driver": (
            clicks * units["load_clicks_bytes_per_click"] / giga,
            "GB",
        ),
        "fingerprint of the clicks": (clicks * units["fingerprint_s_per_click"] / 60, "min"),
        "check of all headers (local folders)": (
            images * units["check_header_s_per_image"] / 60,
            "min",
        ),
        "propose with regions, one core": (work / hour, "h"),
        f"propose with regions, {args.cores} cores": (work / hour / args.cores, "h"),
        "driver of the run: transport and writing, one core": (driver / hour, "h"),
        "cores that one driver keeps busy": (work / driver, "cores"),
        "store, size": (clicks * units["store_bytes_per_object"] / giga, "GB"),
        "store, open": (images * units["open_store_s_per_image"], "s"),
        "training input, one epoch, one core": (
            images * units["load_training_image_s_per_image"] / hour,
            "h",
        ),
    }
    if args.segmenter_seconds:
        total = images * args.segmenter_seconds / hour / args.gpus
        rows[f"propose with sam, {args.gpus} GPUs"] = (total, "h")
    if args.step_seconds:
        total = args.epochs * images * args.step_seconds / hour / args.gpus
        feeding = units["load_training_image_s_per_image"] / args.step_seconds
        rows[f"train {args.epochs} epochs, {args.gpus} GPUs"] = (total, "h")
        rows["loader cores that keep one GPU busy"] = (feeding, "cores")
    return rows


if __name__ == "__main__":
    main()

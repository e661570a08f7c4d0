"""Unit costs of proposing, of the store, of training input, and of the run's driver."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.speed.scale.clicks import PER_IMAGE
from benchmarks.speed.scale.costs import Costs
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.data.clicked_images import check_images
from sapnet.data.coco import load_instances
from sapnet.data.images import load_image
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.network.config import ModelConfig
from sapnet.proposals.propose import describe_run
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.store.describe import describe_objects
from sapnet.store.reader import ProposalStore
from sapnet.store.writer import ProposalWriter
from sapnet.structures.clicks import Category, ClickSet, ImageRecord
from sapnet.structures.proposals import StoredObject
from sapnet.system.processes.parallel import map_in_order

NUM_STORED = 4_000
"""Images of the measured store."""


def measure_proposing(costs: Costs, folder: Path) -> tuple[Path, list[list[StoredObject]]]:
    """Measure header check, region proposals and their description, image by image."""
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
        with costs.cpu("decode_s_per_image", 1):
            pixels = load_image(paths.images / image.file_name)
        with costs.cpu("regions_s_per_image", 1):
            proposals = proposer.propose(pixels, mine)
        with costs.cpu("describe_s_per_object", len(mine)):
            described.append(describe_objects(mine, proposals, (image.height, image.width)))
    return paths.images, described


def measure_store(costs: Costs, folder: Path, described: list[list[StoredObject]]) -> Path:
    """Measure writing shards, opening the store and reading objects."""
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
    """Measure loading a training image at a short side of about 800 px."""
    records = tuple(
        ImageRecord(objects[0].click.image_id, f"{place}", 640, 640)
        for place, objects in enumerate(described)
    )
    names = sorted(path.name for path in images.iterdir() if path.suffix in (".jpg", ".png"))
    categories = sorted({o.click.category_id for objects in described for o in objects})
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
    """Measure the driver of a run: handing out work and taking results, without any work."""
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

"""Store of a million objects: opening, random reading, memory of workers, size on disk.

    python -m benchmarks.speed.store --json store.json --plot store.png

Writes 1,000,000 objects of 6 proposals with the store's writer (objects are drawn once and reused
in random order), then reads. The comparison is the json that the released code of SAPNet trains
from: COCO json with the run lengths of all masks in each annotation. The json has a tenth of the
objects; its figures are extrapolated.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from benchmarks.common import parse_arguments, setting, table, write_json
from benchmarks.plots import draw_costs
from benchmarks.speed.scenes import CATEGORIES, HEIGHT, WIDTH, draw_pool, stored_objects
from sapnet.store.manifest import Manifest
from sapnet.store.reader import ProposalStore
from sapnet.store.writer import ProposalWriter
from sapnet.structures.clicks import ImageRecord

PROPOSALS, PER_IMAGE, POOL = 6, 8, 1000
JSON_SHARE = 10
"""Objects of the store for one object of the json."""

WORKERS, READS = 2, 4000
"""Worker processes, and images that each of them reads at random."""

SHARES = (100, 10)
"""Parts of the store's size that the plot shows: a hundredth and a tenth."""
OPENING, READING = "open the store", "read an object by its id"
KIB = 1024


def memory_mb() -> dict[str, float]:
    """Return the memory of this process in MB: resident, private and anonymous."""
    status = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8")
    kib = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", status, re.M)}
    return {
        "resident": kib["Rss"] * KIB / 1e6,
        "private": (kib["Private_Clean"] + kib["Private_Dirty"]) * KIB / 1e6,
        "anonymous": kib["Anonymous"] * KIB / 1e6,
    }


class RandomReader(IterableDataset[dict[str, Any]]):
    """Random reads of a store in each worker; the items are seconds and memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Any:  # noqa: ANN401  # one report
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng(0 if info is None else info.id)
        import pyarrow as pa  # its own memory is not the store's

        pa.array([1]).to_pylist()
        before = memory_mb()
        store = ProposalStore(self.path)
        seconds, objects = [], 0
        for index in rng.integers(0, store.num_images, READS).tolist():
            start = time.perf_counter()
            objects += len(store.objects_of_image(index))
            seconds.append(time.perf_counter() - start)
        after = memory_mb()
        grown = {f"{name}_mb": after[name] - before[name] for name in after}
        yield {"seconds": seconds, "objects": objects, **grown}


def write_store(path: Path, num_objects: int) -> float:
    """Write the store and return the seconds it took."""
    pool = draw_pool(POOL, PROPOSALS)
    num_images = num_objects // PER_IMAGE
    places = np.random.default_rng(0).integers(0, POOL, (num_images, PER_IMAGE))
    manifest = Manifest("benchmark", {}, "none", CATEGORIES, num_images, num_objects, "now")
    start = time.perf_counter()
    with ProposalWriter(path, manifest) as writer:
        for i in range(num_images):
            record = ImageRecord(i, f"{i:012d}.jpg", WIDTH, HEIGHT)
            writer.add(record, list(stored_objects(pool, i * PER_IMAGE, i, places[i])))
    return time.perf_counter() - start


def write_coco_json(path: Path, store: ProposalStore, num_objects: int) -> None:
    """Write the same objects as COCO annotations with compressed run lengths."""
    annotations, images = [], []
    for index in range(num_objects // PER_IMAGE):
        record = store.images[index]
        images.append({"id": record.image_id, "file_name": record.file_name, **_SIZE})
        for entry in store.objects_of_image(index):
            click, proposals = entry.click, entry.proposals
            annotations.append(
                {
                    "id": click.annotation_id,
                    "image_id": click.image_id,
                    "category_id": click.category_id,
                    "iscrowd": 0,
                    "point": list(click.point),
                    "proposals": [
                        {
                            "segmentation": {**rle, "counts": rle["counts"].decode()},
                            "bbox": [round(float(side), 2) for side in box],
                            "score": round(float(score), 4),
                        }
                        for rle, box, score in zip(
                            proposals.rles, proposals.boxes, proposals.scores, strict=True
                        )
                    ],
                }
            )
    path.write_text(json.dumps({"images": images, "annotations": annotations}), encoding="utf-8")


_SIZE = {"width": WIDTH, "height": HEIGHT}

_LOAD_JSON = """
import json, re, sys, time
from pathlib import Path
def resident():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\\s+(\\d+)", status)[1]) * 1024 / 1e6
before, start = resident(), time.perf_counter()
with open(sys.argv[1], encoding="utf-8") as file:
    content = json.load(file)
print(time.perf_counter() - start, resident() - before)
"""


def measure_json(path: Path) -> tuple[float, float]:
    """Return seconds and MB of loading a json in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _LOAD_JSON, str(path)], check=True, capture_output=True, text=True
    )
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def check_equal(store: ProposalStore, path: Path) -> None:
    """Compare objects read by place and by id with those of the json.

    Raises:
        SystemExit: masks differ.
    """
    annotations = json.loads(path.read_text(encoding="utf-8"))["annotations"]
    for annotation in random.Random(0).sample(annotations, min(200, len(annotations))):
        entry = store.find(annotation["id"])
        listed = [mask["segmentation"]["counts"] for mask in annotation["proposals"]]
        of_image = store.objects_of_image(annotation["image_id"])
        place = [other.click.annotation_id for other in of_image].index(annotation["id"])
        for found in (entry, of_image[place]):
            if [rle["counts"].decode() for rle in found.proposals.rles] != listed:
                raise SystemExit(f"object {annotation['id']}: the store gives other masks")


def time_calls(function: Any, arguments: list[int]) -> list[float]:  # noqa: ANN401  # a method
    """Return the seconds of each call."""
    seconds = []
    for argument in arguments:
        start = time.perf_counter()
        function(argument)
        seconds.append(time.perf_counter() - start)
    return seconds


def measure_sizes(num_objects: int) -> dict[str, list[float]]:
    """Return the milliseconds of opening and of reading an object, for smaller stores."""
    costs: dict[str, list[float]] = {OPENING: [], READING: []}
    for share in SHARES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store"
            write_store(path, num_objects // share)
            opened = time_calls(lambda _, place=path: ProposalStore(place), [0] * 5)
            store = ProposalStore(path)
            ids = np.random.default_rng(1).integers(0, len(store), READS).tolist()
            store.find(ids[0])  # reads the index
            costs[OPENING].append(1e3 * float(np.median(opened)))
            costs[READING].append(1e3 * float(np.median(time_calls(store.find, ids))))
    return costs


def main() -> None:
    """Write a store, check it, measure, print the figures and remove the store."""
    args = parse_arguments(
        __doc__,
        objects={"type": int, "default": 1_000_000, "help": "objects of 6 proposals each"},
        repeats={"type": int, "default": 5, "help": "number of times the store is opened"},
        plot={"type": Path, "help": "PNG file: cost against the number of objects"},
    )
    with tempfile.TemporaryDirectory() as folder:
        path, coco = Path(folder) / "store", Path(folder) / "annotations.json"
        write_seconds = write_store(path, args.objects)
        opened = time_calls(lambda _: ProposalStore(path), list(range(args.repeats)))
        store = ProposalStore(path)
        num_objects = len(store)
        write_coco_json(coco, store, num_objects // JSON_SHARE)
        check_equal(store, coco)
        ids = np.random.default_rng(1).integers(0, num_objects, READS).tolist()
        first_find = time_calls(ProposalStore(path).find, ids[:1])
        found = time_calls(store.find, ids)
        workers = list(DataLoader(RandomReader(path), None, num_workers=WORKERS))
        disk = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        json_disk = coco.stat().st_size * JSON_SHARE
        json_seconds, json_mb = measure_json(coco)
    read = [second for worker in workers for second in worker["seconds"]]
    summary = {
        "open_s": float(np.median(opened)),
        "read_object_ms": 1e3 * sum(read) / sum(worker["objects"] for worker in workers),
        "read_image_ms_p99": 1e3 * float(np.quantile(read, 0.99)),
        "find_ms": 1e3 * float(np.median(found)),
        "find_ms_p99": 1e3 * float(np.quantile(found, 0.99)),
        "first_find_s": first_find[0],
        "worker_resident_mb": max(worker["resident_mb"] for worker in workers),
        "worker_private_mb": max(worker["private_mb"] for worker in workers),
        "worker_anonymous_mb": max(worker["anonymous_mb"] for worker in workers),
        "write_us_per_object": 1e6 * write_seconds / num_objects,
        "disk_gb": disk / 1e9,
        "json_disk_gb": json_disk / 1e9,
        "json_load_s": json_seconds * JSON_SHARE,
        "json_memory_gb": json_mb * JSON_SHARE / 1e3,
        "disk_ratio": json_disk / disk,
        "open_ratio": json_seconds * JSON_SHARE / float(np.median(opened)),
        "memory_ratio": json_mb * JSON_SHARE / max(w["resident_mb"] for w in workers),
    }
    if args.plot is not None:
        costs = measure_sizes(num_objects)
        costs[OPENING].append(1e3 * summary["open_s"])
        costs[READING].append(summary["find_ms"])
        sizes = [*(num_objects // share for share in SHARES), num_objects]
        draw_costs(args.plot, sizes, costs, ("objects in the store", "milliseconds"))
    print(table(("figure", "value"), summary.items()))
    own = {"objects": num_objects, "proposals": PROPOSALS, "workers": WORKERS, "reads": READS}
    samples = {"open_s": opened, "find_s": found, "read_image_s": read}
    write_json(args.json, summary, setting(json_share=f"1/{JSON_SHARE}", **own), samples)


if __name__ == "__main__":
    main()

"""Unit costs of clicks: reading the file, its fingerprint, and the tasks of a run."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.speed.scale.costs import Costs
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.proposals.image_task import make_tasks
from sapnet.proposals.propose import describe_run
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord

NUM_LISTED = 20_000
"""Images of the measured click file; they have no image files."""

PER_IMAGE = 10
"""Objects per image."""


def _resident() -> int:
    """Return the peak resident memory of this process in bytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _load_alone(path: Path) -> tuple[float, int]:
    """Return processor seconds and bytes of peak memory of reading a click file."""
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


def load_categories() -> tuple[Category, ...]:
    """Return eighty categories, as many as COCO has."""
    return tuple(Category(i + 1, f"category {i + 1}") for i in range(80))


def measure_clicks(costs: Costs, folder: Path) -> None:
    """Measure the click file: reading it, and the driver's memory for it."""
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

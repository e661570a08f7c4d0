"""A robot at a person's pace labels objects of COCO photographs on the page.

    python -m benchmarks.robot --coco ../shared/coco --out runs/robot [--limit 100] [--no-tools]

Resumable: objects that `--out` holds already are not labelled again. Prints a table for
docs/results.md. Needs the extra `dev` and Debian's Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.common import ROOT
from benchmarks.robot.hand import Hand
from benchmarks.robot.person import ANSWERED, Person
from sapnet.data.coco import Instance, InstanceSet, load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.geometry.rle import decode_masks, rle_areas

if TYPE_CHECKING:
    from playwright.sync_api import Page

LEAST_AREA = 32**2
NEEDS = ("first candidate", "other candidate", "further clicks", "polygon", "nothing good")


def main() -> None:
    """Label the objects that are left, then print the figures of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coco", type=Path, default=ROOT.parent / "shared/coco")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=100, help="objects in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--proposer", default="click")
    parser.add_argument("--no-tools", action="store_true", help="clicks and candidates alone")
    args = parser.parse_args()
    truth = load_instances(args.coco / "annotations/instances_val2017.json")
    drawn = draw_objects(truth, args.coco / "val2017", args.limit, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    log = args.out / "objects.jsonl"
    known = {entry["id"] for entry in read_log(log)}
    left = [instance for instance in drawn if instance.annotation_id not in known]
    if left:
        label_objects(truth, left, args, log)
    wanted = {instance.annotation_id for instance in drawn}
    print_figures([entry for entry in read_log(log) if entry["id"] in wanted])


def draw_objects(truth: InstanceSet, images: Path, limit: int, seed: int) -> list[Instance]:
    """Draw objects at random, then sort them as a person meets them: by image and class."""
    here = [
        instance
        for instance in truth.instances
        if not instance.is_crowd and (images / instance.image.file_name).is_file()
        if rle_areas([instance.rle()])[0] > LEAST_AREA
    ]
    order = np.random.default_rng(seed).permutation(len(here))[:limit]
    return sorted((here[k] for k in order), key=lambda i: (i.image.file_name, i.category_id))


def label_objects(
    truth: InstanceSet, left: list[Instance], args: argparse.Namespace, log: Path
) -> None:
    """Open the page on the images of the objects and label one after the other."""
    from playwright.sync_api import sync_playwright

    folder = args.out / "images"
    folder.mkdir(exist_ok=True)
    for name in {instance.image.file_name for instance in left}:
        shutil.copyfile(args.coco / "val2017" / name, folder / name)
    names = {category.category_id: category.name for category in truth.categories}
    clicks = {
        c.annotation_id: c.point for c in sample_clicks(truth, "quasi-center", args.seed).clicks
    }
    with (
        page_server(folder, list(names.values()), args.proposer) as served,
        sync_playwright() as playwright,
        log.open("a", encoding="utf-8") as lines,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(served.address)
        hand = Hand(page, np.random.default_rng(args.seed))
        hand.wait("() => window.sapnet?.store.image")
        person = Person(hand, has_tools=not args.no_tools)
        warm_up(page, hand)
        for instance in left:
            hand.turn_to("navigation")
            hand.spent.clear()
            go_to(hand, instance.image.file_name)
            hand.turn_to("class")
            choose_class(hand, names[instance.category_id])
            mask = decode_masks([instance.rle()])[0].astype(bool)
            labelled = person.label(mask, clicks[instance.annotation_id])
            hand.turn_to("")
            spent = {activity: round(seconds, 2) for activity, seconds in hand.spent.items()}
            entry = {"id": instance.annotation_id, "spent": spent, **asdict(labelled)}
            lines.write(json.dumps(entry) + "\n")
            lines.flush()
            print(entry, flush=True)
        hand.wait("() => sapnet.saver.state === 'saved'")
        browser.close()


def warm_up(page: Page, hand: Hand) -> None:
    """Let the proposer load before the clock runs: a click that is taken back."""
    page.evaluate("() => sapnet.store.addObject([20.5, 20.5])")
    hand.wait(ANSWERED, limit=180)
    page.evaluate("() => sapnet.store.undo()")


def go_to(hand: Hand, name: str) -> None:
    """Press the arrow until an image is shown."""
    shown = "() => sapnet.store.image.name"
    while hand.page.evaluate(shown) != name:
        place, wanted = hand.page.evaluate(
            "(name) => [sapnet.store.place, sapnet.store.places.get(name)]", name
        )
        hand.press("ArrowRight" if wanted > place else "ArrowLeft")
        hand.wait("(place) => sapnet.store.place !== place", place)
    hand.wait("() => [...sapnet.view.tiles.tiles.values()].some((tile) => tile.bitmap)")


def choose_class(hand: Hand, name: str) -> None:
    """Find a class by name unless it is the current one."""
    current = hand.page.evaluate("() => sapnet.nameOf(sapnet.store.category)")
    if current == name:
        return
    hand.press("/")
    hand.type_name(name)
    hand.page.keyboard.press("Enter")


@dataclass(frozen=True)
class Served:
    """A running page: its address, and the process of its server."""

    address: str
    pid: int


@contextmanager
def page_server(folder: Path, names: list[str], proposer: str) -> Iterator[Served]:
    """Run `sapnet annotate` on a folder, with its clicks beside it."""
    command = [
        sys.executable,
        "-m",
        "sapnet",
        "annotate",
        str(folder),
        "--no-browser",
        "--port",
        "0",
    ]
    command += ["--classes", ",".join(names), "--proposer", proposer]
    command += ["--out", str(folder.parent / "clicks.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        lines = iter(process.stdout or ())
        address = next(line.split()[1] for line in lines if line.startswith("open "))
        yield Served(address, process.pid)
    finally:
        process.terminate()
        process.wait()


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read the labelled objects."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def print_figures(entries: list[dict[str, Any]]) -> None:
    """Print what the objects took and what came out."""
    count = len(entries)
    if not count:
        return
    spent = sum((Counter(entry["spent"]) for entry in entries), Counter())
    print(f"\n{count} objects in {spent.total() / 60:.1f} min")
    for activity, seconds in spent.most_common():
        print(f"| {activity} | {seconds / 60:.1f} min |")
    print(f"label mIoU {np.mean([e['iou'] for e in entries]):.3f}")
    print(f"best candidate of the first prompt {np.mean([e['offered'] for e in entries]):.3f}")
    needs = Counter(entry["need"] for entry in entries)
    for need in NEEDS:
        group = [e for e in entries if e["need"] == need]
        if group:
            iou = np.mean([entry["iou"] for entry in group])
            each = np.mean([sum(entry["spent"].values()) for entry in group])
            print(f"| {need} | {100 * needs[need] / count:.0f} % | {each:.1f} s | {iou:.2f} |")


if __name__ == "__main__":
    main()

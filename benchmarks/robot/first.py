"""Time from a click on a photograph until its first candidate is drawn.

    python -m benchmarks.robot.first --coco ../shared/coco --clicks 20 --json first.json

Clicks on one prepared photograph of COCO val2017 (640 x 449 px) in Chromium: by the browser's clock
from the press of the button until the mask is on the screen, and the processor time of the server
and its worker. Needs the extra `dev` and Debian's Chromium.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.common import ROOT, Timing, given_options, parse_arguments, setting, write_json
from benchmarks.robot.__main__ import page_server, warm_up
from benchmarks.robot.hand import Hand

PHOTOGRAPH = "000000030213.jpg"
BORDER = 40  # pixels of the image within which nothing is clicked

WATCH = """() => {
  window.timed = {};
  addEventListener("pointerdown", () => { timed = { start: performance.now() }; }, true);
  sapnet.view.addEventListener("drawn", () => {
    const { overlay } = sapnet.view;
    if (timed.start && !timed.end && overlay.candidate) timed.end = performance.now();
  });
}"""
"""Notes when the button goes down and when the first candidate is drawn."""

PLACE = """(point) => {
  const box = sapnet.view.canvas.getBoundingClientRect();
  const [x, y] = sapnet.view.toScreen(point);
  return [box.left + x, box.top + y];
}"""
"""Converts an image position to a window position."""


def main() -> None:
    """Click at random places of the photograph and print the times."""
    args = parse_arguments(
        __doc__,
        coco={"type": Path, "default": ROOT.parent / "shared/coco"},
        clicks={"type": int, "default": 20},
        proposer={"default": "click"},
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        folder.mkdir()
        shutil.copyfile(args.coco / "val2017" / PHOTOGRAPH, folder / PHOTOGRAPH)
        timings = time_clicks(folder, args.clicks, args.proposer)
    wall, cpu = [t.wall for t in timings], [t.cpu for t in timings]
    summary = {
        "wall_median": statistics.median(wall),
        "wall_least": min(wall),
        "processor_median": statistics.median(cpu),
        "processor_least": min(cpu),
    }
    print(summary)
    options = given_options(args)
    load = {"load": os.getloadavg()[0]}
    write_json(args.json, summary, setting(**options, **load), [asdict(t) for t in timings])


def time_clicks(folder: Path, count: int, proposer: str) -> list[Timing]:
    """Click and wait, one click after the other; each is taken back."""
    generator = np.random.default_rng(0)
    timings = []
    with (
        page_server(folder, ["object"], proposer) as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(served.address)
        hand = Hand(page, generator)
        hand.wait("() => window.sapnet?.store.image")
        warm_up(page, hand)
        page.evaluate(WATCH)
        for _ in range(count):
            width, height = page.evaluate(
                "() => [sapnet.view.image.width, sapnet.view.image.height]"
            )
            spot = generator.uniform([BORDER, BORDER], [width - BORDER, height - BORDER])
            before = tree_seconds(served.pid)
            page.mouse.click(*page.evaluate(PLACE, list(spot)))
            hand.wait("() => Boolean(timed.end)")
            wall = page.evaluate("() => (timed.end - timed.start) / 1000")
            page.wait_for_timeout(300)  # the rest of the answer is drawn, the click is saved
            timings.append(Timing(wall, tree_seconds(served.pid) - before))
            page.keyboard.press("Control+z")
            page.wait_for_timeout(200)
        browser.close()
    return timings


def tree_seconds(pid: int) -> float:
    """Return the processor seconds of a process and of all that it started, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return own + sum(tree_seconds(child) for child in children)


if __name__ == "__main__":
    main()

"""What a person's seconds buy, worked out by hand; and the whole way on a tiny set."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.quality.economy.person import (
    STRATEGIES,
    Costs,
    Masks,
    Target,
    figures_of,
    fix,
)
from sapnet.data.coco import Instance
from sapnet.geometry.rle import encode_masks, rle_to_json
from sapnet.structures.clicks import ImageRecord

if TYPE_CHECKING:
    from tests.conftest import TinySet

COSTS = Costs()
ROOT = Path(__file__).resolve().parents[2]


def target(number: int, ious: list[float] | None, scores: list[float], boxed: float) -> Target:
    rle = encode_masks(np.ones((1, 4, 4), np.uint8))[0]
    image = ImageRecord(1, "a.png", 4, 4)
    instance = Instance(number, image, 1, False, rle_to_json(rle), Path("a.json"))

    def masks(values: list[float], own: list[float]) -> Masks:
        return Masks(np.array(values), np.array(own), tuple([rle] * len(values)))

    clicked = None if ious is None else masks(ious, scores)
    return Target(instance, clicked, masks([boxed], [1.0]))


TARGETS = [
    target(1, [0.9, 0.2], [0.9, 0.1], 0.95),  # right
    target(2, [0.3, 0.8], [0.6, 0.5], 0.85),  # another candidate is right
    target(3, [0.4, 0.5], [0.7, 0.2], 0.75),  # none is
    target(4, None, [], 0.5),  # there are none
]


def test_what_a_fix_costs() -> None:
    found = [fix(entry, COSTS) for entry in TARGETS]
    assert [label.iou for label, _ in found] == [0.9, 0.8, 1.0, 1.0]
    assert [seconds for _, seconds in found] == [1, 2.5, 9, 9]
    assert [label.is_drawn for label, _ in found] == [False, False, True, True]


@pytest.mark.parametrize(
    ("strategy", "seconds", "ious"),
    [
        ("clicks", 5.9, [0.9, 0.3]),
        ("clicks", 8, [0.9, 0.3, 0.4, 0]),
        ("boxes", 14.5, [0.95, 0.85]),
        ("polygons", 158, [1, 1]),
        ("polygons", 78, []),
        # Half of it for three clicks; 6 s are left, the second label is the most doubtful: 2.5 s;
        # the third would take 9 s.
        ("clicks and fixes", 12, [0.9, 0.8, 0.4]),
        # All are clicked for 8 s; of the other 22 the fourth (9 s), the second and the third.
        ("clicks and fixes", 30, [0.9, 0.8, 1, 1]),
    ],
)
def test_what_seconds_buy(strategy: str, seconds: float, ious: list[float]) -> None:
    bought = STRATEGIES[strategy](TARGETS, seconds, COSTS)
    assert [bought[i].iou for i in sorted(bought)] == ious
    figures = figures_of(bought, TARGETS)
    assert figures["labels"] == len(ious)
    assert figures["set_miou"] == pytest.approx(sum(ious) / 4)


@pytest.mark.slow
def test_the_whole_way(tiny_set: TinySet, tmp_path: Path) -> None:
    data = tmp_path / "sets" / "tiny"
    (data / "images").mkdir(parents=True)
    for split in ("train", "val"):
        (data / "images" / split).symlink_to(tiny_set.images)
        (data / f"instances_{split}.json").symlink_to(tiny_set.truth)
    words = ["--sets", data.parent, "--out", tmp_path / "out", "--json", tmp_path / "a.json"]
    words += ["--minutes", "0.2", "1", "--plot", tmp_path / "a.png"]
    command = [sys.executable, "-m", "benchmarks.quality.economy", *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert "tiny, 1 minutes: " in done.stdout
    rows = json.loads((tmp_path / "a.json").read_text())["samples"]
    assert [row["strategy"] for row in rows[:4]] == list(STRATEGIES)
    assert rows[0]["labels"] == 6
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")

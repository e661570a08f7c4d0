"""Reading `ladder.json`, and paths of the files behind its figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from benchmarks.ladder.page.figures import (
    Estimate,
    Group,
    LabelFigures,
    Ladder,
    SegmenterFigures,
    System,
)
from sapnet.data.coco_json import is_number
from sapnet.training.run_folder import read_run_json

FILE_NAME = "ladder.json"
MADE_BY = "`python -m benchmarks.ladder`"

_SHARE = "share_"
_SHARE_OF_SUPERVISED = "share_of_supervised"


@dataclass(frozen=True)
class LadderFolder:
    """Paths of a ladder's files.

    Attributes:
        root: folder of `ladder.json`.
        seed: seed that the files belong to.
    """

    root: Path
    seed: int

    @property
    def seed_folder(self) -> Path:
        """Folder of the seed."""
        return self.root / f"seed{self.seed}"

    @property
    def images(self) -> Path:
        """Folder of the clicked images."""
        return self.seed_folder / "data" / "train" / "images"

    @property
    def truth(self) -> Path:
        """Ground truth of the clicked images, COCO instance json."""
        return self.seed_folder / "data" / "train" / "instances.json"

    @property
    def test_truth(self) -> Path:
        """Ground truth of the held-out images, COCO instance json."""
        return self.seed_folder / "data" / "test" / "instances.json"

    @property
    def proposals(self) -> Path:
        """Proposal store of the clicked images."""
        return self.seed_folder / "proposals"

    def rung(self, system: str) -> Path:
        """Return the folder of a system, given by its key."""
        return self.seed_folder / "rungs" / system

    def labels(self, system: str) -> Path:
        """Return the path of a system's labels, as `sapnet label` writes them."""
        return self.rung(system) / "labels.json"

    def predictions(self, system: str) -> Path:
        """Return the path of a system's COCO results on the held-out images."""
        return self.rung(system) / "predictions" / "results.json"


def load_ladder(path: Path | str) -> Ladder:
    """Read and check the figures of a ladder.

    Args:
        path: `ladder.json`; unknown keys are ignored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no ladder; the message names the place.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Name the {FILE_NAME} that {MADE_BY} wrote.")
    node = _Node(path, "", read_run_json(path.parent, path.name))
    data = node.child("data")
    systems = node.child("systems")
    if not systems.values:
        raise node.problem("systems", "at least one system", {})
    for key in systems.values:
        lower = systems.child(key).values.get("adds_to")
        if lower is not None and lower not in systems.values:
            raise systems.child(key).problem("adds_to", "the key of a system", lower)
    return Ladder(
        scale=node.text("scale"),
        date=node.text("date"),
        command=node.text("command"),
        machine=node.text("machine"),
        minutes=node.number("minutes"),
        seeds=node.seeds("seeds"),
        num_train_images=data.count("train_images"),
        num_test_images=data.count("test_images"),
        num_objects=data.count("objects"),
        oracle_miou=data.estimate("oracle_miou"),
        systems=tuple(_read_system(key, systems.child(key)) for key in systems.values),
    )


def _read_system(key: str, node: _Node) -> System:
    group = node.text("group")
    if group not in get_args(Group):
        raise node.problem("group", f"one of {', '.join(get_args(Group))}", group)
    paper_percent = None if node.is_null("paper_mask_ap") else node.number("paper_mask_ap", 100)
    return System(
        key=key,
        title=node.text("title"),
        group=cast("Group", group),
        adds_to=None if node.is_null("adds_to") else node.text("adds_to"),
        paper_mask_ap=None if paper_percent is None else paper_percent / 100,
        labels=None if node.is_null("label_miou") else _read_labels(node),
        segmenter=None if node.is_null("mask_ap") else _read_segmenter(node),
        trains=None if node.is_null("trains") else node.text("trains"),
    )


def _read_labels(node: _Node) -> LabelFigures:
    kinds = [
        key.removeprefix(_SHARE)
        for key in node.values
        if key.startswith(_SHARE) and key != _SHARE_OF_SUPERVISED
    ]
    shares = {kind: node.maybe_estimate(_SHARE + kind) for kind in kinds}
    return LabelFigures(
        miou=node.estimate("label_miou"),
        small=node.maybe_estimate("label_miou_small"),
        medium=node.maybe_estimate("label_miou_medium"),
        large=node.maybe_estimate("label_miou_large"),
        gap=node.maybe_estimate("gap"),
        shares={kind: share for kind, share in shares.items() if share is not None},
    )


def _read_segmenter(node: _Node) -> SegmenterFigures:
    return SegmenterFigures(
        mask_ap=node.estimate("mask_ap"),
        mask_ap50=node.maybe_estimate("mask_ap50"),
        mask_ap75=node.maybe_estimate("mask_ap75"),
        box_ap=node.maybe_estimate("box_ap"),
        share_of_supervised=node.maybe_estimate(_SHARE_OF_SUPERVISED, math.inf),
    )


@dataclass(frozen=True)
class _Node:
    """Object of the json, with its place in the file for messages."""

    source: Path
    place: str
    values: Mapping[str, Any]

    def problem(self, key: str, expected: str, found: object) -> ValueError:
        """Return the error for one value; the caller raises it."""
        return ValueError(
            f"{self.source}, {self._at(key)}: expected {expected}, found {found!r:.60}. Name the "
            f"{FILE_NAME} that {MADE_BY} wrote, or run it again."
        )

    def child(self, key: str) -> _Node:
        value = self.values.get(key)
        if not isinstance(value, Mapping):
            raise self.problem(key, "an object", value)
        return _Node(self.source, self._at(key), value)

    def is_null(self, key: str) -> bool:
        """Return True if the value, or the mean that it should hold, is absent or null."""
        value = self.values.get(key)
        return value is None or (isinstance(value, Mapping) and value.get("mean", 0) is None)

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.problem(key, "a text", value)
        return value

    def number(self, key: str, high: float = math.inf) -> float:
        """Return a number from 0 to `high`."""
        value: Any = self.values.get(key)
        if not is_number(value) or not 0 <= value <= high:
            limits = (
                "a number of at least 0" if math.isinf(high) else f"a number from 0 to {high:g}"
            )
            raise self.problem(key, limits, value)
        return float(value)

    def count(self, key: str) -> int:
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.problem(key, "a count", value)
        return value

    def seeds(self, key: str) -> tuple[int, ...]:
        value = self.values.get(key)
        if not isinstance(value, list) or not value or any(type(seed) is not int for seed in value):
            raise self.problem(key, "a list of at least one integer", value)
        return tuple(value)

    def estimate(self, key: str, high: float = 1) -> Estimate:
        """Return a figure from 0 to `high` over seeds."""
        node = self.child(key)
        std = None if node.is_null("std") else node.number("std")
        return Estimate(node.number("mean", high), std)

    def maybe_estimate(self, key: str, high: float = 1) -> Estimate | None:
        """Return a figure over seeds; None if it is absent or has no mean."""
        return None if self.is_null(key) else self.estimate(key, high)

    def _at(self, key: str) -> str:
        return ".".join(part for part in (self.place, key) if part)

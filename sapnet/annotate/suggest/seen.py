"""Instances that a run saw, kept beside the clicks: nothing is looked at twice."""

from __future__ import annotations

import base64
import json
import logging
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.geometry.rle import rle_to_json, to_rle
from sapnet.structures.clicks import RLE
from sapnet.system.files import write_text_atomic

logger = logging.getLogger(__name__)

SEEN_ENDING = "-seen.jsonl"
"""Ending of the file: `clicks-seen.jsonl` beside `clicks.json`."""


@dataclass(frozen=True)
class SeenInstance:
    """An instance that a run saw.

    Attributes:
        category: name of its class.
        score: of the segmenter, in [0, 1].
        point: (x, y) of a pixel near its middle, original frame.
        mask: its mask, original frame, not empty.
    """

    category: str
    score: float
    point: tuple[float, float]
    mask: RLE

    @property
    def number(self) -> int:
        """Return a number of mask and class: what another run saw has another one."""
        return zlib.crc32(self.mask["counts"], zlib.crc32(self.category.encode()))


@dataclass(frozen=True)
class SeenImage:
    """Instances that a run saw on an image.

    Attributes:
        instances: the best first.
        vector: (D,) float32 description of the image by the network, of unit length.
        stamp: time of the file's last change when it was looked at.
    """

    instances: tuple[SeenInstance, ...]
    vector: np.ndarray
    stamp: int = 0


class SeenFile:
    """The file: one line of json per image and per change of what was dismissed; thread-safe.

    A line that cannot be read counts as not written: that image is looked at again.

    Args:
        path: the file; need not exist.
        weights: digest of the run's weights. What other weights saw is dropped; what the user
            dismissed is kept.
    """

    def __init__(self, path: Path, weights: str) -> None:
        self.path = path
        self.images: dict[str, SeenImage] = {}
        self.dismissed: dict[str, tuple[RLE, ...]] = {}
        self._lock = threading.Lock()
        self._load(weights)

    def add(self, name: str, image: SeenImage) -> None:
        """Keep what was seen on an image."""
        self.images[name] = image
        self._append({"image": name, **_image_to_json(image)})

    def dismiss(self, name: str, masks: Sequence[RLE]) -> None:
        """Keep the masks of an image that the user dismissed, all that there are.

        Raises:
            OSError: the file cannot be written.
        """
        if list(masks) == list(self.dismissed.get(name, ())):
            return
        self.dismissed[name] = tuple(masks)
        self._append(_dismissed_to_json(name, masks))

    def _append(self, entry: dict[str, Any]) -> None:
        with self._lock, self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(json.dumps(entry) + "\n")

    def _load(self, weights: str) -> None:
        is_same, is_whole = False, True
        for entry in self._entries():
            try:
                if entry is None:
                    is_whole = False
                elif "weights" in entry:
                    is_same = entry["weights"] == weights
                elif "dismissed" in entry:
                    masks = tuple(map(_mask_from_json, entry["dismissed"]))
                    self.dismissed[str(entry["image"])] = masks
                elif is_same:
                    image = _image_from_json(entry)
                    first = next(iter(self.images.values()), image)
                    if len(image.vector) != len(first.vector):
                        raise ValueError("a vector of another network")
                    self.images[str(entry["image"])] = image
            except (ValueError, KeyError, TypeError, AttributeError):
                is_whole = False
        if self.path.is_file() and not is_whole:
            logger.info("%s: damaged lines; those images are looked at again", self.path)
        if not (is_same and is_whole):
            self._rewrite(weights)

    def _entries(self) -> Iterator[dict[str, Any] | None]:
        """Yield the lines of the file; None for one that is no object of json."""
        if not self.path.is_file():
            return
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    entry = None
                yield entry if isinstance(entry, dict) else None

    def _rewrite(self, weights: str) -> None:
        entries: list[dict[str, Any]] = [{"weights": weights}]
        entries += [_dismissed_to_json(*pair) for pair in self.dismissed.items()]
        entries += [{"image": n, **_image_to_json(image)} for n, image in self.images.items()]
        write_text_atomic(self.path, "".join(json.dumps(entry) + "\n" for entry in entries))


def _image_to_json(image: SeenImage) -> dict[str, Any]:
    return {
        "stamp": image.stamp,
        "vector": base64.b64encode(image.vector.astype("<f2").tobytes()).decode("ascii"),
        "seen": [
            {
                "category": entry.category,
                "score": round(entry.score, 4),
                "point": list(entry.point),
                "mask": rle_to_json(entry.mask),
            }
            for entry in image.instances
        ],
    }


def _image_from_json(entry: dict[str, Any]) -> SeenImage:
    vector = np.frombuffer(base64.b64decode(entry["vector"]), "<f2").astype(np.float32)
    instances = [
        SeenInstance(
            str(seen["category"]),
            float(seen["score"]),
            (float(seen["point"][0]), float(seen["point"][1])),
            _mask_from_json(seen["mask"]),
        )
        for seen in entry["seen"]
    ]
    return SeenImage(tuple(instances), vector, int(entry["stamp"]))


def _dismissed_to_json(name: str, masks: Sequence[RLE]) -> dict[str, Any]:
    return {"image": name, "dismissed": [rle_to_json(mask) for mask in masks]}


def _mask_from_json(value: dict[str, Any]) -> RLE:
    height, width = value["size"]
    return to_rle(value, int(height), int(width))

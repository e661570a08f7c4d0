"""Labels and predictions of several systems, and the objects on which they differ most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.data.matching.objects import check_same_objects
from sapnet.data.matching.results import load_results
from sapnet.evaluation.alignment import objects_of_labels
from sapnet.evaluation.label_file import Label, LabelSet, load_labels
from sapnet.geometry.rle import rle_iou, to_rle
from sapnet.structures.clicks import RLE, ImageRecord

LABELS = "labels.json"
RESULTS = Path("predictions") / "results.json"
"""Files of a folder that is compared; the second one may be absent."""


@dataclass(frozen=True)
class System:
    """Labels and predictions of one system.

    Attributes:
        name: of its folder.
        labels: its chosen masks.
        results: its predictions by file name of the image; empty without predictions.
    """

    name: str
    labels: LabelSet
    results: Mapping[str, Sequence[Mapping[str, Any]]]

    def prediction(self, label: Label, image: ImageRecord, target: RLE) -> RLE | None:
        """Return the predicted instance of the label's category that fits a mask best.

        Args:
            label: of an object.
            image: the object's image.
            target: the truth of the object, or its label.

        Returns:
            None without an instance that overlaps the mask.
        """
        found = [
            to_rle(record["segmentation"], image.height, image.width)
            for record in self.results.get(image.file_name, ())
            if record["category_id"] == label.category_id
        ]
        if not found:
            return None
        ious = rle_iou(found, [target])[:, 0]
        return found[int(ious.argmax())] if ious.max() > 0 else None


def load_systems(folders: Sequence[Path]) -> tuple[System, ...]:
    """Load labels and predictions of the folders.

    Args:
        folders: two or more, each with `labels.json` and, where there are predictions,
            `predictions/results.json`.

    Raises:
        FileNotFoundError: a folder has no labels.
        ValueError: fewer than two folders, or labels of other objects.
    """
    if len(folders) < 2:
        raise ValueError(f"--compare: expected two folders or more, found {len(folders)}")
    names = _names(folders)
    systems = tuple(_load(folder, name) for folder, name in zip(folders, names, strict=True))
    for system, folder in zip(systems[1:], folders[1:], strict=True):
        _check_shared(systems[0], system, str(folders[0] / LABELS), str(folder / LABELS))
    return systems


def rank_by_difference(systems: Sequence[System]) -> list[tuple[int, float]]:
    """List the objects that all systems label, those with the most different masks first.

    Args:
        systems: two or more.

    Returns:
        Annotation id and difference of each: 1 minus the mean IoU of all pairs of masks, in [0, 1].
    """
    shared = set.intersection(*(set(system.labels.labels) for system in systems))
    found = []
    for key in sorted(shared):
        rles = [system.labels.labels[key].rle for system in systems]
        ious = rle_iou(rles, rles)
        pairs = [ious[i, j] for i, j in combinations(range(len(rles)), 2)]
        found.append((key, 1 - float(np.mean(pairs))))
    return sorted(found, key=lambda entry: -entry[1])


def _check_shared(first: System, other: System, first_name: str, other_name: str) -> None:
    """Check that objects with the same id are the same in the labels of two systems."""
    known = replace(objects_of_labels(first.labels), name=first_name)
    listed = objects_of_labels(other.labels)
    shared = tuple(o for o in listed.objects if o.annotation_id in first.labels.labels)
    if not shared:
        raise ValueError(
            f"{other_name}: expected labels of the objects of {first_name}, found none of them. "
            "Use files made from the same clicks."
        )
    check_same_objects(replace(listed, name=other_name, objects=shared), known)


def _names(folders: Sequence[Path]) -> list[str]:
    """Return as many last parts of each path as tell all of them apart."""
    parts = [folder.resolve().parts for folder in folders]
    longest = max(map(len, parts))
    for count in range(1, longest + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise ValueError("--compare: expected different folders, found one of them more than once")


def _load(folder: Path, name: str) -> System:
    labels = folder / LABELS
    if not labels.is_file():
        raise FileNotFoundError(
            f"{labels}: no such file. Write it with `sapnet label --run ... --out {labels}`."
        )
    results: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    path = folder / RESULTS
    for record in load_results(path) if path.is_file() else ():
        results[str(record.get("file_name", ""))].append(record)
    return System(name, load_labels(labels), dict(results))

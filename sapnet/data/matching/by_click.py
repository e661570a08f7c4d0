"""Objects matched to the mask that holds their click, within one image and category."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sapnet.data.matching.objects import NumberedObject
from sapnet.geometry.rle import rles_hold_points
from sapnet.structures.clicks import RLE


@dataclass(frozen=True)
class Rivals:
    """The clicked objects of one image and category, beside the true ones.

    Attributes:
        clicked: N objects with their clicks.
        true_ids: ids of K true objects, without crowds.
        rles: their masks; none where there is nothing to decide.
    """

    clicked: Sequence[NumberedObject]
    true_ids: list[int]
    rles: Sequence[RLE]

    def holds(self) -> np.ndarray:
        """(K, N) bool: True where a mask holds a click; False for objects without a click."""
        nowhere = (np.nan, np.nan)
        points = [nowhere if entry.point is None else entry.point for entry in self.clicked]
        return rles_hold_points(self.rles, np.array(points, np.float64).reshape(-1, 2))


def match_by_click(groups: Iterable[Rivals]) -> dict[int, int] | None:
    """Match each object to the only mask of its image and category that holds its click.

    Where masks overlap, an object that only one click can belong to is taken by it first.

    Returns:
        Ids of the true objects; None if a click is unknown, or lies in none or in several, or
        two clicks lie in one.
    """
    matched: dict[int, int] = {}
    for group in groups:
        if not group.rles and [entry.annotation_id for entry in group.clicked] == group.true_ids:
            matched |= {true_id: true_id for true_id in group.true_ids}
            continue
        if any(entry.point is None for entry in group.clicked) or not group.rles:
            return None
        rows = _assign(group.holds())
        if rows is None:
            return None
        for entry, row in zip(group.clicked, rows, strict=True):
            matched[entry.annotation_id] = group.true_ids[row]
    return matched


def count_strays(groups: Iterable[Rivals]) -> int:
    """Count the clicks that lie in another true object than that of their id, and not in it."""
    strays = 0
    for group in groups:
        if len(group.rles) < 2:
            continue
        holds = group.holds()
        row_of = {true_id: row for row, true_id in enumerate(group.true_ids)}
        rows = np.array([row_of.get(entry.annotation_id, -1) for entry in group.clicked])
        in_own = holds[rows, np.arange(len(rows))]
        strays += int(((rows >= 0) & ~in_own & holds.any(axis=0)).sum())
    return strays


def _assign(holds: np.ndarray) -> list[int] | None:
    """Return the row of each column such that every choice was the only one; else None."""
    holds = holds.copy()
    rows = np.full(holds.shape[1], -1)
    while (rows < 0).any():
        single = np.flatnonzero((holds.sum(axis=0) == 1) & (rows < 0))
        if not len(single):
            return None
        chosen = holds[:, single].argmax(axis=0)
        if len(np.unique(chosen)) < len(chosen):
            return None
        rows[single] = chosen
        holds[chosen] = False
    return [int(row) for row in rows]

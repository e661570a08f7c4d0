"""Changes between two systems of the ladder: which labels change, from and to what kind.

    python -m benchmarks.ladder.changes runs/ladder-small/ladder.json pnpg bms

Reads the labels of both systems for every seed. The kind of a label is that of the proposal that
was chosen.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import table
from benchmarks.ladder.page.file import LadderFolder, load_ladder
from sapnet.evaluation.judged import label_iou
from sapnet.evaluation.label_file import Label, load_labels
from sapnet.evaluation.proposals import judge_proposals
from sapnet.evaluation.selection_quality import kind_of
from sapnet.geometry.rle import rle_areas


@dataclass(frozen=True)
class Change:
    """An object that both systems label.

    Attributes:
        kinds: kinds of the lower and of the upper system's label.
        gain: IoU of the upper label less that of the lower one.
        grows: True if the upper label is larger.
        differs: True if the labels are different masks.
    """

    kinds: tuple[str, str]
    gain: float
    grows: bool
    differs: bool


def main() -> None:
    """Compare the labels and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ladder", type=Path, help="ladder.json")
    parser.add_argument("lower", help="name of a system")
    parser.add_argument("upper", help="name of the system to compare it with")
    parser.add_argument("--rows", type=int, default=8, help="most frequent changes shown")
    args = parser.parse_args()
    found = [
        change
        for seed in load_ladder(args.ladder).seeds
        for change in changes(LadderFolder(args.ladder.parent, seed), args.lower, args.upper)
    ]
    moved = [change for change in found if change.differs]
    print(
        f"{args.lower} -> {args.upper}: {len(moved) / len(found):.1%} of {len(found)} labels "
        f"change; of these {np.mean([c.grows for c in moved]):.1%} grow, "
        f"{np.mean([c.gain > 0 for c in moved]):.1%} get better\n"
    )
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for change in moved:
        groups[change.kinds].append(change.gain)
    ranked = sorted(groups.items(), key=lambda item: -len(item[1]))[: args.rows]
    rows = [
        (before, after, f"{len(gains) / len(found):.1%}", f"{np.mean(gains):+.3f}")
        for (before, after), gains in ranked
    ]
    print(table(("from", "to", "of all labels", "mean change of IoU"), rows))


def changes(folder: LadderFolder, lower: str, upper: str) -> Iterator[Change]:
    """Yield the objects of one seed that both systems label."""
    before, after = (load_labels(folder.labels(name)).labels for name in (lower, upper))
    for entry in judge_proposals(folder.proposals, folder.truth):
        key = entry.instance.annotation_id
        if key not in before or key not in after:
            continue
        pair: tuple[Label, Label] = (before[key], after[key])
        ious = [label_iou(label, entry.gt_rle) for label in pair]
        areas = rle_areas([label.rle for label in pair])
        proposals = entry.stored.proposals
        yield Change(
            kinds=(kind_of(pair[0].rle, proposals), kind_of(pair[1].rle, proposals)),
            gain=ious[1] - ious[0],
            grows=bool(areas[1] > areas[0]),
            differs=pair[0].rle != pair[1].rle,
        )


if __name__ == "__main__":
    main()

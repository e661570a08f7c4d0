"""Parts of the gap statistic (Eq. 10) of a system of the ladder, by kind of label.

    python -m benchmarks.ladder.gaps runs/ladder-small/ladder.json mil_alone bms_alone

For the objects that count, those that fill their box more than the proposals of a bag do at best on
average: how many labels are of each kind, how much of its box the mask fills, and the difference to
the truth. The kind of a label is that of the proposal that was chosen.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import table
from benchmarks.ladder.page.file import LadderFolder, load_ladder
from sapnet.evaluation.label_file import load_labels
from sapnet.evaluation.proposals import judge_proposals
from sapnet.evaluation.selection_quality import kind_of, mask_fill


@dataclass(frozen=True)
class Filled:
    """An object: kind of its label, and the share of their boxes that masks cover.

    Attributes:
        kind: of the label.
        truth: share of the ground truth.
        label: share of the label.
        largest: largest share of the bag.
    """

    kind: str
    truth: float
    label: float
    largest: float


def main() -> None:
    """Print a table for each system."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ladder", type=Path, help="ladder.json")
    parser.add_argument("systems", nargs="+", help="names of systems")
    args = parser.parse_args()
    for name in args.systems:
        found = [
            entry
            for seed in load_ladder(args.ladder).seeds
            for entry in filled(LadderFolder(args.ladder.parent, seed), name)
        ]
        print(f"{name}: {describe(found)}\n")


def filled(folder: LadderFolder, system: str) -> list[Filled]:
    """Return the objects that a system labels in one seed."""
    labels = load_labels(folder.labels(system)).labels
    return [
        Filled(
            kind_of(labels[key].rle, entry.stored.proposals),
            float(mask_fill([entry.gt_rle])[0]),
            float(mask_fill([labels[key].rle])[0]),
            float(mask_fill(entry.stored.proposals.rles).max(initial=0)),
        )
        for entry in judge_proposals(folder.proposals, folder.truth)
        if (key := entry.instance.annotation_id) in labels
    ]


def describe(objects: list[Filled]) -> str:
    """Return threshold, gap and a table by kind of label."""
    threshold = float(np.mean([entry.largest for entry in objects]))
    counted = [entry for entry in objects if entry.truth > threshold]
    groups: dict[str, list[Filled]] = defaultdict(list)
    for entry in counted:
        groups[entry.kind].append(entry)
    rows = [
        (
            kind,
            f"{len(group) / len(counted):.1%}",
            f"{np.mean([entry.label for entry in group]):.3f}",
            f"{np.mean([abs(entry.truth - entry.label) for entry in group]):.3f}",
            f"{sum(abs(entry.truth - entry.label) for entry in group) / len(counted):.3f}",
        )
        for kind, group in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
    gap = np.mean([abs(entry.truth - entry.label) for entry in counted])
    head = (
        f"gap {gap:.3f}, of {len(counted) / len(objects):.1%} of the objects, those that fill more "
        f"than {threshold:.3f} of their box ({np.mean([e.truth for e in counted]):.3f} on average)"
    )
    columns = ("label", "share", "fills", "off by", "adds to the gap")
    return f"{head}\n\n{table(columns, rows)}"


if __name__ == "__main__":
    main()

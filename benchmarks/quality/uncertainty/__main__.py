"""Variants of the uncertainty of labels: the share of the wrong labels that each finds.

    python -m benchmarks.quality.uncertainty --run run --images photos --proposals store \
        --truth instances.json --json uncertainty.json

Labels every object of the store as `sapnet label` does and orders the labels by each variant, the
most uncertain first. Counts the share of the wrong labels (IoU with the truth below 0.5) among the
first 10, 20 and 30 %. Objects whose mask was given are left out. "kept" is the score that
`sapnet label` writes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.common import given_options, parse_arguments, setting, table, write_json
from benchmarks.quality.uncertainty.evidence import collect
from benchmarks.quality.uncertainty.variants import WRONG_BELOW, measure
from sapnet.network.loading import load_model
from sapnet.store.reader import ProposalStore


def main() -> None:
    """Measure, print and write the figures."""
    args = parse_arguments(
        __doc__,
        run={"type": Path, "required": True, "help": "run folder written by sapnet train"},
        images={"type": Path, "required": True, "help": "folder of the images"},
        proposals={"type": Path, "required": True, "help": "their proposal store"},
        truth={"type": Path, "required": True, "help": "their COCO instance json"},
        device={"default": "cpu", "help": "cpu, cuda or mps"},
    )
    model = load_model(args.run, args.device)
    evidence = collect(model, args.images, ProposalStore(args.proposals), args.truth)
    ious = np.array([entry.iou for entry in evidence])
    used = setting(
        **given_options(args),
        run=str(args.run),
        proposals=str(args.proposals),
        num_labels=len(ious),
        num_wrong=int((ious < WRONG_BELOW).sum()),
        label_miou=float(ious.mean()),
    )
    print("  ".join(f"{name} {value}" for name, value in used.items()))
    figures = measure(evidence)
    head = list(next(iter(figures.values())))
    print(table(["confidence", *head], [[name, *row.values()] for name, row in figures.items()]))
    summary = {
        f"{name} {key}": value for name, row in figures.items() for key, value in row.items()
    }
    write_json(args.json, summary, used, figures)


if __name__ == "__main__":
    main()

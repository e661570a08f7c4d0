"""One HTML page about a ladder of systems: tables, plots, worst labels.

    python -m benchmarks.ladder.page runs/ladder-small/ladder.json --num-objects 6

Labels, predictions and data are read from the folder of `ladder.json`. The page names the files
that are not there and leaves out what needs them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.ladder.page.page import LadderInputs, report_ladder

FILE_NAME = "report.html"


def main() -> None:
    """Write the page that the command line asks for.

    Raises:
        SystemExit: the ladder is missing or damaged, or an option is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ladder.page", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("ladder", type=Path, help="ladder.json written by benchmarks.ladder")
    parser.add_argument("--num-objects", type=int, default=6, help="worst labels of each system")
    parser.add_argument("--out", type=Path, help=f"HTML file ({FILE_NAME} beside the ladder)")
    args = parser.parse_args()
    try:
        inputs = LadderInputs(args.ladder, args.num_objects)
        path = report_ladder(inputs, args.out or args.ladder.with_name(FILE_NAME))
    except (FileNotFoundError, ValueError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()

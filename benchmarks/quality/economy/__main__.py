"""Minutes against quality: what a person's time buys, by what the person does.

    python -m benchmarks.quality.economy --sets SETS COCO --out runs/economy --json economy.json

Each strategy spends the same seconds on the train images of a set, in one drawn order. Masks come
from the proposer `click`, without training: its favourite, the candidate that the person picks, or
the true mask where one is drawn. `--teach` also teaches the proposer what was corrected, and
`--train-steps` trains a segmenter on what was bought and scores it on val; both take hours.

The person is ideal: clicks lie on the object, a look tells a right mask (IoU of 0.75) from a wrong
one, and what is drawn is the truth. What is wrong after a fix is therefore nobody's time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.common import parse_arguments, setting, table, write_json
from benchmarks.plots import COLOURS
from benchmarks.quality.economy.networks import teach, train
from benchmarks.quality.economy.objects import Work, prepare
from benchmarks.quality.economy.person import STRATEGIES, Bought, Costs, figures_of
from benchmarks.quality.real_sets.sets import find_sets
from benchmarks.quality.trial import kept

MINUTES = (10.0, 30.0, 100.0)


def measure(work: Work, minutes: float, out: Path, args: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Yield a row of figures for each strategy."""
    seconds, costs = 60 * minutes, Costs()
    plans: dict[str, Callable[[], Bought]] = {
        name: lambda found=strategy: found(work.targets, seconds, costs)  # type: ignore[misc]
        for name, strategy in STRATEGIES.items()
    }
    if args.teach:
        plans["clicks and teaching"] = lambda: teach(work, seconds, costs, out / "teaching")
    for name, plan in plans.items():
        bought = plan()
        row = {"set": work.one.name, "minutes": minutes, "strategy": name}
        row |= figures_of(bought, work.targets)
        if args.train_steps and bought:
            place = out / name.replace(" ", "-")
            asked = (args.train_steps, args.seed, args.most)
            row |= kept(
                place / "figures.json",
                asked,
                lambda bought=bought, place=place: train(work, bought, args.train_steps, place),  # type: ignore[misc]
            )
        yield row


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw a column of panels for each set: figures against the minutes, a line a strategy."""
    keys = {"set_miou": "mean IoU over all objects", "mask_ap": "AP on val"}
    shown = [key for key in keys if any(key in row for row in rows)]
    sets = list(dict.fromkeys(row["set"] for row in rows))
    names = list(dict.fromkeys(row["strategy"] for row in rows))
    size = (3.2 * len(sets), 3.0 * len(shown))
    figure = Figure(figsize=size, layout="constrained")
    for key, panels in zip(
        shown, figure.subplots(len(shown), len(sets), squeeze=False), strict=True
    ):
        for axes, title in zip(panels, sets, strict=True):
            lines = [row for row in rows if row["set"] == title and key in row]
            if not lines:
                axes.set_axis_off()
                continue
            for number, name in enumerate(names):
                line = [row for row in lines if row["strategy"] == name]
                style = {"color": COLOURS[number % len(COLOURS)], "ls": "-" if number < 4 else "--"}
                x, y = [row["minutes"] for row in line], [row[key] for row in line]
                axes.semilogx(x, y, marker="o", label=name, **style)
            axes.set(title=title, xlabel="minutes of a person", xticks=MINUTES)
            axes.set_ylim(0, 1 if key == "set_miou" else None)
            axes.set_xticklabels([f"{value:g}" for value in MINUTES])
            axes.minorticks_off()
            axes.grid(alpha=0.3)
        panels[0].set_ylabel(keys[key])
    figure.axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure all sets; print a table and the best strategies, write json and plot."""
    args = parse_arguments(
        __doc__,
        sets={"type": Path, "nargs": "+", "required": True, "help": "sets, or folders of them"},
        out={"type": Path, "required": True, "help": "folder of stores and runs"},
        names={"nargs": "*", "help": "only these sets"},
        minutes={"type": float, "nargs": "*", "default": list(MINUTES), "help": "of a person"},
        most={"type": int, "default": 3000, "help": "most objects of a set, on drawn images"},
        seed={"type": int, "default": 0, "help": "of the order of the images"},
        teach={"action": "store_true", "help": "also teach the proposer: a minute for each"},
        train_steps={"type": int, "default": 0, "help": "steps of each segmenter; 0 trains none"},
        plot={"type": Path, "help": "png file"},
    )
    rows: list[dict[str, Any]] = []
    for one in find_sets(args.sets):
        if args.names is None or one.name in args.names:
            work = prepare(one, args.out / one.name, args.seed, args.most)
            for minutes in args.minutes:
                place = args.out / one.name / f"{minutes:g}"
                rows += measure(work, minutes, place, args)
    heads = list(dict.fromkeys(key for row in rows for key in row))
    print(table(heads, [[row.get(key, "") for key in heads] for row in rows]))
    key = "mask_ap" if args.train_steps else "set_miou"
    for title, minutes in dict.fromkeys((row["set"], row["minutes"]) for row in rows):
        these = [r for r in rows if (r["set"], r["minutes"]) == (title, minutes)]
        best = max(these, key=lambda row: row.get(key, 0.0))
        print(f"{title}, {minutes:g} minutes: {best['strategy']} ({key} {best[key]:.3f})")
    if args.plot is not None:
        draw(rows, args.plot)
    named = {
        f"{r['set']}_{r['strategy']}_{r['minutes']:g}{end}": r[key]
        for key, end in (("set_miou", ""), ("mask_ap", "_ap"))
        for r in rows
        if key in r
    }
    write_json(args.json, named, setting(seed=args.seed, most=args.most), rows)


if __name__ == "__main__":
    main()

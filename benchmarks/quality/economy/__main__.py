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


def draw(rows: Sequence[dict[str, Any]], key: str, path: Path) -> None:
    """Draw a panel for each set: a figure against the minutes, a line for each strategy."""
    sets = list(dict.fromkeys(row["set"] for row in rows))
    figure = Figure(figsize=(3.2 * len(sets), 3.2), layout="constrained")
    panels = figure.subplots(1, len(sets), squeeze=False)[0]
    names = list(dict.fromkeys(row["strategy"] for row in rows))
    for axes, title in zip(panels, sets, strict=True):
        for number, name in enumerate(names):
            line = [r for r in rows if r["set"] == title and r["strategy"] == name and key in r]
            style = {"color": COLOURS[number % len(COLOURS)], "ls": "-" if number < 4 else "--"}
            x, y = [r["minutes"] for r in line], [r[key] for r in line]
            axes.semilogx(x, y, "o", label=name, **style)
        axes.set(title=title, xlabel="minutes of a person", xticks=MINUTES, ylim=(0, 1))
        axes.set_xticklabels([f"{value:g}" for value in MINUTES])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].set_ylabel({"set_miou": "mean IoU over all objects", "mask_ap": "AP on val"}[key])
    panels[-1].legend(fontsize="small")
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
        draw(rows, key, args.plot)
    named = {f"{r['set']}_{r['strategy']}_{r['minutes']:g}": r[key] for r in rows if key in r}
    write_json(args.json, named, setting(seed=args.seed, most=args.most), rows)


if __name__ == "__main__":
    main()

"""The content of `ladder.json`: figures of all systems over the seeds."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import setting
from benchmarks.ladder.jobs import Job, Photographs, figures_path
from benchmarks.ladder.scales import ScaleName, Split, ladder_scale
from benchmarks.ladder.systems import System
from benchmarks.ladder.worker import IMAGES

SHARE_OF_SUPERVISED = "share_of_supervised"


@dataclass(frozen=True)
class LadderRun:
    """A ladder whose figures are summarized.

    Attributes:
        out: folder of the ladder.
        scale: name of its size.
        split: "test" or "tuning".
        seeds: seeds of data and training.
        photographs: set of photographs in place of synthetic images.
        choice: options that chose the systems, as on the command line.
    """

    out: Path
    scale: ScaleName
    split: Split
    seeds: list[int]
    photographs: Photographs | None = None
    choice: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The command that makes the ladder."""
        own = f"--scale {self.scale} --split {self.split}"
        if self.photographs is not None:
            own = " ".join(map(str, self.photographs.words))
        words = [own, "--seeds", *map(str, self.seeds), *self.choice]
        return f"python -m benchmarks.ladder {' '.join(words)}"


def summarize(run: LadderRun, systems: tuple[System, ...], minutes: float) -> dict[str, Any]:
    """Return the content of ladder.json.

    Args:
        run: the ladder; images and systems of its seeds lie in its folder.
        systems: systems that were run.
        minutes: time it took.
    """
    scale = ladder_scale(run.scale, 0, "cpu")
    images = over_seeds(read_figures(run.out, run.seeds, IMAGES))
    here = setting()
    known = {system.name for system in systems}
    return {
        "scale": run.scale,
        "split": run.split,
        "date": here["date"][:10],
        "command": run.command,
        "machine": f"{here['cores']} cores, {here['memory_gib']} GiB, {here['processor']}",
        "setting": here,
        "minutes": round(minutes, 1),
        "seeds": run.seeds,
        "data": {
            "train_images": scale.train_images or round(images["train_images"]["mean"] or 0),
            "test_images": scale.test_images or round(images["test_images"]["mean"] or 0),
            "objects": round(images["num_objects"]["mean"] or 0),
            "oracle_miou": images["oracle_miou"],
            "top1_miou": images["top1_miou"],
        },
        "systems": {system.name: summary_of(run, system, known) for system in systems},
    }


def summary_of(run: LadderRun, system: System, known: set[str]) -> dict[str, Any]:
    """Return a system's entry in ladder.json.

    Args:
        run: the ladder.
        system: the system.
        known: names of the systems that were run.
    """
    by_seed = read_figures(run.out, run.seeds, system.name)
    scale = ladder_scale(run.scale, 0, "cpu")
    return {
        "title": system.title,
        "group": system.group,
        "adds_to": system.adds_to if system.adds_to in known else None,
        "paper_mask_ap": system.paper_mask_ap,
        "trains": system.parts_trained(segmenter=scale.has_segmenter(system, run.seeds[0])),
        **over_seeds(by_seed),
        "seeds": by_seed,
    }


def read_figures(out: Path, seeds: list[int], system: str) -> dict[str, dict[str, float]]:
    """Read a system's figures by seed, with its share of ground truth's AP if both are known.

    A seed whose system is not finished is left out.
    """
    found = {}
    for seed in seeds:
        figures = _read(figures_path(out, Job(seed, system, ())))
        limit = _read(figures_path(out, Job(seed, "supervised", ()))).get("mask_ap")
        if "mask_ap" in figures and limit:
            figures[SHARE_OF_SUPERVISED] = figures["mask_ap"] / limit
        if figures:
            found[str(seed)] = figures
    return found


def _read(path: Path) -> dict[str, float]:
    """Read the figures of a job; empty if it is not finished."""
    return json.loads(path.read_text()) if path.is_file() else {}


def mean_and_std(values: list[float]) -> dict[str, float | None]:
    """Return mean and sample standard deviation; a single value has no deviation."""
    std = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.mean(values), "std": std}


def over_seeds(by_seed: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    """Return mean and deviation of each figure over the seeds that have it.

    A figure that is null for a seed, where no object counts, is left out.
    """
    by_seed = {
        seed: {name: value for name, value in figures.items() if value is not None}
        for seed, figures in by_seed.items()
    }
    names = sorted({name for figures in by_seed.values() for name in figures})
    found = {name: [f[name] for f in by_seed.values() if name in f] for name in names}
    for name in names:
        if name.startswith("share_") and name != SHARE_OF_SUPERVISED:
            # A seed without any label of a kind has no entry for it.
            labelled = [figures for figures in by_seed.values() if "label_miou" in figures]
            found[name] = [figures.get(name, 0.0) for figures in labelled]
    return {name: mean_and_std(values) for name, values in found.items()}

"""The figures of a run: means over seeds, shares with intervals, the table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from benchmarks.common import table
from benchmarks.quality.real_sets.bootstrap import CategoryMatches, match_predictions, share_of
from benchmarks.quality.real_sets.parts import Clicked, Rung
from benchmarks.quality.real_sets.sets import SPLITS
from benchmarks.quality.real_sets.systems import SYSTEMS

STAGES = {"one_stage": "", "two_stages": ", two stages"}
LEAST_AP50 = 0.4
"""Least AP50 from ground truth with which shares mean something: below, the network has not
learned enough for its labels to matter."""

HEAD = ("set", "proposer", "system", "label mIoU train", "val", "AP", "AP50", "AP75")
HEAD += ("share of best, % (95 % interval)", "share of truth, %")


@dataclass(frozen=True)
class Result:
    """A finished system of one seed and its figures, as `run_rung` returns them."""

    rung: Rung
    figures: dict[str, Any]


def describe(result: Result) -> str:
    """Say in one line how good a system of one seed is."""
    rung, figures = result.rung, result.figures
    parts = [f"{rung.clicked.real.name} {rung.clicked.proposer} {rung.system.name} {rung.seed}:"]
    if "labels" in figures:
        parts.append(f"label mIoU {figures['labels']['train']['label_miou']:.3f}")
    for stage in STAGES:
        if stage in figures:
            scores = figures[stage]
            parts.append(f"{stage} AP {scores['mask_ap']:.3f} AP50 {scores['mask_ap50']:.3f}")
    return " ".join(parts)


def set_figures(results: Sequence[Result], clicked: Clicked, samples: int) -> dict[str, Any]:
    """Return the figures of a set with one proposer.

    Args:
        results: of all systems and seeds of this set and proposer.
        clicked: the set and the figures of its proposals.
        samples: resamples of the images for the intervals.
    """
    systems: dict[str, Any] = {}
    for name in SYSTEMS:
        own = [result for result in results if result.rung.system.name == name]
        if own:
            systems[name] = {
                "title": SYSTEMS[name].title,
                "seeds": {str(one.rung.seed): one.figures for one in own},
                **_means([one.figures for one in own]),
            }
    for name, row in systems.items():
        for stage in STAGES:
            if stage in row:
                row[stage]["shares"] = _shares(results, systems, name, stage, samples)
    return {"proposals": clicked.figures, "systems": systems}


def _means(seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over the seeds of all numbers, nested as in the figures."""
    means: dict[str, Any] = {}
    for key in dict.fromkeys(key for figures in seeds for key in figures):
        values = [figures[key] for figures in seeds if figures.get(key) is not None]
        if values and isinstance(values[0], dict):
            means[key] = _means(values)
        elif values and isinstance(values[0], int | float):
            means[key] = statistics.mean(values)
    return means


def _shares(
    results: Sequence[Result], systems: dict[str, Any], name: str, stage: str, samples: int
) -> dict[str, Any]:
    """Return a system's share of the AP of the best candidates and of ground truth.

    Empty unless ground truth reaches `LEAST_AP50`.
    """
    limit = systems.get("truth", {}).get("one_stage", {}).get("mask_ap50") or 0.0
    if limit < LEAST_AP50:
        return {}
    own = _matches(results, name, stage)
    return {
        f"of_{other}": asdict(share_of(own, _matches(results, other, "one_stage"), samples))
        for other in ("best", "truth")
        if other in systems and other != name
    }


def _matches(results: Sequence[Result], name: str, stage: str) -> list[list[CategoryMatches]]:
    return [
        _match(str(one.rung.results(stage)), str(one.rung.clicked.real.val.truth))
        for one in results
        if one.rung.system.name == name and stage in one.figures
    ]


@cache
def _match(results: str, truth: str) -> list[CategoryMatches]:
    return match_predictions(results, truth)


def summarize(sets: dict[str, Any]) -> dict[str, float]:
    """Return the main figures by name.

    `SET_share_of_best` and `SET_share_of_truth` are those of sapnet+ in one command with the
    proposer `click`; a name in the middle tells another proposer or two stages. Mean IoUs are those
    of the proposer's favourite, of the labels of sapnet+ and of each object's best candidate.
    """
    summary: dict[str, float] = {}
    for set_name, by_proposer in sets.items():
        for proposer, figures in by_proposer.items():
            prefix = set_name if proposer == "click" else f"{set_name}_{proposer}"
            ours = figures["systems"].get("ours", {})
            for split in SPLITS:
                if "labels" in ours:
                    summary[f"{prefix}_{split}_label_miou"] = ours["labels"][split]["label_miou"]
                proposals = figures["proposals"].get(split, {})
                for name, key in (("favourite", "top1_miou"), ("best", "oracle_miou")):
                    if key in proposals:
                        summary[f"{prefix}_{split}_{name}_miou"] = proposals[key]
            for stage, title in (("one_stage", ""), ("two_stages", "_two_stages")):
                for name, share in ours.get(stage, {}).get("shares", {}).items():
                    summary[f"{prefix}{title}_share_{name}"] = share["share"]
    return summary


def as_table(sets: dict[str, Any]) -> str:
    """Format the figures as a Markdown table, a row for each system and stage."""
    return table(HEAD, (row for name, found in sets.items() for row in _rows(name, found)))


def _rows(set_name: str, by_proposer: dict[str, Any]) -> Iterable[list[str]]:
    for proposer, figures in by_proposer.items():
        for system in figures["systems"].values():
            labels = system.get("labels", {})
            ious = [_digits(labels.get(split, {}).get("label_miou")) for split in ("train", "val")]
            for stage, title in STAGES.items():
                if stage in system or (stage == "one_stage" and labels):
                    row = system.get(stage, {})
                    aps = [_digits(row.get(f"mask_{name}")) for name in ("ap", "ap50", "ap75")]
                    shares = [_share(row, name) for name in ("of_best", "of_truth")]
                    yield [set_name, proposer, system["title"] + title, *ious, *aps, *shares]


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(row: dict[str, Any], name: str) -> str:
    share = row.get("shares", {}).get(name)
    if share is None:
        return ""
    middle, low, high = (f"{100 * share[key]:.0f}" for key in ("share", "low", "high"))
    return f"{middle} ({low} to {high})"

"""Systems of the paper's Tables 5, 6 and 8, and the systems of each table by name.

All of them are the complete method, trained end to end, with other settings of one part.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks.ladder.systems import System, ladder_systems
from sapnet.selection.config import SelectionConfig, paper_selection

LADDER_TABLES = {
    1: ("top1", "mil", "sapnet", "supervised"),
    3: ("top1", "two_stage", "sapnet"),
    4: ("mil", "pdg", "prm", "pnpg", "bms", "sapnet"),
    7: ("mil_alone", "bms_alone"),
}
"""Rows of the tables whose systems are on the ladder."""

MINING_AP = {
    (0.5, 0.3): 30.9,
    (0.5, 0.4): 30.7,
    (0.6, 0.4): 30.8,
    (0.7, 0.3): 31.0,
    (0.7, 0.4): 30.7,
}
"""Table 5: mask AP in percent by T_min1 and T_min2; 0.6 and 0.3 are SAPNet's."""

NEGATIVES_AP = {(0.3, 0.3): 30.9, (0.5, 0.3): 30.8, (0.5, 0.5): 31.1}
"""Table 8: mask AP in percent by T_neg1 and T_neg2; 0.3 and 0.5 are SAPNet's."""


def all_systems(base: SelectionConfig) -> tuple[System, ...]:
    """Return the systems of the ladder and of all tables.

    Args:
        base: settings of the default method, as in `ladder_systems`.
    """
    further = (system for table in (5, 6, 8) for system in _variants(base, table))
    return (*ladder_systems(base), *further)


def table_systems(base: SelectionConfig, table: int) -> tuple[System, ...]:
    """Return the rows of a table of the paper.

    Args:
        base: settings of the default method.
        table: 1 or 3 to 8. Table 6 has rows that the paper lacks: labels with and without the part
            negatives.
    """
    names = LADDER_TABLES.get(
        table, ("prm_alone", "pnpg_alone", "sapnet") if table == 6 else ("sapnet",)
    )
    rows = tuple(system for system in ladder_systems(base) if system.name in names)
    return (*rows, *_variants(base, table))


def _variants(base: SelectionConfig, table: int) -> tuple[System, ...]:
    """Return the rows of Table 5, 6 or 8 that are no systems of the ladder."""
    complete = paper_selection(base)
    variant = partial(System, group="paper", adds_to="sapnet")
    if table == 5:
        return tuple(
            variant(
                f"bms_{close}_{containment}",
                f"BMS at {close} and {containment}",
                selection=replace(
                    complete,
                    mining=replace(base.mining, close_iou=close, containment_iou=containment),
                ),
                paper_mask_ap=ap,
            )
            for (close, containment), ap in MINING_AP.items()
        )
    if table == 8:
        return tuple(
            variant(
                f"npg_{background}_{part}",
                f"NPG at {background} and {part}",
                selection=replace(
                    complete,
                    negatives=replace(base.negatives, background_iou=background, part_iou=part),
                ),
                paper_mask_ap=ap,
            )
            for (background, part), ap in NEGATIVES_AP.items()
        )
    return _without_proposals(base) if table == 6 else ()


def _without_proposals(base: SelectionConfig) -> tuple[System, ...]:
    """Return the rows of Table 6: SAPNet, and the rung of PNPG, without some generated boxes."""
    complete = paper_selection(base)
    no_positives = replace(base.positives, enabled=False)
    no_negatives = replace(base.negatives, enabled=False)
    without = partial(System, group="paper", adds_to="sapnet")
    neither = replace(complete, positives=no_positives, negatives=no_negatives)
    partless = replace(
        complete,
        negatives=replace(base.negatives, num_parts=0),
        mining=replace(base.mining, enabled=False),
        multi_mask=replace(base.multi_mask, enabled=False),
    )
    return (
        without("neither", "neither PPG nor NPG", selection=neither, paper_mask_ap=29.3),
        without(
            "positives",
            "PPG alone",
            selection=replace(complete, negatives=no_negatives),
            paper_mask_ap=29.8,
        ),
        without(
            "negatives",
            "NPG alone",
            selection=replace(complete, positives=no_positives),
            paper_mask_ap=30.7,
        ),
        System(
            "partless_alone",
            "+ PNPG without parts, alone",
            "paper",
            adds_to="prm_alone",
            selection=partless,
            segmenter=False,
        ),
    )

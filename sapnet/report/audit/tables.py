"""Headline and tables of an audit of the labels."""

from __future__ import annotations

from sapnet.evaluation.audit.figures import AuditFigures
from sapnet.evaluation.audit.interval import Estimate
from sapnet.report.contents import MAX_CATEGORIES, MISSING, Table, TableRow, Tile


def audit_headline(audit: AuditFigures) -> Tile:
    """Return the share of right labels with its interval, as a figure in large type."""
    found, name = audit.right, "labels that are right"
    if found is None:
        note = f"{audit.num_judged} of {audit.num_sampled} labels judged, too few"
        return Tile(name, MISSING, note)
    interval = f"95 % interval {found.low:.1%} to {found.high:.1%}"
    return Tile(name, f"{found.value:.1%}", f"{interval}, {found.judged} of {found.total} judged")


def audit_tables(audit: AuditFigures) -> tuple[Table, ...]:
    """Return the tables of an audit; none without a figure."""
    if audit.right is None:
        return ()
    groups: list[tuple[str, Estimate | None]] = [("all", audit.right)]
    groups += list(audit.by_size.items())
    groups += list(audit.by_category.items())[:MAX_CATEGORIES]
    missing = ""
    if audit.still_to_judge:
        missing = (
            f" {audit.still_to_judge} more judgements would narrow the interval of all labels to "
            f"± {audit.half_width:.1%}."
        )
    accuracy = Table(
        "Right labels, judged by a person",
        "",
        ("right", "95 % interval", "judged", "labels"),
        tuple(TableRow(name, _cells(found), is_main=name == "all") for name, found in groups),
        f"A random sample by category and size. Another object, or none: {_share(audit.wrong)}."
        + missing,
    )
    return (accuracy, *_doubts(audit))


def _doubts(audit: AuditFigures) -> tuple[Table, ...]:
    if not audit.bins:
        return ()
    held = "; ".join(f"{share:.0%}: {found.value:.0%}" for share, found in audit.held.items())
    table = Table(
        "Uncertainty against judgements",
        "labels, from the most certain fifth on",
        ("mean uncertainty", "not right", "95 % interval", "judged"),
        tuple(
            TableRow(
                f"fifth {number}",
                (
                    f"{part.uncertainty:.2f}",
                    f"{part.faulty.value:.1%}",
                    f"{part.faulty.low:.1%} to {part.faulty.high:.1%}",
                    str(part.faulty.judged),
                ),
            )
            for number, part in enumerate(audit.bins, 1)
        ),
        f"Share of the faulty labels that the most uncertain labels hold: {held}." if held else "",
    )
    return (table,)


def _cells(found: Estimate | None) -> tuple[str, ...]:
    if found is None:
        return (MISSING,) * 4
    interval = f"{found.low:.1%} to {found.high:.1%}"
    return f"{found.value:.1%}", interval, str(found.judged), str(found.total)


def _share(found: Estimate | None) -> str:
    return MISSING if found is None else f"{found.value:.1%}"

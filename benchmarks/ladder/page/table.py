"""Tables of a ladder's figures, for the page and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

from benchmarks.ladder.page.figures import Estimate, LabelFigures, Ladder, SegmenterFigures, System
from sapnet.proposals.simulated.proposer import KIND_ORDER
from sapnet.report.contents import MISSING, Table, TableRow, figure, percent

_TRAINS = "trains"
_LABEL_COLUMNS = ("label mIoU", "Δ", "gap")
_SEGMENTER_COLUMNS = ("mask AP", "AP50", "AP75", "box AP", "of supervised")
_PAPER_COLUMNS = ("paper's AP", "of its supervised")


def ladder_table(ladder: Ladder) -> Table:
    """Make one table of all figures, a row per system; our own systems stand out.

    Args:
        ladder: the figures.
    """
    labels, predictions = label_table(ladder), prediction_table(ladder)
    rows = tuple(
        replace(row, cells=(*row.cells, *further.cells))
        for row, further in zip(labels.rows, predictions.rows, strict=True)
    )
    columns = (*labels.columns, *predictions.columns)
    note = " ".join(dict.fromkeys((*_label_notes(ladder), *_prediction_notes(ladder))))
    return Table("Ladder", "system", columns, rows, note)


def label_table(ladder: Ladder) -> Table:
    """Make the table of what each system trains and of its labels; n/a without labels.

    Args:
        ladder: the figures.
    """
    kinds = list_kinds(ladder)
    lower = _lower_labels(ladder)
    rows = _rows(
        ladder, lambda s: (s.trains or MISSING, *_label_cells(s.labels, lower[s.key], kinds))
    )
    columns = (_TRAINS, *_LABEL_COLUMNS, *map(kind_name, kinds))
    return Table("Labels by system", "system", columns, rows, " ".join(_label_notes(ladder)))


def prediction_table(ladder: Ladder) -> Table:
    """Make the table of the predictions, the paper's AP beside them, a row per system.

    Args:
        ladder: the figures; systems without predictions have n/a.
    """
    paper = None if ladder.supervised is None else ladder.supervised.paper_mask_ap
    rows = _rows(
        ladder, lambda s: (*_segmenter_cells(s.segmenter), *_paper_cells(s.paper_mask_ap, paper))
    )
    columns = (*_SEGMENTER_COLUMNS, *_PAPER_COLUMNS)
    return Table(
        "Predictions by system", "system", columns, rows, " ".join(_prediction_notes(ladder))
    )


def table_markdown(table: Table) -> str:
    """Format a table as Markdown with its note below it, without its title.

    Args:
        table: any table.
    """
    head = (table.corner, *table.columns)
    rows = (
        tuple(f"**{cell}**" if row.is_main else cell for cell in (row.name, *row.cells))
        for row in table.rows
    )
    rule = ("---", *("---:" for _ in table.columns))
    lines = [
        "| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |"
        for line in (head, rule, *rows)
    ]
    return "\n".join([*lines, "", table.note] if table.note else lines)


def list_kinds(ladder: Ladder) -> tuple[str, ...]:
    """List the kinds of the chosen proposals: the simulated proposer's kinds first.

    Args:
        ladder: the figures.
    """
    found = dict.fromkeys(chain.from_iterable(labels.shares for labels in _all_labels(ladder)))
    known = [kind for kind in dict.fromkeys(KIND_ORDER) if kind in found]
    return tuple(dict.fromkeys((*known, *found)))


def kind_name(kind: str) -> str:
    """Return the name of a kind of proposals for readers."""
    return kind.replace("_", " ")


def spread(estimate: Estimate | None) -> str:
    """Format mean ± deviation; the mean alone with one seed, n/a without a figure."""
    if estimate is None or estimate.std is None:
        return figure(None if estimate is None else estimate.mean)
    return f"{figure(estimate.mean)} ± {figure(estimate.std)}"


def _all_labels(ladder: Ladder) -> Iterator[LabelFigures]:
    return (system.labels for system in ladder.systems if system.labels is not None)


def _lower_labels(ladder: Ladder) -> dict[str, LabelFigures | None]:
    """Return the label figures that each system is compared with, by the system's key."""
    labels = {system.key: system.labels for system in ladder.systems}
    return {system.key: labels.get(system.adds_to or "") for system in ladder.systems}


def _label_cells(
    labels: LabelFigures | None, lower: LabelFigures | None, kinds: tuple[str, ...]
) -> tuple[str, ...]:
    if labels is None:
        return (MISSING,) * (len(_LABEL_COLUMNS) + len(kinds))
    change = MISSING if lower is None else f"{labels.miou.mean - lower.miou.mean:+.3f}"
    # A kind without any label has no entry, unless no kind is known.
    absent = Estimate(0) if labels.shares else None
    shares = (_percent(labels.shares.get(kind, absent)) for kind in kinds)
    return (spread(labels.miou), change, _mean(labels.gap), *shares)


def _segmenter_cells(segmenter: SegmenterFigures | None) -> tuple[str, ...]:
    if segmenter is None:
        return (MISSING,) * len(_SEGMENTER_COLUMNS)
    return (
        spread(segmenter.mask_ap),
        _mean(segmenter.mask_ap50),
        _mean(segmenter.mask_ap75),
        _mean(segmenter.box_ap),
        _percent(segmenter.share_of_supervised),
    )


def _paper_cells(paper_ap: float | None, paper_supervised: float | None) -> tuple[str, ...]:
    share = paper_ap / paper_supervised if paper_ap and paper_supervised else None
    return figure(paper_ap), percent(share)


def _mean(estimate: Estimate | None) -> str:
    return figure(None if estimate is None else estimate.mean)


def _percent(estimate: Estimate | None) -> str:
    return percent(None if estimate is None else estimate.mean)


def _rows(ladder: Ladder, cells: Callable[[System], tuple[str, ...]]) -> tuple[TableRow, ...]:
    return tuple(
        TableRow(system.title, cells(system), is_main=system.group == "ours")
        for system in ladder.systems
    )


def _seeds_note(ladder: Ladder) -> Iterator[str]:
    if len(ladder.seeds) > 1:
        yield (
            f"Means over {len(ladder.seeds)} seeds, ± their standard deviation; without it, a "
            "single seed."
        )


def _label_notes(ladder: Ladder) -> Iterator[str]:
    yield from _seeds_note(ladder)
    yield f"Best possible label mIoU: {spread(ladder.oracle_miou)}."
    yield "Δ: label mIoU against the rung that it adds to."
    if kinds := list_kinds(ladder):
        words = ", ".join(map(kind_name, kinds))
        yield f"{words.capitalize()}: share of the labels that are such a proposal."


def _prediction_notes(ladder: Ladder) -> Iterator[str]:
    yield from _seeds_note(ladder)
    yield "Of supervised: mask AP as a share of that with true masks. The paper's AP is on COCO."

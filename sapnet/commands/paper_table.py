"""Figures as a row of one of the paper's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """Column of a table.

    Attributes:
        title: what stands above it.
        key: name of the figure, see `evaluate`.
        is_percent: it stands there in percent with one digit; else as it is, with three.
    """

    title: str
    key: str
    is_percent: bool = True


_AP = (("AP", "ap"), ("AP50", "ap50"), ("AP75", "ap75"))
_BY_SIZE = (("APs", "ap_small"), ("APm", "ap_medium"), ("APl", "ap_large"))
_COCO = tuple(Column(title, f"mask_{key}") for title, key in (*_AP, *_BY_SIZE))
_COCO_SHORT = _COCO[: len(_AP)]
_VOC = tuple(Column(f"AP{level}", f"voc_ap{level}") for level in (25, 50, 75))
_BOXES = (
    *(Column(f"COCO box {title}", f"box_{key}") for title, key in _AP),
    *(Column(f"VOC box AP{level}", f"voc_box_ap{level}") for level in (25, 50, 75)),
)

PAPER_TABLES: Mapping[int, tuple[Column, ...]] = {
    1: _COCO,
    2: _VOC,
    3: _COCO_SHORT,
    4: _COCO_SHORT[:1],
    5: _COCO,
    6: _COCO_SHORT,
    7: (Column("gap", "gap", is_percent=False), Column("mIoU_box", "mined_box_miou")),
    8: _COCO,
    9: _BOXES,
}
"""Columns by number of the table. Table 9 has COCO's AP and VOC's AP50; the others are ours."""


def paper_row(figures: Mapping[str, float], table: int, name: str) -> str:
    """Format figures as Markdown: the head of a table of the paper and one row.

    Args:
        figures: from `evaluate`.
        table: number of the table, 1 to 9.
        name: of the method.

    Raises:
        ValueError: a figure of the table is not there.
    """
    columns = PAPER_TABLES[table]
    if missing := [column.key for column in columns if column.key not in figures]:
        needed = "--labels and --proposals" if table == 7 else "--predictions"
        advice = (
            " Labels have the box since sapnet label writes `refined_box`; label again."
            if missing == ["mined_box_miou"]
            else ""
        )
        raise ValueError(
            f"--table {table}: expected the figures of {needed}, found no {', '.join(missing)}."
            + advice
        )
    cells = [_cell(figures[column.key], column) for column in columns]
    lines = [["Method", *(column.title for column in columns)], ["---"] * (len(cells) + 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [*lines, [name, *cells]])


def _cell(value: float, column: Column) -> str:
    return f"{100 * value:.1f}" if column.is_percent else f"{value:.3f}"

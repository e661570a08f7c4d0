"""Writing a ladder's page as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.ladder.page.contents import LadderPart, LadderReport
from sapnet.report.label_gallery import LabelSection
from sapnet.report.page import MAX_PICTURE_BYTES, render_page, row_bytes
from sapnet.system.files import write_text_atomic

TEMPLATES = Path(__file__).parent
"""Folder of `ladder.html.j2`, which extends a template of `sapnet.report`."""


def write_ladder_report(
    out_html: Path | str, report: LadderReport, max_bytes: int = MAX_PICTURE_BYTES
) -> Path:
    """Write the page of a ladder.

    Args:
        out_html: file to write; its folder is made.
        report: contents of the page.
        max_bytes: size of all pictures; the last ones of each gallery are left out beyond it.

    Returns:
        `out_html`.
    """
    parts = tuple(
        replace(part, gallery=fit_gallery(part.gallery, max_bytes)) for part in report.parts
    )
    page = render_page(
        "ladder.html.j2",
        TEMPLATES,
        report=replace(report, parts=parts),
        num_left_out=_count_rows(report.parts) - _count_rows(parts),
    )
    return write_text_atomic(out_html, page)


def fit_gallery(sections: tuple[LabelSection, ...], max_bytes: int) -> tuple[LabelSection, ...]:
    """Cut all sections to the same number of rows, as many as fit.

    Args:
        sections: sections; their last rows are cut first.
        max_bytes: size of all pictures.
    """
    most = max((len(section.rows) for section in sections), default=0)
    sizes = np.zeros(most + 1, int)  # by place of the row, 0 before the first
    for section in sections:
        for place, row in enumerate(section.rows, start=1):
            sizes[place] += row_bytes(row)
    count = int(np.searchsorted(sizes.cumsum(), max_bytes, side="right")) - 1
    return tuple(replace(section, rows=section.rows[: max(count, 0)]) for section in sections)


def _count_rows(parts: Sequence[LadderPart]) -> int:
    return sum(len(section.rows) for part in parts for section in part.gallery)

"""Contents of a ladder's page: facts, and parts with tables, plots and galleries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sapnet.report.contents import Plot, Table
from sapnet.report.label_gallery import LabelSection


@dataclass(frozen=True)
class LadderPart:
    """Part of a ladder's page; empty fields are left out.

    Attributes:
        title: heading.
        intro: a sentence below it.
        missing: sentences on what is not shown, and why.
        tables: tables as wide as the page.
        plots: plots beside each other.
        gallery: labels by system, each with one candidate.
    """

    title: str
    intro: str = ""
    missing: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    gallery: tuple[LabelSection, ...] = ()


@dataclass(frozen=True)
class LadderReport:
    """Page of a ladder.

    Attributes:
        title: heading of the page.
        facts: facts on the measurement, name to value.
        parts: parts in the order of the page.
    """

    title: str
    facts: Mapping[str, str]
    parts: tuple[LadderPart, ...]

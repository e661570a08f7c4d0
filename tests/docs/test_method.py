"""The table of decisions names files, functions and tests that exist, and a test in every row."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "method.md").read_text("utf-8")
LINK = re.compile(r"\[`(test_\w+)`\]\((\.\./tests/[\w/]+\.py)\)")


def decisions() -> list[str]:
    """Rows of the tables from the equations to the schedule."""
    start = PAGE.index("### Equations and algorithms")
    part = PAGE[start : PAGE.index("The released numbers of PDG")]
    rows = [line for line in part.splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.startswith(("| of the paper", "| step"))]


def test_every_row_names_a_test_that_exists() -> None:
    rows = decisions()
    assert len(rows) > 70
    for row in rows:
        found = LINK.findall(row)
        assert found, f"no test: {row[:80]}"
        for name, path in found:
            assert f"def {name}(" in (DOCS / path).read_text("utf-8"), f"{name} in {path}"


def test_every_equation_and_table_has_a_row() -> None:
    text = "\n".join(decisions())
    for number in (1, 2, 3, 4, 5, 8, 9, 10, 11):
        assert re.search(rf"^\| Eq\. {number}\b", text, re.MULTILINE), number
    assert "| Eqs. 6 and 7 |" in text
    start = PAGE.index("### The paper's tables")
    tables = PAGE[start : PAGE.index("### Equations and algorithms")]
    for number in range(1, 10):
        assert re.search(rf"^\| {number} \|", tables, re.MULTILINE), number


def test_recipes_of_the_tables_exist() -> None:
    start = PAGE.index("### The paper's tables")
    tables = PAGE[start : PAGE.index("### Equations and algorithms")]
    recipes = DOCS.parent / "sapnet" / "recipes"
    named = {
        name
        for name in re.findall(r"`([\w/*]+)`", tables)
        if name.startswith(("ablations/", "coco", "voc2012", "supervised/"))
    }
    assert len(named) > 10
    for name in named:
        assert list(recipes.glob(f"{name}.yaml")), name

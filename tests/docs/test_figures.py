"""Figures in the pages are those of the files that they name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ladder.page.file import load_ladder
from benchmarks.ladder.page.table import ladder_table, table_markdown
from benchmarks.quality.real_sets.figures import as_table, summarize

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "benchmarks" / "results" / "demo.json"
REAL_SETS = ROOT / "benchmarks" / "results" / "real-sets.json"
LADDER = ROOT / "benchmarks" / "results" / "ladder-small.json"
TAUGHT = ROOT / "benchmarks" / "results" / "teach-sets.json"
MARK = "<!-- figures of benchmarks/results/demo.json -->"

COLUMNS = {
    "README.md": ("top1_miou", "label_miou", "oracle_miou", "mask_ap50"),
    "docs/results.md": ("top1_miou", "label_miou", "oracle_miou", "mask_ap", "mask_ap50"),
}
"""Keys of the demo's figures, in the order of the table of each page."""

SYSTEMS = {
    "proposer's top-1": "top1",
    "MIL (PSM)": "mil",
    "SAPNet as printed": "sapnet",
    "SAPNet, constants for scratch": "scratch",
    "sapnet+ (the default)": "ours",
    "sapnet+, two stages": "ours_two_stage",
    "ground truth": "supervised",
}


def rows(text: str) -> dict[str, list[str]]:
    """Cells of the first table of a text, by the first cell of the row; bold left out."""
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table is not None
    lines = [line.strip("|").split("|") for line in table[0].splitlines()[2:]]
    cells = [[cell.strip().replace("**", "") for cell in line] for line in lines]
    return {name: values for name, *values in cells}


@pytest.mark.parametrize("page", COLUMNS)
def test_the_demo(page: str) -> None:
    figures: dict[str, dict[str, Any]] = json.loads(DEMO.read_text("utf-8"))
    text = (ROOT / page).read_text("utf-8")
    found = rows(text[text.index(MARK) :])
    expected = {
        proposer: [f"{values[key]:.3f}" for key in COLUMNS[page]]
        for proposer, values in figures.items()
    }
    assert found == expected


def spread(values: dict[str, float | None]) -> str:
    mean, std = values["mean"], values["std"]
    return f"{mean:.3f}" if std is None else f"{mean:.3f} ± {std:.3f}"


def test_the_ladder() -> None:
    systems = json.loads(LADDER.read_text("utf-8"))["systems"]
    text = (ROOT / "docs" / "results.md").read_text("utf-8")
    found = rows(text[text.index("## The ablation ladder") :])
    assert list(found) == list(SYSTEMS)
    for title, key in SYSTEMS.items():
        label, mask_ap, share = found[title]
        system = systems[key]
        assert mask_ap == spread(system["mask_ap"]), title
        assert share == f"{system['share_of_supervised']['mean']:.0%}".replace("%", " %"), title
        if key != "supervised":
            assert label == spread(system["label_miou"]), title


def test_the_notebook_has_the_table_that_the_ladder_prints() -> None:
    table = table_markdown(ladder_table(load_ladder(LADDER)))
    assert table in (ROOT / "docs" / "notebook.md").read_text("utf-8")


def test_fine_tuning() -> None:
    summary = json.loads(TAUGHT.read_text("utf-8"))["summary"]
    text = (ROOT / "docs" / "results.md").read_text("utf-8")
    found = rows(text[text.index("## Fine-tuning on a few images") :])
    assert set(found) == {"balloon", "facade", "nuclei"}
    for name, cells in found.items():
        for count, cell in zip((0, 5, 20, 60), cells, strict=True):
            keys = (f"{name}_{count}_favourite", f"{name}_{count}_best")
            expected = (
                " / ".join(f"{summary[key]:.3f}" for key in keys) if keys[0] in summary else "-"
            )
            assert cell == expected, (name, count)


def test_the_real_sets() -> None:
    """The page has the table that the benchmark prints."""
    figures = json.loads(REAL_SETS.read_text("utf-8"))
    text = (ROOT / "docs" / "results.md").read_text("utf-8")
    assert as_table(figures["sets"]) in text
    assert figures["summary"] == summarize(figures["sets"])


def test_the_readme_fits_on_few_screens() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120

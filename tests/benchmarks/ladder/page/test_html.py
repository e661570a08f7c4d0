from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ladder.page.contents import LadderPart, LadderReport
from benchmarks.ladder.page.html import fit_gallery, write_ladder_report
from sapnet.report.contents import Table, TableRow
from sapnet.report.label_gallery import CandidatePicture, LabelRow, LabelSection
from sapnet.report.pictures import encode_jpeg


class _Page(HTMLParser):
    """Checks that tags close in order, and gathers words and addresses of pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.words = ""
        self.sources: list[str | None] = []
        self.feed(text)
        assert self.open_tags == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value for name, value in attrs if name == "src"]
        if tag not in {"meta", "img", "br", "link"}:
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words = " ".join([self.words, *data.split()])


def _section(title: str, sizes: list[int]) -> LabelSection:
    chosen = CandidatePicture(b"", 0.5, own_score=None, selection_score=0.5, is_chosen=True)
    rows = (
        LabelRow(i, "cup", "a.jpg", 0.5, None, b"x" * size, (chosen,), 0, None, None)
        for i, size in enumerate(sizes)
    )
    return LabelSection(title, tuple(rows))


@pytest.mark.parametrize(
    ("max_bytes", "counts"),
    [(1000, [3, 2]), (20, [3, 2]), (19, [2, 2]), (14, [2, 2]), (13, [1, 1]), (4, [0, 0])],
)
def test_galleries_are_cut_evenly(max_bytes: int, counts: list[int]) -> None:
    sections = (_section("a", [3, 5, 6]), _section("b", [2, 4]))
    cut = fit_gallery(sections, max_bytes)
    assert [len(section.rows) for section in cut] == counts
    assert [section.title for section in cut] == ["a", "b"]
    assert fit_gallery((), 1) == ()


@pytest.fixture
def report() -> LadderReport:
    jpeg = encode_jpeg(np.zeros((6, 8, 3), np.uint8))
    chosen = CandidatePicture(jpeg, 0.9, own_score=0.25, selection_score=0.75, is_chosen=True)
    row = LabelRow(17, "cup", "a&b.jpg", 0.9, 0.25, jpeg, (chosen,), 0, None, jpeg)
    table = Table("By size", "kind", ("all",), (TableRow("labels & more", ("0.884",)),), "A note.")
    shown = LabelSection("Système <1>", (replace(row, kind="part"),))
    parts = (
        LadderPart("Figures & more", tables=(table,), missing=("No <file>.",)),
        LadderPart("Worst", intro="Seed 0.", gallery=(shown,)),
    )
    return LadderReport("Ladder", {"command": "make <it>"}, parts)


def test_a_ladder_has_its_parts(report: LadderReport, tmp_path: Path) -> None:
    page = _Page(write_ladder_report(tmp_path / "a.html", report).read_text(encoding="utf-8"))
    for expected in ("Figures & more", "No <file>.", "Système <1>", "IoU 0.900 part", "make <it>"):
        assert expected in page.words
    assert len(page.sources) == 3  # click, truth, label
    assert all(value is not None and value.startswith("data:") for value in page.sources)
    assert "left out" not in page.words


def test_a_ladder_stays_small(report: LadderReport, tmp_path: Path) -> None:
    path = write_ladder_report(tmp_path / "a.html", report, max_bytes=1)
    page = _Page(path.read_text(encoding="utf-8"))
    assert "1 labels are left out" in page.words
    assert page.sources == []

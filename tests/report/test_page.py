import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sapnet.galleries import (
    CandidatePicture,
    LabelRow,
    LabelSection,
    PredictionRow,
    encode_jpeg,
)
from sapnet.report import ReportInputs, RunReport, write_report


class _Page(HTMLParser):
    """Checks that tags close in order, and gathers text and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in {"meta", "img", "br", "link"}:
            self.open_tags.append(tag)

    def handle_startendtag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()


@pytest.fixture
def run(tmp_path: Path) -> RunReport:
    jpeg = encode_jpeg(np.zeros((6, 8, 3), np.uint8))
    chosen = CandidatePicture(jpeg, 0.9, own_score=0.25, selection_score=0.75, is_chosen=True)
    other = CandidatePicture(jpeg, 0.1, own_score=None, selection_score=0.125, is_chosen=False)
    row = LabelRow(17, "větrník <b>", "a&b.jpg", 0.9, jpeg, (chosen, other), 3, jpeg)
    metrics_csv = tmp_path / "metrics.csv"
    metrics_csv.write_text("step,epoch,train/loss\n0,0,2.0\n1,0,1.0\n")
    return RunReport(
        name="simulated",
        metrics={
            "top1_miou": 0.631,
            "label_miou": 0.884,
            "oracle_miou": 0.941,
            "mask_ap": 0.402,
            "mask_ap50": math.nan,
        },
        seconds={"propose": 12.34, "train": 300.0},
        metrics_files=(metrics_csv,),
        labels=(LabelSection("Best", (row,)),),
        predictions=(PredictionRow("0.png", 2, 1, 0.3, jpeg, jpeg, jpeg),),
    )


def test_the_page_is_well_formed_and_loads_nothing(tmp_path: Path, run: RunReport) -> None:
    inputs = ReportInputs("Demo <1>", (run, RunReport("regions", {})), {"seed": "0 & more"})

    path = write_report(tmp_path / "out" / "report.html", inputs)

    text = path.read_text(encoding="utf-8")
    page = _Page(text)
    assert page.open_tags == []
    sources = [value for name, value in page.attributes if name in {"src", "href", "xlink:href"}]
    assert sources
    assert all(value and value.startswith(("data:image/jpeg;base64,", "#")) for value in sources)
    assert "@import" not in text
    assert "<script" not in text
    assert re.findall(r"url\((?!#)", text) == []


def test_figures_names_and_times_are_shown(tmp_path: Path, run: RunReport) -> None:
    inputs = ReportInputs("Demo <1>", (run,), {"seed": "0 & more"})

    words = _Page(write_report(tmp_path / "report.html", inputs).read_text("utf-8")).words

    text = " ".join(words)
    assert "Demo <1>" in text
    assert "seed 0 & more" in text
    assert "proposer's top-1 0.631 SAPNet's labels 0.884 oracle 0.941" in text
    assert "mask AP 0.402 mask AP50 n/a" in text
    assert "propose 12.3 s train 5.0 min" in text
    assert "větrník <b> IoU 0.900 object 17, a&b.jpg" in text
    assert "chosen selection 0.750 own 0.250 IoU 0.900" in text
    assert "selection 0.125 own n/a IoU 0.100" in text
    assert "3 more candidates" in text
    assert "train/loss" in text


def test_a_report_of_nothing_is_a_page(tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", ReportInputs("Empty", ()))

    page = _Page(path.read_text("utf-8"))
    assert page.open_tags == []
    assert "Training" not in page.words

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sapnet.report.contents import (
    CandidatePicture,
    LabelRow,
    LabelSection,
    Plot,
    PredictionRow,
    ReportInputs,
    RunReport,
    Settings,
    Table,
    TableRow,
)
from sapnet.report.page import fit_pictures, write_report
from sapnet.report.pictures import encode_jpeg


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
    row = LabelRow(17, "větrník <b>", "a&b.jpg", 0.9, 0.25, jpeg, (chosen, other), 3, jpeg, jpeg)
    table = Table("By size", "kind", ("all",), (TableRow("labels & more", ("0.884",)),), "A note.")
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
        settings=Settings({"images": "/a&b"}, {"epochs": "3 (default: 12)"}, {"epochs": "3"}),
        label_tables=(table,),
        label_plots=(Plot("A plot", "<svg></svg>", "Its note."),),
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
    inputs = ReportInputs("Demo <1>", (run, RunReport("other", {})), {"seed": "0 & more"})

    words = _Page(write_report(tmp_path / "report.html", inputs).read_text("utf-8")).words

    text = " ".join(words)
    assert "Demo <1>" in text
    assert "seed 0 & more" in text
    assert "proposer's top-1 0.631 n/a SAPNet's labels 0.884 n/a oracle 0.941 n/a" in text
    assert "mask AP 0.402 n/a mask AP50 n/a n/a" in text
    assert "propose 12.3 s n/a train 5.0 min n/a" in text
    assert "label mIoU 0.884 proposer 0.631, best possible 0.941" in text
    assert "větrník <b> IoU 0.900 uncertainty 0.250 object 17, a&b.jpg" in text
    assert "click truth refined box chosen" in text
    assert "By size kind all labels & more 0.884 A note." in text
    assert "A plot Its note." in text
    assert "Different from the defaults: 1 epochs 3 (default: 12) All 1 settings" in text
    assert "chosen selection 0.750 own 0.250 IoU 0.900" in text
    assert "selection 0.125 own n/a IoU 0.100" in text
    assert "3 more candidates" in text
    assert "train/loss" in text


def test_a_report_of_nothing_is_a_page(tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", ReportInputs("Empty", ()))

    page = _Page(path.read_text("utf-8"))
    assert page.open_tags == []
    assert "Training" not in page.words


def test_the_figures_of_a_single_run_are_those_that_were_logged(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text("step,loss,label_miou,val_mask_ap50\n0,2.0,,\n9,1.25,0.75,0.5\n")
    inputs = ReportInputs("Run", (RunReport("run", {}, metrics_files=(log,)),))

    text = " ".join(_Page(write_report(tmp_path / "report.html", inputs).read_text("utf-8")).words)

    assert "label mIoU 0.750 last epoch of training" in text
    assert "mask AP50 0.500 held-out images, last epoch" in text
    assert "loss 1.250 last logged" not in text  # a loss says nothing where figures are known
    log.write_text("step,loss\n0,2.0\n9,1.25\n")
    page = write_report(tmp_path / "report.html", inputs).read_text("utf-8")
    assert "loss 1.250 last logged" in " ".join(_Page(page).words)
    assert page.index("<details") < page.index("by optimiser step")  # curves are folded
    assert "Summary" not in text


def test_pictures_that_are_not_known_are_left_out(tmp_path: Path, run: RunReport) -> None:
    (section,) = run.labels
    row = replace(section.rows[0], truth=None, refined=None, iou=None, uncertainty=None)
    bare = replace(run, labels=(replace(section, rows=(row,)),))

    page = _Page(write_report(tmp_path / "a.html", ReportInputs("", (bare,))).read_text("utf-8"))

    assert "truth" not in [value for name, value in page.attributes if name == "class"]
    assert "click chosen" in " ".join(page.words)


def test_a_page_stays_small(run: RunReport) -> None:
    (section,) = run.labels
    jpeg = b"0" * 100_000
    rows = tuple(
        replace(section.rows[0], annotation_id=i, click=jpeg, truth=jpeg, refined=None)
        for i in range(40)
    )
    many = replace(run, labels=(replace(section, rows=rows),), predictions=())

    (fitted,) = fit_pictures([many], 4_000_000)
    (untouched,) = fit_pictures([many], 40_000_000)

    kept = [row.annotation_id for row in fitted.labels[0].rows]
    assert kept == list(range(19))  # 40 pictures of 100 kB are 20 rows, and these hold small ones
    assert untouched == many


def test_what_is_left_out_is_said(
    tmp_path: Path, run: RunReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sapnet.report.page.MAX_PICTURE_BYTES", 10)
    monkeypatch.setattr(fit_pictures, "__defaults__", (10,))

    page = _Page(write_report(tmp_path / "a.html", ReportInputs("", (run,))).read_text("utf-8"))

    assert "2 objects and images are left out" in " ".join(page.words)

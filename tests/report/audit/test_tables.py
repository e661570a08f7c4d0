"""An audit on the page: the headline, the tables, and a run folder that holds one."""

from __future__ import annotations

from pathlib import Path

from sapnet.evaluation.audit.audit_file import Audit, SampledLabel, save_audit
from sapnet.evaluation.audit.figures import audit_figures
from sapnet.evaluation.audit.sample import Stratum
from sapnet.report.audit.tables import audit_headline, audit_tables
from sapnet.report.build import RunInputs, build_run_report, report_run

CAT, DOG = Stratum(1, "small"), Stratum(2, "large")


def make_audit(num_judged: int) -> Audit:
    judgements = ["keep", "wrong", "keep", "keep"][:num_judged] + [None] * (4 - num_judged)
    sample = tuple(
        SampledLabel(key, CAT if key < 3 else DOG, key / 8, 1 - key / 8, "0", judgement)  # type: ignore[arg-type]
        for key, judgement in enumerate(judgements, 1)
    )
    return Audit("labels.json", 0, {1: "cat", 2: "dog"}, {CAT: 30, DOG: 10}, sample)


def test_headline_and_tables() -> None:
    figures = audit_figures(make_audit(4))
    tile = audit_headline(figures)
    assert tile.value == "62.5%"
    assert tile.note.endswith("4 of 40 judged")
    accuracy, doubts = audit_tables(figures)
    assert [row.name for row in accuracy.rows] == ["all", "small", "large", "cat", "dog"]
    assert accuracy.rows[3].cells[0] == "50.0%"
    assert accuracy.rows[3].cells[2:] == ("2", "30")
    assert "more judgements would narrow" in accuracy.note
    assert "37.5%" in accuracy.note
    assert sum(int(row.cells[3]) for row in doubts.rows) == 4
    assert "the most uncertain labels hold: 10%: 0%" in doubts.note


def test_too_few_judgements() -> None:
    figures = audit_figures(make_audit(1))
    tile = audit_headline(figures)
    assert (tile.value, tile.note) == ("n/a", "1 of 4 labels judged, too few")
    assert audit_tables(figures) == ()


def test_the_page_of_a_run_has_its_audit(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    assert build_run_report(RunInputs(run)).headlines == ()
    save_audit(run / "audit.json", make_audit(4))
    page = report_run(RunInputs(run), tmp_path / "report.html").read_text()
    assert "labels that are right" in page
    assert "<strong>62.5%</strong>" in page
    assert "Right labels, judged by a person" in page
    other = save_audit(tmp_path / "other.json", make_audit(1))
    report = build_run_report(RunInputs(run, audit=other))
    assert [tile.value for tile in report.headlines] == ["n/a"]

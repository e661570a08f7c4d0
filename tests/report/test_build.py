import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sapnet.cli import main
from sapnet.report.build import RunInputs, build_run_report, find_logs, report_run
from sapnet.report.reading import ReadingOptions


@pytest.fixture
def run(tmp_path: Path, discs: Path) -> Path:
    """A run folder as training leaves it, of the discs."""
    run = tmp_path / "mine" / "run"
    (run / "logs" / "version_0").mkdir(parents=True)
    (run / "logs" / "version_0" / "metrics.csv").write_text("step,loss\n0,2.0\n9,1.0\n")
    content = {"files": {"images": str(discs)}, "train": {"epochs": 3}, "model": {}}
    (run / "settings.json").write_text(json.dumps(content))
    categories = [{"category_id": 1, "name": "lamp <b>"}]
    (run / "config.json").write_text(json.dumps({"categories": categories}))
    return run


def _titles(tables: Any) -> list[str]:  # noqa: ANN401
    return [table.title for table in tables]


def test_a_run_alone(run: Path) -> None:
    report = build_run_report(RunInputs(run))
    assert report.name == "mine/run"
    assert report.metrics == {}
    assert report.metrics_files == find_logs(run) != ()
    assert report.settings.changed == {"epochs": "3 (default: 12)"}
    assert (report.labels, report.predictions, report.label_tables) == ((), (), ())


def test_labels_and_predictions_without_truth(run: Path, discs: Path, tmp_path: Path) -> None:
    records = json.loads((discs / "results.json").read_text())
    for record in records:
        record["file_name"] = f"{record['image_id']}.png"
    results = tmp_path / "results.json"
    results.write_text(json.dumps(records))

    report = build_run_report(RunInputs(run, labels=discs / "labels.json", predictions=results))

    assert report.metrics == {}
    assert [section.title for section in report.labels] == ["Random"]
    assert _titles(report.label_tables) == ["By category"]
    assert _titles(report.label_plots) == ["Size of the labels"]
    (table,) = report.prediction_tables
    assert [row.name for row in table.rows] == ["all", "lamp <b>", "category 2"]
    assert _titles(report.prediction_plots) == ["Scores of the predictions"]
    assert len(report.predictions) == 4


def test_everything(run: Path, discs: Path) -> None:
    inputs = RunInputs(
        run,
        labels=discs / "labels.json",
        truth=discs / "truth.json",
        predictions=discs / "results.json",
        num_objects=2,
        num_images=3,
    )

    report = build_run_report(inputs)

    assert {"label_miou", "mask_ap", "voc_ap50"} <= report.metrics.keys()
    assert [section.title for section in report.labels] == ["Worst", "Best", "Random"]
    assert [len(section.rows) for section in report.labels] == [2, 2, 2]
    assert _titles(report.label_tables) == ["Mean IoU by size", "Choices", "By category"]
    assert _titles(report.prediction_tables) == [
        "Average precision",
        "Average recall",
        "Average precision, VOC",
        "By category",
    ]
    assert _titles(report.prediction_plots) == [
        "Precision over recall",
        "Scores of the predictions",
    ]
    assert len(report.predictions) == 3


def test_predictions_on_other_images_are_not_compared_by_their_ids(
    run: Path, discs: Path, tmp_path: Path
) -> None:
    records = json.loads((discs / "results.json").read_text())
    for record in records:
        record["file_name"] = f"other/{record['image_id']}.jpg"
    results = tmp_path / "results.json"
    results.write_text(json.dumps(records))
    inputs = RunInputs(run, truth=discs / "truth.json", predictions=results)

    with pytest.raises(
        ValueError,
        match=r"4 images not in the ground truth, which lists .*'other/0\.jpg', 'other/1\.jpg'",
    ):
        build_run_report(inputs)

    reading = ReadingOptions(skip_errors=True)
    apart = build_run_report(replace(inputs, val_images=tmp_path, reading=reading))
    assert apart.metrics == {}
    assert apart.prediction_tables


def test_figures_that_are_known_are_not_measured_again(
    run: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"label_miou": 0.125, "mask_ap": None}))
    monkeypatch.setattr("sapnet.report.build.evaluate", lambda *_, **__: pytest.fail("measured"))
    inputs = RunInputs(
        run, labels=discs / "labels.json", truth=discs / "truth.json", metrics=metrics
    )
    assert build_run_report(inputs).metrics == {"label_miou": 0.125}


def test_the_command(run: Path, discs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", str(run), "--labels", str(discs / "labels.json")]
    assert main([*words, "--truth", str(discs / "truth.json")]) == 0
    page = run / "report.html"
    assert f"report: {page} (" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert "<h1>Run mine/run</h1>" in text
    assert "lamp &lt;b&gt;" in text
    assert "http" not in text.replace("http://www.w3.org", "")  # names of SVG, never fetched


def test_what_is_wrong_is_said(run: Path, discs: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        report_run(RunInputs(tmp_path / "absent"), tmp_path / "a.html")
    with pytest.raises(ValueError, match="num_objects: expected 0 to 100, found 101"):
        RunInputs(run, num_objects=101)
    with pytest.raises(ValueError, match="expected a list of COCO results"):
        build_run_report(RunInputs(run, predictions=discs / "truth.json"))
    with pytest.raises(ValueError, match="expected figures that `sapnet evaluate --out` wrote"):
        build_run_report(RunInputs(run, metrics=discs / "results.json"))
    assert main(["report", str(run), "--num-objects", "1000"]) == 2


def test_an_unreadable_image_is_left_out_on_request(
    run: Path, discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for record in json.loads((discs / "truth.json").read_text())["images"]:
        Image.new("RGB", (record["width"], record["height"])).save(images / record["file_name"])
    (images / "0.png").write_text("no image")
    words = ["report", str(run), "--labels", str(discs / "labels.json"), "--images", str(images)]
    words += ["--predictions", str(discs / "results.json"), "--out", str(tmp_path / "page.html")]
    words += ["--num-objects", "99", "--num-images", "99"]
    assert main(words) == 1
    assert "0.png: cannot be read as an image (" in (error := capsys.readouterr().err)
    assert error.strip().endswith("--skip-errors leaves such images out.")
    assert main([*words, "--skip-errors"]) == 3
    assert "1 image was left out:\n  0.png: cannot be read as" in capsys.readouterr().out
    assert (tmp_path / "page.html").is_file()

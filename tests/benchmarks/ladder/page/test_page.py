import shutil
from pathlib import Path

import pytest
from small_ladder import document, save, system

from benchmarks.ladder.page.__main__ import main as command
from benchmarks.ladder.page.contents import LadderPart
from benchmarks.ladder.page.file import LadderFolder
from benchmarks.ladder.page.page import LadderInputs, build_ladder_report, report_ladder


@pytest.fixture
def ladder_json(ladder_folder: LadderFolder, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    root = tmp_path / "ladder"
    shutil.copytree(ladder_folder.root, root)
    return root / "ladder.json"


def _parts(ladder_json: Path) -> dict[str, LadderPart]:
    report = build_ladder_report(LadderInputs(ladder_json, num_objects=2))
    return {part.title: part for part in report.parts}


def test_everything(ladder_json: Path) -> None:
    report = build_ladder_report(LadderInputs(ladder_json, num_objects=3))

    assert report.title == "Ladder, tiny"
    assert report.facts["command"] == "python -m benchmarks.ladder --scale tiny"
    labels, predictions, worst = report.parts
    assert [part.title for part in report.parts] == ["Labels", "Predictions", "Worst labels"]
    assert {part.missing for part in report.parts} == {()}
    assert [plot.title for plot in labels.plots] == [
        "Label mIoU",
        "What is chosen",
        "Label mIoU by size of the object",
    ]
    assert len(labels.tables[0].rows) == len(predictions.tables[0].rows) == 4
    assert [plot.title for plot in predictions.plots] == [
        "Mask AP on held-out images",
        "Precision over recall at IoU 0.5",
        "Precision over recall at IoU 0.75",
    ]
    assert "The best one" in predictions.plots[1].svg
    assert "The mil one" not in predictions.plots[1].svg
    assert [section.title for section in worst.gallery] == [
        "The top1 one",
        "The mil one",
        "The best one",
    ]
    assert {len(section.rows) for section in worst.gallery} == {3}


def test_labels_and_predictions_that_are_not_there(ladder_json: Path) -> None:
    folder = LadderFolder(ladder_json.parent, 0)
    folder.labels("mil").unlink()
    folder.predictions("best").unlink()

    parts = _parts(ladder_json)

    assert parts["Worst labels"].missing == (
        f"The mil one is left out. There is no {folder.labels('mil')}.",
    )
    assert [s.title for s in parts["Worst labels"].gallery] == ["The top1 one", "The best one"]
    assert parts["Predictions"].missing == (
        "Precision over recall: The best one is left out. "
        f"There is no {folder.predictions('best')}.",
    )
    assert "True masks" in parts["Predictions"].plots[1].svg


def test_data_that_are_not_there(ladder_json: Path) -> None:
    folder = LadderFolder(ladder_json.parent, 0)
    shutil.rmtree(folder.proposals)
    shutil.rmtree(folder.test_truth.parent)
    parts = _parts(ladder_json)
    assert parts["Worst labels"].missing == (
        f"Kinds of the labels: There is no {folder.proposals}.",
    )
    assert parts["Worst labels"].gallery
    assert parts["Predictions"].missing == (
        f"Precision over recall: There is no {folder.test_truth}.",
    )

    shutil.rmtree(folder.images)
    worst = _parts(ladder_json)["Worst labels"]
    assert (worst.gallery, worst.missing) == ((), (f"There is no {folder.images}.",))


def test_figures_alone(ladder_json: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "ladder.json"
    alone.parent.mkdir()
    shutil.copy(ladder_json, alone)

    path = report_ladder(LadderInputs(alone), tmp_path / "report.html")

    text = path.read_text(encoding="utf-8")
    assert "<h1>Ladder, tiny</h1>" in text
    assert f"There is no {alone.parent}/seed0/data/train/images." in text
    assert "0.940" in text
    assert "<img" not in text


def test_parts_without_systems_are_left_out(tmp_path: Path) -> None:
    figures = {"mask_ap": {"mean": 0.5, "std": None}}
    path = save(tmp_path, document({"full": system("All masks", "supervised", **figures)}))
    report = build_ladder_report(LadderInputs(path))
    assert [part.title for part in report.parts] == ["Predictions"]

    figures = {"label_miou": {"mean": 0.5, "std": None}}
    path = save(tmp_path, document({"mil": system("Labels alone", **figures)}))
    report = build_ladder_report(LadderInputs(path))
    assert [part.title for part in report.parts] == ["Labels", "Worst labels"]


def test_the_files_are_those_of_the_first_seed(ladder_json: Path) -> None:
    root = ladder_json.parent
    text = ladder_json.read_text(encoding="utf-8").replace('"seeds": [\n    0', '"seeds": [\n    7')
    ladder_json.write_text(text, encoding="utf-8")
    assert _parts(ladder_json)["Worst labels"].gallery == ()

    (root / "seed0").rename(root / "seed7")

    parts = _parts(ladder_json)
    assert parts["Worst labels"].intro.startswith("Seed 7")
    assert len(parts["Worst labels"].gallery) == 3


def run_command(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr("sys.argv", ["page", *map(str, words)])
    command()


def test_the_command(
    ladder_json: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(monkeypatch, ladder_json, "--num-objects", 1)
    page = ladder_json.with_name("report.html")
    assert f"report: {page} (" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert text.count('alt="ground truth"') == 3
    assert 'href="#part-3"' in text
    assert "http" not in text.replace("http://www.w3.org", "")  # names of SVG, never fetched


def test_the_page_goes_where_it_is_told(ladder_json: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = ladder_json.with_name("other.html")
    run_command(monkeypatch, ladder_json, "--num-objects", 0, "--out", out)
    assert 'alt="ground truth"' not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ladder.json", "--num-objects", 101), "expected 0 to 100, found 101"),
        (("absent/ladder.json",), "no such file"),
    ],
)
def test_wrong_use(
    words: tuple[object, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command(monkeypatch, *words)
    assert stop.value.code == 1
    assert message in capsys.readouterr().err

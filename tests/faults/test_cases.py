"""Small inputs of reported faults, as they were found, with the right outcome of each.

The folder is named by SAPNET_CASES. The same faults are tested with made inputs beside the modules.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from sapnet.cli import main
from sapnet.network.model import Network
from sapnet.structures.clicks import Category

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig

CASES = Path(os.environ.get("SAPNET_CASES", "../shared/cases"))

Output = pytest.CaptureFixture[str]


def case(name: str) -> Path:
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"no case at {folder}; name the folder of cases in SAPNET_CASES")
    return folder


@pytest.fixture(scope="module")
def run(tiny_model: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases") / "run"
    Network(tiny_model, (Category(1, "cup"), Category(2, "cat"))).save_pretrained(folder)
    return folder


def evaluate(tmp_path: Path, *words: object) -> dict[str, float]:
    out = tmp_path / "metrics.json"
    assert main(["evaluate", *map(str, words), "--out", str(out), "--overwrite"]) == 0
    figures: dict[str, float] = json.loads(out.read_text())
    return figures


def refused(output: Output, *words: object) -> str:
    """The one line that a command ends with."""
    assert main([*map(str, words)]) == 1
    return output.readouterr().err.strip().splitlines()[-1]


def predict(run: Path, images: Path, out: Path, *words: str) -> list[str]:
    given = ["--run", str(run), "--device", "cpu", "--images", str(images), "--out", str(out)]
    return ["predict", *given, *words]


def test_categories_by_id_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = case("categories-by-id-only")
    results, truth = (
        folder / "perfect_predictions_with_trained_ids.json",
        folder / "truth_ids_swapped.json",
    )
    trained = json.loads((folder / "clicks_trained_on.json").read_text())["categories"]
    names = {category["id"]: category["name"] for category in trained}
    records = json.loads(results.read_text())
    for record in records:
        record.setdefault("category_name", names[record["category_id"]])
    with caplog.at_level("INFO"):
        assert evaluate(tmp_path, "--predictions", results, "--truth", truth)["mask_ap"] == 0
    assert "no 'category_name', so that 'category_id' decides" in caplog.text
    named = tmp_path / "results.json"
    named.write_text(json.dumps(records))
    assert evaluate(tmp_path, "--predictions", named, "--truth", truth)["mask_ap"] == pytest.approx(
        1
    )


def test_evaluate_ids_of_other_tool(tmp_path: Path) -> None:
    folder = case("evaluate-ids-of-other-tool")
    truth = folder / "truth_same_objects_other_ids.json"
    figures = evaluate(tmp_path, "--labels", folder / "labels.json", "--truth", truth)
    assert figures["label_miou"] == 1
    assert figures["num_missing"] == 0


def test_evaluate_text_ids(capsys: Output) -> None:
    folder = case("evaluate-text-ids")
    results = folder / "predictions.json"
    error = refused(capsys, "evaluate", "--predictions", results, "--truth", folder / "truth.json")
    assert error.startswith(
        f"sapnet evaluate: error: {results}, record 0: expected 'image_id' as an integer, found "
        "'1' (text)"
    )


def test_evaluate_unlisted_image(tmp_path: Path, capsys: Output) -> None:
    folder = case("evaluate-unlisted-image")
    truth = folder / "truth.json"
    listed = ("--predictions", folder / "results_listed_only.json", "--truth", truth)
    assert evaluate(tmp_path, *listed)["mask_ap"] == pytest.approx(1)
    whole = ("--predictions", folder / "results_of_whole_folder.json", "--truth", truth)
    assert "1 images not in the ground truth, " in refused(capsys, "evaluate", *whole)
    other = ("--predictions", folder / "results_folder_b.json")
    error = refused(capsys, "evaluate", *other, "--truth", folder / "truth_folder_a.json")
    assert "which lists 2 images, such as 'a/b.png': 'b/b.png', 'b/c.png'" in error


def test_huge_id(tmp_path: Path, capsys: Output) -> None:
    folder = case("huge-id-traceback")
    words = ("propose", "--images", tmp_path, "--clicks", folder / "clicks.json")
    error = refused(capsys, *words, "--out", tmp_path / "store")
    assert "clicks.json, entry 1 of annotations: expected 'id' of at most 64 bits" in error


def test_picture_names_collide(run: Path, tmp_path: Path) -> None:
    folder = case("picture-names-collide")
    assert main(predict(run, folder / "img", tmp_path / "out")) == 0
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == 3


def test_predict_one_bad_file(run: Path, tmp_path: Path, capsys: Output) -> None:
    folder = case("predict-one-bad-file")
    words = predict(run, folder / "img", tmp_path / "out", "--skip-errors")
    assert main(words) == 3
    assert "1 image was left out:\n  web.jpg: cannot be read as an image" in capsys.readouterr().out
    records = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {record["file_name"] for record in records} == {"ok.png"}


def test_predict_skips_silently(run: Path, tmp_path: Path, capsys: Output) -> None:
    folder = case("predict-skips-silently")
    assert main(predict(run, folder / "mixed", tmp_path / "out", "--no-pictures")) == 0
    assert "instances on 5 images" in capsys.readouterr().out


def test_predict_subfolders_same_names(run: Path, tmp_path: Path, capsys: Output) -> None:
    folder = case("predict-subfolders-same-names")
    old = ("--predictions", folder / "results.json", "--truth", folder / "truth.json")
    assert "'1.png' stands for the images 1 and 3" in refused(capsys, "evaluate", *old)
    assert main(predict(run, folder / "img", tmp_path / "out", "--no-pictures")) == 0
    records = json.loads((tmp_path / "out" / "results.json").read_text())
    names = {record["file_name"] for record in records}
    assert names <= {"day/1.png", "day/2.png", "night/1.png", "night/2.png"}
    # Its own results, with the names as they are written now, are perfect.
    places = ("day/1.png", "day/2.png", "night/1.png", "night/2.png")
    right = json.loads((folder / "results.json").read_text())
    for record in right:
        record["file_name"] = places[record["image_id"] - 1]
    (tmp_path / "right.json").write_text(json.dumps(right))
    words = ("--predictions", tmp_path / "right.json", "--truth", folder / "truth.json")
    assert evaluate(tmp_path, *words)["mask_ap"] == pytest.approx(1)
    convert = ["convert", str(tmp_path / "right.json"), "--from", "results", "--to", "coco-rle"]
    convert += ["--categories", str(folder / "truth.json"), "--images", str(folder / "img")]
    assert main([*convert, "--out", str(tmp_path / "c.json"), "--min-score", "0.05"]) == 0
    assert f"{len(right)} masks on " in capsys.readouterr().out


def test_train_without_objects(tmp_path: Path, capsys: Output) -> None:
    folder = case("train-without-objects")
    for name in ("000002.png", "000003.png"):
        Image.new("RGB", (160, 160)).save(tmp_path / name)
    words = ("propose", "--images", tmp_path, "--clicks", folder / "clicks.json")
    error = refused(capsys, *words, "--out", tmp_path / "store")
    assert "expected clicks to propose for, found none on 2 images" in error


def test_huge_image(run: Path, tmp_path: Path, capsys: Output) -> None:
    case("huge-image-message")
    (tmp_path / "big").mkdir()
    Image.new("L", (14000, 14000)).save(tmp_path / "big" / "huge.png")
    error = refused(capsys, *predict(run, tmp_path / "big", tmp_path / "out", "--no-pictures"))
    assert "huge.png: too large: 196 million pixels, and the limit is 179 million" in error
    assert "--max-pixels 196000000" in error

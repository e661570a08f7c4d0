from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.cli import main
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.structures.clicks import Category


@pytest.fixture
def run(tiny_model: ModelConfig, tmp_path: Path) -> Path:
    Network(tiny_model, (Category(1, "cup"), Category(2, "cat"))).save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def test_batches(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for name in ("1.png", "2.png", "3.png"):
        pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    images = [str(tmp_path / name) for name in ("1.png", "2.png", "3.png")]
    words = ["predict", "--run", str(run), "--device", "cpu", "--no-pictures", "--images", *images]
    assert main([*words, "--out", str(tmp_path / "out"), "--batch-size", "2"]) == 0
    records = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [r["image_id"] for r in records] == sorted(r["image_id"] for r in records)
    assert {r["file_name"] for r in records} == {"1.png", "2.png", "3.png"}
    assert f"{len(records)} instances on 3 images: " in capsys.readouterr().out
    assert main([*words, "--out", str(tmp_path / "no"), "--batch-size", "0"]) == 2
    assert "batch_size: expected at least 1, found 0" in capsys.readouterr().err


def _photos(folder: Path, *names: str) -> Path:
    rng = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def _words(run: Path, images: Path, out: Path, *more: str) -> list[str]:
    words = ["predict", "--run", str(run), "--device", "cpu", "--images", str(images)]
    return [*words, "--out", str(out), *more]


def _records(out: Path) -> list[dict[str, object]]:
    records: list[dict[str, object]] = json.loads((out / "results.json").read_text())
    return records


@pytest.mark.parametrize("batch_size", ["1", "2"])
def test_one_bad_file_among_many(
    run: Path, tmp_path: Path, batch_size: str, capsys: pytest.CaptureFixture[str]
) -> None:
    images = _photos(tmp_path / "img", "a.png", "c.png", "d.png")
    (images / "b.jpg").write_text("<html>")
    whole = (images / "d.png").read_bytes()
    (images / "d.png").write_bytes(whole[: len(whole) // 2])  # only the header is sound
    out = tmp_path / "out"
    words = _words(run, images, out, "--batch-size", batch_size)

    assert main(words) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"sapnet predict: error: {images}/")
    assert error.endswith("--skip-errors leaves such images out.")

    assert main([*words, "--skip-errors"]) == 3
    said = capsys.readouterr().out
    assert "2 images were left out:\n  b.jpg: cannot be read as an image (" in said
    assert "\n  d.png: cannot be read as an image (" in said
    assert {record["file_name"] for record in _records(out)} == {"a.png", "c.png"}
    assert {path.name for path in (out / "pictures").iterdir()} == {"a.jpg", "c.jpg"}


def test_what_was_done_before_an_error_is_kept(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = _photos(tmp_path / "img", *(f"{n}.png" for n in range(1, 9)))
    (images / "9.png").write_text("no image")
    out = tmp_path / "out"
    assert main(_words(run, images, out, "--workers", "1")) == 1
    kept = {record["file_name"] for record in _records(out)}
    assert {"1.png", "2.png", "3.png"} <= kept
    assert f"images are in {out / 'results.json'}. --skip-errors" in capsys.readouterr().err


def test_names_keep_their_folder_and_evaluate_finds_them(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The case `predict-subfolders-same-names`: the truth lists the folders the other way round."""
    names = ("day/1.png", "day/2.png", "night/1.png", "night/2.png")
    images, out = _photos(tmp_path / "img", *names), tmp_path / "out"
    assert main(_words(run, images, out, "--no-pictures")) == 0
    records = _records(out)
    assert {record["file_name"] for record in records} == set(names)
    assert {record["category_name"] for record in records} <= {"cup", "cat"}
    best: dict[object, dict[str, object]] = {}
    for record in records:
        best.setdefault(record["file_name"], record)
    few = list(best.values())
    truth = {
        "images": [
            {"id": n, "file_name": name, "width": 60, "height": 40}
            for n, name in enumerate(names[::-1], 1)
        ],
        "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {
                "id": n,
                "image_id": 4 - names.index(str(record["file_name"])),
                "category_id": record["category_id"],
                "segmentation": record["segmentation"],
            }
            for n, record in enumerate(few, 1)
        ],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "few.json").write_text(json.dumps(few))
    metrics = tmp_path / "metrics.json"
    words = ["--truth", str(tmp_path / "truth.json"), "--out", str(metrics)]
    assert main(["evaluate", "--predictions", str(tmp_path / "few.json"), *words]) == 0
    assert json.loads(metrics.read_text())["mask_ap"] == pytest.approx(1)
    words = ["convert", str(tmp_path / "few.json"), "--from", "results", "--images", str(images)]
    words += ["--to", "coco-rle", "--min-score", "0", "--out", str(tmp_path / "c.json")]
    assert main(words) == 0
    assert f"{len(few)} masks on {len(few)} images" in capsys.readouterr().out


def test_skipped_files_are_named(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = _photos(tmp_path / "img", "a.png")
    (images / "notes.txt").write_text("x")
    assert main(_words(run, images, tmp_path / "out", "--no-pictures")) == 0
    assert "left out 1 file: 1 x .txt (notes.txt)" in caplog.messages


def test_an_older_prediction_is_overwritten_on_request(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, out = _photos(tmp_path / "img", "a.png", "b.png"), tmp_path / "out"
    formats = ("--format", "yolo-seg", "--draw-threshold", "0")
    assert main(_words(run, images, out, *formats)) == 0
    (out / "mine.txt").write_text("x")
    (out / "pictures" / "mine.jpg").write_text("x")
    (images / "a.png").unlink()
    assert main(_words(run, images, out, *formats)) == 1
    assert "holds files of an earlier run" in capsys.readouterr().err
    assert main(_words(run, images, out, *formats, "--overwrite")) == 0
    assert {path.name for path in (out / "pictures").iterdir()} == {"b.jpg", "mine.jpg"}
    assert (out / "mine.txt").is_file()
    labels = out / "masks-yolo-seg" / "labels" / "train"
    assert {path.name for path in labels.iterdir()} == {"b.txt"}


def test_pictures_of_equal_stems(run: Path, tmp_path: Path) -> None:
    images = _photos(tmp_path / "img", "1-2.png", "1.jpg", "1.png")
    assert main(_words(run, images, tmp_path / "out")) == 0
    made = {path.name for path in (tmp_path / "out" / "pictures").iterdir()}
    assert made == {"1-2.jpg", "1.jpg.jpg", "1.png.jpg"}


def test_one_depth_for_all_images(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    images = tmp_path / "img"
    images.mkdir()
    rng = np.random.default_rng(0)
    for name, top in (("dark.png", 300), ("bright.png", 4096)):
        Image.fromarray(rng.integers(0, top, (40, 60)).astype(np.uint16)).save(images / name)
    words = _words(run, images, tmp_path / "out", "--draw-threshold", "1")
    assert main(words) == 0
    assert any("are read as 12 bits, which hold the largest value" in m for m in caplog.messages)
    brightest = {
        path.stem: int(np.asarray(Image.open(path)).max())
        for path in (tmp_path / "out" / "pictures").iterdir()
    }
    assert brightest["dark"] < 40
    assert brightest["bright"] > 235
    assert main([*words, "--overwrite", "--bits", "10"]) == 1
    assert "expected values of at most 1023 (10 bits), found" in capsys.readouterr().err
    assert main([*words, "--overwrite", "--bits", "17"]) == 2


def test_the_limit_of_pixels(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = _photos(tmp_path / "img", "a.png")
    words = _words(run, images, tmp_path / "out", "--no-pictures", "--max-pixels")
    assert main([*words, "2399"]) == 1
    assert "a.png: too large: " in capsys.readouterr().err
    assert main([*words, "2400"]) == 0


def test_an_address_is_one_clear_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = Path("https://127.0.0.1:9/a.jpg")
    words = _words(run, address, tmp_path / "out")
    words[words.index(str(address))] = "https://127.0.0.1:9/a.jpg"
    assert main(words) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("sapnet predict: error: https://127.0.0.1:9/a.jpg: cannot be ")


def test_one_lost_address_among_many(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put_file(str(_photos(tmp_path, "a.png") / "a.png"), "/lost/a.png")
    words = _words(run, tmp_path, tmp_path / "out", "--no-pictures")
    place = words.index(str(tmp_path))
    words[place : place + 1] = ["memory://lost/gone.png", "memory://lost/a.png"]
    assert main(words) == 1
    assert "memory://lost/gone.png: no such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*words, "--skip-errors"]) == 3
    assert {r["file_name"] for r in _records(tmp_path / "out")} == {"a.png"}
    printed = capsys.readouterr().out
    assert "1 image was left out:\n  memory://lost/gone.png: no such file" in printed
    del words[place + 1]
    assert main([*words, "--skip-errors", "--overwrite"]) == 1
    assert "memory://lost/gone.png: no such file" in capsys.readouterr().err

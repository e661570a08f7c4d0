from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sapnet.cli import main
from sapnet.labelling.label import check_labels_file, keeping_labels, label_top1, write_labels
from sapnet.store.reader import ProposalStore
from sapnet.system.lock import locked

if TYPE_CHECKING:
    from tests.conftest import TinySet


@pytest.mark.parametrize(
    "words",
    [
        "points --truth FILE",
        "points --truth ./FILE",
        "points --truth LINK",
        "convert FILE",
        "convert FILE --to coco-rle --images IMAGES",
        "evaluate --labels FILE --truth FILE",
        "enhance --images IMAGES --clicks FILE",
        "train-proposer --data IMAGES --from FILE",
    ],
)
def test_a_file_that_is_read_is_not_written_over(
    words: str,
    tiny_set: TinySet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    content = tiny_set.truth.read_bytes()
    Path("a.json").write_bytes(content)
    Path("link.json").symlink_to("a.json")
    for name, value in (("FILE", "a.json"), ("LINK", "link.json")):
        words = words.replace(name, value)
    words = words.replace("IMAGES", str(tiny_set.images))
    assert main([*words.split(), "--out", "a.json"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "--out: expected another file than those that are read, found a.json" in error
    assert Path("a.json").read_bytes() == content


def test_a_text_that_is_no_path_is_no_trouble(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"")
    words = ["train-proposer", "--data", str(tmp_path / "absent"), "--licence", "x" * 5000]
    words.append("--overwrite")
    assert main([*words, "--out", str(out)]) == 1
    assert "absent: no such folder or file" in capsys.readouterr().err


WRITERS = {
    "points": "points --truth TRUTH",
    "convert": "convert TRUTH",
    "coco-rle": "convert TRUTH --from coco --to coco-rle --images IMAGES",
    "coco-polygons": "convert TRUTH --from coco --to coco-polygons --images IMAGES",
    "evaluate": "evaluate --labels LABELS --truth TRUTH",
    "label": "label --top1 --images IMAGES --proposals STORE",
    "doctor": "doctor --truth TRUTH",
}


@pytest.fixture
def line(tiny_set: TinySet, tmp_path: Path) -> Callable[[str], list[str]]:
    """A function that fills in the files of a command line."""
    label_top1(tiny_set.store, tmp_path / "right" / "labels.json")
    places = {
        "TRUTH": tiny_set.truth,
        "IMAGES": tiny_set.images,
        "STORE": tiny_set.store,
        "LABELS": tmp_path / "right" / "labels.json",
    }
    return lambda words: [str(places.get(word, word)) for word in words.split()]


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_replaced_on_request_only(
    name: str,
    line: Callable[[str], list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "mine.json"
    out.write_text("by hand")
    words = [*line(WRITERS[name]), "--out", str(out)]
    assert main(words) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    command = words[0]
    assert error == (
        f"sapnet {command}: error: {out}: exists already. Name another file, or replace it with "
        "--overwrite."
    )
    assert out.read_text() == "by hand"
    assert main([*words, "--overwrite"]) == 0
    assert json.loads(out.read_text())
    out.unlink()
    assert main(words) == 0
    assert json.loads(out.read_text())
    assert {path.name for path in tmp_path.iterdir()} == {"mine.json", "right"}


@pytest.mark.parametrize("name", WRITERS)
def test_one_process_at_a_time(
    name: str,
    line: Callable[[str], list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.json"
    words = [*line(WRITERS[name]), "--out", str(out)]
    with ThreadPoolExecutor(1) as elsewhere, locked(out):  # another thread counts as another run
        assert elsewhere.submit(main, words).result() == 1
    assert "out.json: another process is writing this" in capsys.readouterr().err
    assert not out.exists()


def test_further_outputs_are_guarded(
    line: Callable[[str], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of other options than --out, and formats beside a json file."""
    report = tmp_path / "report.json"
    report.write_text("by hand")
    out = tmp_path / "clicks.json"
    words = [*line("convert TRUTH"), "--out", str(out)]
    assert main([*words, "--report", str(report)]) == 1
    assert "report.json: exists already" in capsys.readouterr().err
    assert main([*words, "--report", words[1], "--overwrite"]) == 2
    assert "--report: expected another file than those that are read" in capsys.readouterr().err
    labels = [*line("label --top1 --images IMAGES --proposals STORE"), "--format", "coco-rle"]
    (tmp_path / "labels-coco-rle.json").write_text("by hand")
    assert main([*labels, "--out", str(tmp_path / "labels.json")]) == 1
    assert "labels-coco-rle.json: exists already" in capsys.readouterr().err
    assert not (tmp_path / "labels.json").exists()


def test_drawn_images_do_not_replace_a_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "instances.json").write_text("by hand")
    words = ["synthetic", "--out", str(tmp_path), "--num-images", "1", "--size", "64"]
    assert main(words) == 1
    assert "holds instances.json of an earlier run" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert json.loads((tmp_path / "instances.json").read_text())


def test_labels_of_an_interrupted_run_are_replaced(tiny_set: TinySet, tmp_path: Path) -> None:
    out = tmp_path / "labels.json"
    store = ProposalStore(tiny_set.store)
    annotations: list[dict[str, Any]] = []
    with (
        pytest.raises(KeyboardInterrupt),
        keeping_labels(out, store, annotations, {store.images[0].image_id}),
    ):
        raise KeyboardInterrupt
    check_labels_file(out, overwrite=False)
    write_labels(out, store, annotations)
    with pytest.raises(FileExistsError, match="exists already"):
        check_labels_file(out, overwrite=False)

"""Inputs that once broke a reader (see the README in their folder): one line each, no traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sapnet.cli import main
from tests.data.formats.conftest import MakeImages

FOLDER = Path(os.environ.get("SAPNET_FUZZ", Path(__file__).parents[3] / "../shared/fuzz")).resolve()
FILES: dict[str, tuple[str, str]] = {
    "conv_coco": ("a.json", "coco"),
    "conv_csv": ("a.csv", "csv"),
    "conv_cvat": ("annotations.xml", "cvat"),
    "conv_labelme": ("a.json", "labelme"),
    "conv_ls": ("a.json", "label-studio"),
    "conv_results": ("a.json", "results"),
    "conv_via": ("a.json", "via"),
    "yolo": ("set/labels/a.txt", "yolo"),
    "yolo_data": ("set/data.yaml", "yolo"),
}
"""The file that the bytes stand for, and the format, by the first part of a name."""


def inputs() -> list[object]:
    found = [
        pytest.param(path, id=path.stem)
        for path in sorted(FOLDER.glob("*.bin"))
        if path.stem.rpartition("-")[0].removesuffix("_noimg") in FILES
    ]
    absent = pytest.mark.skip(reason=f"no inputs in {FOLDER} (set SAPNET_FUZZ)")
    return found or [pytest.param(None, id="absent", marks=absent)]


@pytest.mark.parametrize("path", inputs())
def test_one_clear_line(
    path: Path, tmp_path: Path, make_images: MakeImages, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = path.stem.rpartition("-")[0]
    name, source_format = FILES[kind.removesuffix("_noimg")]
    images = make_images({"a.png": (32, 24), "b.png": (32, 24)})
    (tmp_path / "set" / "labels").mkdir(parents=True)
    (tmp_path / "set" / "data.yaml").write_text("names: [car, dog]\n")
    (tmp_path / "set" / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2 0.5 0.5\n")
    (tmp_path / name).write_bytes(path.read_bytes())
    source = tmp_path / "set" if source_format == "yolo" else tmp_path / name
    words = ["convert", str(source), "--from", source_format, "--out", str(tmp_path / "o.json")]
    words += [] if kind.endswith("_noimg") else ["--images", str(images)]
    start = time.process_time()
    status = main(words)
    assert time.process_time() - start < 10  # with the imports; a hang takes minutes
    shown = capsys.readouterr()
    assert status in (1, 3), "an input that is broken is refused, or what is left out is named"
    if status == 1:
        assert len(shown.err.splitlines()) == 1
        assert Path(name).name in shown.err
        assert not (tmp_path / "o.json").exists()
    else:
        assert Path(name).name in shown.out
        assert "skipped: " in shown.out

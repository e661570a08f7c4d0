"""The page of the Python API is run as it stands, in a folder with what it takes for granted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import sapnet
from tests.docs.test_pages_run import blocks, make_photographs, shorten_runs

PAGE = "docs/python.md"


def test_python_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="the page needs the extra `export`")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    shorten_runs(monkeypatch)
    make_photographs(tmp_path, PAGE)
    names: dict[str, object] = {"__name__": "__main__"}  # blocks build on those before them
    for block in blocks(PAGE):
        assert block.reason is None, "every block of this page is run"
        if block.language == "json":
            Path("clicks.json").write_text(block.content, encoding="utf-8")
        else:
            assert block.language == "python"
            exec(compile(block.content, "block", "exec"), names)

    for picture in ("masks.png", "predicted.jpg"):
        assert Image.open(picture).size == (640, 480)
    assert len(json.loads(Path("labels.json").read_text())["annotations"]) == 2
    assert Path("labels-coco-polygons.json").is_file()
    assert Path("second", "model.safetensors").is_file()
    shown = capsys.readouterr().out
    assert "predict has no option 'bach_size'; did you mean 'batch_size'?" in shown
    assert "2 masks in labels.json" in shown


def test_every_public_name_has_an_example() -> None:
    code = "\n".join(block.content for block in blocks(PAGE) if block.language == "python")
    for name in sapnet.__all__:
        if name != "__version__":
            assert f"{name}(" in code or f"{name}." in code, name

"""The example of the documentation predicts where neither torch nor sapnet can be imported."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.cli import main
from sapnet.geometry.rle import decode_masks, to_rle
from sapnet.network.exporting.write import Format
from sapnet.network.model import Network
from sapnet.segmentation.original.resizing import masks_to_original

pytest.importorskip("onnxruntime", reason="exported models need the extra `export`")

EXAMPLE = Path(__file__).resolve().parents[3] / "docs/examples/predict_onnx.py"

RUN = (
    "import runpy, sys\n"
    "for name in ('torch', 'torchvision', 'sapnet'):\n"
    "    sys.modules[name] = None\n"
    "sys.argv = sys.argv[1:]\n"
    "runpy.run_path(sys.argv[0], run_name='__main__')\n"
)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    image = Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC)
    path = tmp_path / "photos" / "photo.png"
    path.parent.mkdir()
    image.save(path)  # of the network's size: Pillow and torch round differently
    return path


def test_the_example_finds_what_sapnet_finds(
    exported: dict[Format, Path], photo: Path, tmp_path: Path
) -> None:
    words = ["-c", RUN, str(EXAMPLE), str(exported["onnx"]), str(photo)]
    ended = subprocess.run(
        [sys.executable, *words, "--out", str(tmp_path / "masks"), "--threshold", "0"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    lines = [line.split() for line in ended.stdout.splitlines()]
    out = tmp_path / "predictions"
    arguments = ["--images", str(photo.parent), "--out", str(out), "--no-pictures"]
    assert main(["predict", "--run", str(exported["onnx"]), *arguments]) == 0
    records = json.loads((out / "results.json").read_text())
    assert len(lines) == len(records) > 2
    for place, (line, record) in enumerate(zip(lines, records, strict=True)):
        assert line[0] == record["category_name"]
        assert float(line[1]) == pytest.approx(record["score"], abs=1e-4)
        found = np.asarray(Image.open(tmp_path / "masks" / f"{place:03d}.png"))
        expected = decode_masks([to_rle(record["segmentation"], 64, 96)])[0].astype(bool)
        assert found.shape == expected.shape
        assert (found & expected).sum() >= 0.999 * (found | expected).sum()


def test_predictions_of_the_file_are_those_of_the_run(
    network: Network, photo: Path, tmp_path: Path
) -> None:
    run, model = tmp_path / "run", tmp_path / "model.onnx"
    network.save_pretrained(run)
    assert main(["export", "--run", str(run), "--out", str(model)]) == 0
    assert main(["export", "--run", str(run), "--out", str(model)]) == 1
    found = []
    for name in (run, model):
        out = tmp_path / f"of_{name.name}"
        arguments = ["--images", str(photo.parent), "--out", str(out), "--device", "cpu"]
        assert main(["predict", "--run", str(name), *arguments]) == 0
        found.append(json.loads((out / "results.json").read_text()))
    by_run, by_file = found
    assert [r["category_id"] for r in by_file] == [r["category_id"] for r in by_run]
    assert [r["bbox"] for r in by_file] == [r["bbox"] for r in by_run]
    scores = ([r["score"] for r in records] for records in found)
    np.testing.assert_allclose(*scores, atol=1e-4)


@pytest.mark.parametrize(("cells", "content", "original"), [(24, 96, 311), (16, 61, 40)])
def test_the_example_resizes_as_sapnet_does(cells: int, content: int, original: int) -> None:
    weights = runpy.run_path(str(EXAMPLE))["resize_weights"](cells, 4, content, original)
    maps = torch.rand(3, cells, cells, generator=torch.Generator().manual_seed(0))
    expected = masks_to_original(maps, (content, content), (original, original), 0.5)
    found = weights @ maps.numpy() @ weights.T > 0.5
    assert (found != expected.numpy()).mean() < 1e-4


def test_what_needs_torch_is_refused(
    exported: dict[Format, Path], photo: Path, tmp_path: Path
) -> None:
    arguments = ["--run", str(exported["onnx"]), "--images", str(photo)]
    arguments += ["--out", str(tmp_path / "out")]
    assert main(["predict", *arguments, "--compile"]) == 1
    assert main(["predict", *arguments, "--device", "cuda"]) == 1
    assert main(["export", "--run", "r", "--format", "coreml", "--out", "m.mlmodel"]) == 2

"""`--format` of `sapnet label` and `sapnet predict`, with a network that has learned nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from sapnet.cli import main
from sapnet.data.coco import load_instances
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.geometry.rle import rle_iou
from sapnet.network.model import Network
from sapnet.store.reader import ProposalStore

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from tests.conftest import TinySet

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(
    tiny_model: ModelConfig, tiny_set: TinySet, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    torch.manual_seed(0)
    categories = sorted(ProposalStore(tiny_set.store).categories, key=lambda c: c.category_id)
    folder = tmp_path_factory.mktemp("run")
    Network(tiny_model, tuple(categories)).save_pretrained(folder)
    return folder


def test_labels_in_further_formats(
    run: Path, tiny_set: TinySet, tmp_path: Path, capsys: Output
) -> None:
    out = tmp_path / "labels.json"
    words = ["label", "--run", str(run), "--images", str(tiny_set.images), "--device", "cpu"]
    words += ["--proposals", str(tiny_set.store), "--out", str(out), "--workers", "0"]
    assert main([*words, "--format", "yolo-seg", "coco-polygons"]) == 0
    assert capsys.readouterr().out.count("read back: mean IoU") == 2
    labels = load_instances(out)
    polygons = load_instances(tmp_path / "labels-coco-polygons.json")
    assert len(labels.instances) == len(polygons.instances) > 0
    for first, second in zip(labels.instances, polygons.instances, strict=True):
        assert first.annotation_id == second.annotation_id
        assert rle_iou([first.rle()], [second.rle()])[0, 0] == 1
    yolo = read_any(tmp_path / "labels-yolo-seg", Findings())
    assert len(yolo.clicks) == len(labels.instances)
    assert len(yolo.images) == tiny_set.num_images


def test_predictions_in_further_formats(run: Path, tiny_set: TinySet, tmp_path: Path) -> None:
    out, threshold = tmp_path / "predictions", 0.005
    words = ["predict", "--run", str(run), "--images", str(tiny_set.images), "--device", "cpu"]
    words += ["--out", str(out), "--no-pictures", "--draw-threshold", str(threshold)]
    assert main([*words, "--format", "label-studio", "voc"]) in (0, 3)
    records = json.loads((out / "results.json").read_text())
    kept = [record for record in records if record["score"] >= threshold]
    source = out / "masks-label-studio" / "tasks.json"
    options = ReadOptions(images=tiny_set.images, predictions=True)
    clicks = read_any(source, Findings(), options)
    assert len(clicks.clicks) == len(kept) > 0
    assert len(list((out / "masks-voc" / "JPEGImages").iterdir())) == tiny_set.num_images

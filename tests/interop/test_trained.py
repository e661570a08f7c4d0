"""Our exports, trained on by the tools that they are for."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from sapnet.data.coco import InstanceSet
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.export import export_masks
from sapnet.data.formats.writers.files import ExportOptions


@pytest.mark.timeout(300)
def test_an_epoch_of_ultralytics(drawn: tuple[InstanceSet, Path], tmp_path: Path) -> None:
    """A network with random weights learns from our YOLO folder; nothing is downloaded."""
    ultralytics = pytest.importorskip("ultralytics", reason="see `make interop`")
    instances, images = drawn
    out = tmp_path / "yolo"
    export_masks(instances, "yolo-seg", out, Findings(), ExportOptions(images=images))
    model = ultralytics.YOLO("yolov8n-seg.yaml")
    model.train(
        data=str(out / "data.yaml"), epochs=1, imgsz=64, batch=2, device="cpu", workers=0,
        amp=False, pretrained=False, plots=False, project=str(tmp_path), name="run",
    )  # fmt: skip
    assert model.names == {0: "cat", 1: "big dog"}
    learned = model.trainer.train_loader.dataset
    assert len(learned) == len(instances.images)
    assert sum(len(label["cls"]) for label in learned.labels) == len(instances.instances)
    assert sum(len(label["segments"]) for label in learned.labels) == len(instances.instances)
    with (tmp_path / "run" / "results.csv").open() as file:
        (epoch,) = csv.DictReader(file)
    losses = {name.strip(): float(value) for name, value in epoch.items() if "loss" in name}
    assert all(math.isfinite(value) for value in losses.values())
    assert losses["train/seg_loss"] > 0
    assert (tmp_path / "run" / "weights" / "last.pt").is_file()

"""Files that an earlier release made: read, used and gone on with, to the same end.

`made_before/README.md` says how they were made. Only the command line and the files' own formats
are used here, so that the modules of the package may move.
"""

from __future__ import annotations

import csv
import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pycocotools import mask as rle_masks
from timm.models import build_model_with_cfg, register_model
from timm.models.resnet import BasicBlock, ResNet

from sapnet.cli import main

MADE_BEFORE = Path(__file__).parent / "made_before"
__all__ = ["made_before_resnet"]  # timm adds the models that it knows


@register_model
def made_before_resnet(pretrained: bool = False, **options: Any) -> ResNet:  # noqa: ANN401  # timm's
    """A ResNet of 8 channels in four blocks, to keep files of weights small."""
    sizes = {"layers": (1, 1, 1, 1), "channels": (8, 8, 8, 8), "block": BasicBlock}
    sizes |= {"stem_type": "deep", "stem_width": 8}
    return build_model_with_cfg(ResNet, "resnet18", pretrained, **sizes, **options)


@pytest.fixture(autouse=True)
def quiet_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a command sets for its process."""
    monkeypatch.setenv("TQDM_MININTERVAL", "0.1")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A copy of the files, with the half-finished run as if it had been made here."""
    folder = tmp_path / "made"
    shutil.copytree(MADE_BEFORE, folder)
    _settle(folder / "half", folder)
    return folder


def _settle(run: Path, folder: Path) -> None:
    """Unpack a run's checkpoint, and name the files in its settings by where they are now."""
    packed = run / "checkpoints" / "last.ckpt.xz"
    packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
    settings = _json(run / "settings.json")
    settings["files"] = {
        name: str((folder / path).resolve()) for name, path in settings["files"].items()
    }
    (run / "settings.json").write_text(json.dumps(settings))


def _json(path: Path) -> Any:  # noqa: ANN401  # json
    return json.loads(path.read_text(encoding="utf-8"))


def _run(*words: str | Path) -> None:
    assert main([str(word) for word in words]) == 0


def _rows(shards: Path) -> list[dict[str, Any]]:
    """The objects of a store, as its files have them."""
    return [
        row
        for path in sorted(shards.glob("*.objects.arrow"))
        for row in pa.ipc.open_file(pa.memory_map(str(path))).read_all().to_pylist()
    ]


def _iou(a: dict[str, Any], b: dict[str, Any]) -> float:
    """IoU of two run lengths."""
    return float(rle_masks.iou([_bytes(a)], [_bytes(b)], [0])[0, 0])


def _bytes(rle: dict[str, Any]) -> dict[str, Any]:
    return {"size": rle["size"], "counts": rle["counts"].encode("ascii")}


def test_a_store_gives_the_same_objects(made: Path) -> None:
    out = made / "top1.json"
    _run(
        "label",
        "--top1",
        "--candidates",
        "--images",
        made / "train" / "images",
        "--proposals",
        made / "store",
        "--out",
        out,
    )
    found = {annotation["id"]: annotation for annotation in _json(out)["annotations"]}
    rows = [row for row in _rows(made / "store" / "shards") if row["rles"]]
    assert len(rows) == len(found) == 15
    for row in rows:
        label = found[row["annotation_id"]]
        counts = [_text(rle) for rle in row["rles"]]
        candidates = label["candidates"]
        assert [rle["counts"] for rle in candidates["segmentations"]] == counts
        assert candidates["own_scores"] == pytest.approx(row["scores"], abs=1e-6)
        assert label["category_id"] == row["category_id"]
        assert label["point"] == pytest.approx(np.ravel(row["points"])[:2].tolist(), abs=1e-4)
        assert label["segmentation"]["counts"] == counts[int(np.argmax(row["scores"]))]


def _text(counts: bytes | str) -> str:
    return counts if isinstance(counts, str) else counts.decode("ascii")


def test_proposing_leaves_a_finished_store_and_makes_an_equal_one(made: Path) -> None:
    files = {p: p.read_bytes() for p in (made / "store").rglob("*") if p.is_file()}
    for out in ("store", "again"):
        _run(
            "propose",
            "--images",
            made / "train" / "images",
            "--clicks",
            made / "clicks.json",
            "--out",
            made / out,
            "--proposer",
            "simulated",
            "--workers",
            "1",
        )
    assert all(path.read_bytes() == content for path, content in files.items())
    before, now = _rows(made / "store" / "shards"), _rows(made / "again" / "shards")
    assert [row["rles"] for row in now] == [row["rles"] for row in before]
    for ours, theirs in zip(now, before, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ("scores", "boxes"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-4)


def test_a_run_predicts_the_same(made: Path) -> None:
    out = made / "predictions"
    _run(
        "predict",
        "--run",
        made / "finished",
        "--images",
        made / "val" / "images",
        "--out",
        out,
        "--device",
        "cpu",
        "--no-pictures",
    )
    before, now = _json(made / "results.json"), _json(out / "results.json")
    assert len(now) == len(before) == 40
    for record in before:
        same_place = [
            other
            for other in now
            if (other["image_id"], other["category_id"])
            == (record["image_id"], record["category_id"])
            and abs(other["score"] - record["score"]) < 1e-3
        ]
        ious = [_iou(record["segmentation"], other["segmentation"]) for other in same_place]
        assert max(ious, default=0.0) >= 0.99


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_run_labels_the_same(made: Path, workers: str) -> None:
    out = made / "now.json"
    _run(
        "label",
        "--run",
        made / "finished",
        "--images",
        made / "train" / "images",
        "--proposals",
        made / "store",
        "--out",
        out,
        "--device",
        "cpu",
        "--workers",
        workers,
    )
    before, now = _json(made / "labels.json"), _json(out)
    assert now.keys() == before.keys()
    assert now["images"] == before["images"]
    assert now["categories"] == before["categories"]
    assert len(now["annotations"]) == len(before["annotations"]) == 15
    for ours, theirs in zip(now["annotations"], before["annotations"], strict=True):
        assert ours.keys() == theirs.keys() | {"refined_box"}  # written since
        for name in ("id", "image_id", "category_id", "segmentation", "bbox", "area", "point"):
            assert ours[name] == theirs[name]
        for name in ("score", "uncertainty"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-4)


def test_labels_have_the_same_figures(made: Path) -> None:
    out = made / "figures.json"
    _run(
        "evaluate",
        "--labels",
        made / "labels.json",
        "--proposals",
        made / "store",
        "--truth",
        made / "train" / "instances.json",
        "--out",
        out,
    )
    before, now = _json(made / "label_figures.json"), _json(out)
    assert now.keys() == before.keys()
    for name, value in before.items():
        assert now[name] == (value if value is None else pytest.approx(value, abs=1e-6)), name


def test_a_checkpoint_holds_no_class_of_the_package(made: Path) -> None:
    state = torch.load(made / "half" / "checkpoints" / "last.ckpt", weights_only=True)
    assert (state["epoch"], state["global_step"]) == (1, 8)


def test_a_half_finished_training_goes_on_to_the_same_end(made: Path) -> None:
    half, truth = made / "half", made / "train" / "instances.json"
    _run(
        "train",
        "--config",
        made / "recipe.yaml",
        "--images",
        made / "train" / "images",
        "--proposals",
        made / "store",
        "--out",
        half,
        "--optimizer.lr",
        "0.001",
        "--truth",
        truth,
        "--val.images",
        made / "val" / "images",
        "--val.truth",
        made / "val" / "instances.json",
    )
    before = [row for row in _logged(made / "whole" / "metrics.csv") if int(row["step"]) >= 8]
    now = [row for path in sorted(half.glob("logs/*/metrics.csv")) for row in _logged(path)]
    assert (
        [row["step"] for row in now]
        == [row["step"] for row in before]
        == list("89") + [str(step) for step in range(10, 16)]
    )
    for ours, theirs in zip(now, before, strict=True):
        assert float(ours["lr"]) == pytest.approx(float(theirs["lr"]), rel=1e-6)
        for name in (name for name in theirs if name.startswith("loss")):
            # Training amplifies rounding, which differs among CPUs: by up to 0.2% in these steps.
            assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-2, abs=5e-3)
    summary, wanted = _json(half / "summary.json"), _json(made / "whole" / "summary.json")
    assert summary["epochs"] == wanted["epochs"] == 4
    assert summary["figures"].keys() == wanted["figures"].keys()
    assert summary["figures"]["loss"] == pytest.approx(wanted["figures"]["loss"], rel=1e-2)
    assert summary["figures"]["label_miou"] == pytest.approx(
        wanted["figures"]["label_miou"], abs=1e-3
    )


def _logged(path: Path) -> list[dict[str, str]]:
    """The logged steps; rows of held-out figures are left out."""
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["loss"]]

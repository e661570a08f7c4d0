"""Mask R-CNN and Mask2Former through the commands, as a user trains and uses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from small_mask2former import save_small_mask2former

from sapnet import SAPNet
from sapnet.batches.dataset import MaskDataset
from sapnet.batches.sample import Sample
from sapnet.cli import main
from sapnet.commands.command import FAILURE, SUCCESS, WRONG_USE
from sapnet.data.coco import load_instances
from sapnet.training.run import PARTIAL_LINE

if TYPE_CHECKING:
    from tests.conftest import TinySet

Train = Callable[..., int]

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

SMALL = (
    *("--model.backbone", "test_resnet", "--model.weights", "none"),
    *("--model.fpn-channels", "16", "--model.augment.short-sides", "[64]"),
    *("--model.segmentation.predict.max-instances", "10"),
    *("--model.segmentation.predict.filter-threshold", "0"),
    *("--workers", "0", "--device", "cpu", "--batch-size", "4", "--epochs", "2"),
    *("--log-every", "1"),
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_set: TinySet) -> Path:
    """A small Mask2Former of other classes, one of which the tiny set has."""
    known = load_instances(tiny_set.truth).categories[0].name
    return save_small_mask2former(tmp_path_factory.mktemp("m2f"), ("person", known))


@pytest.fixture
def train(tiny_set: TinySet, checkpoint: Path) -> Train:
    def run(out: Path, segmenter: str, *words: str) -> int:
        own = ("--checkpoint", str(checkpoint)) if segmenter == "mask2former" else ()
        return main(
            [
                *("train", "--images", str(tiny_set.images), "--out", str(out)),
                *("--supervision", "masks", "--masks", str(tiny_set.truth)),
                *("--segmenter", segmenter, *own, *SMALL, *words),
            ]
        )

    return run


def lines_of(run: Path, name: str) -> list[Any]:
    found = json.loads((run / name).read_text())
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("segmenter", ["mask-rcnn", "mask2former"])
def test_a_run_is_used_as_any_other(
    train: Train,
    tiny_set: TinySet,
    tmp_path: Path,
    segmenter: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run, out = tmp_path / "run", tmp_path / "predicted"
    held_out = ("--val.images", str(tiny_set.images), "--val.truth", str(tiny_set.truth))
    caplog.set_level("INFO", "sapnet")
    assert train(run, segmenter, *held_out) == SUCCESS
    assert "val_mask_ap" in capsys.readouterr().out
    settings = json.loads((run / "settings.json").read_text())["model"]["other"]
    assert settings["name"] == segmenter
    starts = [line for line in caplog.messages if line.startswith("start: the weights of")]
    assert len(starts) == (segmenter == "mask2former")
    if starts:
        assert "trained on 2 classes; " in starts[0]
        assert "by name; new class outputs for" in starts[0]

    words = ("--images", str(tiny_set.images), "--out", str(out), "--device", "cpu")
    assert main(["predict", "--run", str(run), *words]) == SUCCESS
    results = out / "results.json"
    assert main(["evaluate", "--predictions", str(results), "--truth", str(tiny_set.truth)]) == 0
    report = ("--predictions", str(results), "--val.images", str(tiny_set.images))
    assert main(["report", str(run), *report, "--val.truth", str(tiny_set.truth)]) == SUCCESS
    page = (run / "report.html").read_text()
    assert "loss_mask" in page
    assert "encoder_feedforward_dim" not in page

    image = sorted(tiny_set.images.iterdir())[0]
    detections = SAPNet.from_pretrained(run).predict(image)
    assert all(mask.shape == (96, 96) for mask in detections.mask)
    capsys.readouterr()
    assert main(["export", "--run", str(run), "--out", str(tmp_path / "m.onnx")]) == FAILURE
    assert f"this network is {segmenter}: `sapnet export` knows" in capsys.readouterr().err
    labels = ("--proposals", str(tiny_set.store), "--out", str(tmp_path / "labels.json"))
    words = ("--run", str(run), "--images", str(tiny_set.images), "--device", "cpu")
    assert main(["label", *words, *labels]) == FAILURE
    assert "--voter" in capsys.readouterr().err


@pytest.mark.parametrize("segmenter", ["mask-rcnn", "mask2former"])
def test_an_interrupted_run_goes_on_exactly(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segmenter: str
) -> None:
    assert train(tmp_path / "whole", segmenter) == SUCCESS
    original = MaskDataset.__getitem__

    def stop(self: MaskDataset, index: int) -> Sample:
        if int(self._epoch) == 1:
            raise KeyboardInterrupt
        return original(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(MaskDataset, "__getitem__", stop)
        assert train(tmp_path / "run", segmenter) == INTERRUPTED
    assert train(tmp_path / "run", segmenter) == SUCCESS
    whole, run = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "run"))
    assert whole.keys() == run.keys()
    assert [name for name, value in whole.items() if not torch.equal(value, run[name])] == []


def test_partial_images_are_said_to_be_background(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sapnet")
    assert train(tmp_path / "run", "mask-rcnn", "--epochs", "1", "--unmarked", "partial") == SUCCESS
    assert PARTIAL_LINE in caplog.messages


def test_another_segmenter_is_another_run(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "run", "mask-rcnn", "--epochs", "1") == SUCCESS
    assert train(tmp_path / "run", "solov2", "--epochs", "1") == FAILURE
    assert "holds a run of other settings: model.other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--segmenter", "yolo"), WRONG_USE, "expected solov2, mask-rcnn or mask2former"),
        (("--segmenter", "mask2former"), WRONG_USE, "--segmenter mask2former needs --checkpoint"),
        (("--checkpoint", "x"), WRONG_USE, "--checkpoint x is for --segmenter mask-rcnn or"),
        (
            ("--segmenter", "mask-rcnn", "--supervision", "clicks"),
            WRONG_USE,
            "--segmenter mask-rcnn learns from masks: give --supervision masks",
        ),
        (
            ("--segmenter", "mask-rcnn", "--checkpoint", "none.pth"),
            FAILURE,
            "expected maskrcnn_resnet50_fpn or maskrcnn_resnet50_fpn_v2",
        ),
        (
            ("--segmenter", "mask2former", "--checkpoint", "no/such/folder"),
            FAILURE,
            "no such folder, and not a name on the hub",
        ),
        (
            ("--segmenter", "mask-rcnn", "--checkpoint", "a.pth", "--from", "run"),
            WRONG_USE,
            "a training begins with one of them",
        ),
        (
            ("--segmenter", "mask-rcnn", "--model.segmenter", "false"),
            WRONG_USE,
            "model.segmenter false and --segmenter mask-rcnn",
        ),
    ],
)
def test_wrong_uses_give_one_line(
    tiny_set: TinySet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    common = ("train", "--images", str(tiny_set.images), "--out", str(tmp_path / "run"))
    masks = ("--supervision", "masks", "--masks", str(tiny_set.truth), "--device", "cpu")
    assert main([*common, *masks, *words]) == status
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_folders_that_hold_no_mask2former(
    tiny_set: TinySet, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def error_of(folder: Path) -> str:
        common = ("train", "--images", str(tiny_set.images), "--out", str(tmp_path / "run"))
        masks = ("--supervision", "masks", "--masks", str(tiny_set.truth), "--device", "cpu")
        words = ("--segmenter", "mask2former", "--checkpoint", str(folder))
        assert main([*common, *masks, *words]) == FAILURE
        return capsys.readouterr().err

    folder = tmp_path / "folder"
    folder.mkdir()
    assert "with config.json, found none there" in error_of(folder)
    (folder / "config.json").write_text("{")
    assert "cannot be parsed" in error_of(folder)
    (folder / "config.json").write_text('{"model_type": "detr"}')
    assert "expected a Mask2Former, found model_type 'detr'" in error_of(folder)
    (folder / "config.json").write_text((checkpoint / "config.json").read_text())
    assert "no weights (*.safetensors" in error_of(folder)
    (folder / "model.safetensors").write_bytes(b"nothing")
    assert "its weights cannot be read" in error_of(folder)


@pytest.mark.usefixtures("hub_cache")
def test_a_hub_that_does_not_answer(
    tiny_set: TinySet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("train", "--images", str(tiny_set.images), "--out", str(tmp_path / "run"))
    masks = ("--supervision", "masks", "--masks", str(tiny_set.truth), "--device", "cpu")
    words = ("--segmenter", "mask2former", "--checkpoint", "facebook/mask2former-tiny")
    assert main([*common, *masks, *words]) == FAILURE
    error = capsys.readouterr().err
    assert "no folder of that name here, not in the hub's cache" in error
    assert "hf download facebook/mask2former-tiny" in error

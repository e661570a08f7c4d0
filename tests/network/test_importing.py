"""A checkpoint under mmdetection's names gives the network that it was made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sapnet.batches.config import AugmentConfig
from sapnet.cli import main
from sapnet.network.config import ModelConfig
from sapnet.network.importing import import_checkpoint
from sapnet.network.model import Network
from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.convert import convert_mmdet_head, convert_mmdet_neck
from sapnet.structures.clicks import Category
from tests.segmentation.test_convert import mmdet_head_names

AUGMENT = AugmentConfig((64,), 96)

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def network() -> Network:
    """A light SOLOv2 with a ResNet-18 and random weights."""
    torch.manual_seed(0)
    segmentation = SOLOv2Config(
        stacked_convs=1, channels=32, mask_branch_channels=32, mask_feature_channels=32
    )
    settings = ModelConfig(
        backbone="resnet18", weights="none", start="none", fpn_channels=32, augment=AUGMENT,
        segmentation=segmentation,
    )  # fmt: skip
    return Network(settings, (Category(1, "car"), Category(2, "bus"))).eval()


@pytest.fixture(scope="module")
def state(network: Network) -> State:
    """Its weights under mmdetection's names."""
    neck = [
        f"neck.{kind}.{i}.conv.{part}"
        for kind in ("lateral_convs", "fpn_convs")
        for i in range(4)
        for part in ("weight", "bias")
    ]
    made = {f"backbone.{k}": v for k, v in network.backbone.body.state_dict().items()}
    parts = ((neck, convert_mmdet_neck, network.fpn),)
    head = (mmdet_head_names(1), convert_mmdet_head, network.segmenter)
    for names, convert, module in (*parts, head):
        weights = module.state_dict()
        for name in names:
            (ours,) = convert({name: torch.zeros(0)})
            made[name] = weights[ours]
    return made


def save(path: Path, state: State, **other: object) -> Path:
    torch.save({"state_dict": state, **other}, path)
    return path


def test_the_imported_network_predicts_the_same(
    network: Network, state: State, tmp_path: Path
) -> None:
    more = {**state, "roi_head.fc.weight": torch.zeros(3)}
    file = save(tmp_path / "a.pth", more, meta={"dataset_meta": {"classes": ("car", "bus")}})
    summary = import_checkpoint(file, tmp_path / "run", augment=AUGMENT)
    assert summary.backbone == "resnet18"
    assert summary.categories == ("car", "bus")
    assert summary.left_over == ("roi_head.fc.weight",)
    found = Network.from_pretrained(tmp_path / "run")
    images = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        for ours, theirs in zip(found.features(images), network.features(images), strict=True):
            torch.testing.assert_close(ours, theirs)
        outputs = found.segmenter(found.features(images))
        expected = network.segmenter(network.features(images))
    torch.testing.assert_close(outputs.mask_features, expected.mask_features)
    torch.testing.assert_close(outputs.grid_class_logits, expected.grid_class_logits)


def test_the_command(state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = save(tmp_path / "a.pth", state), tmp_path / "run"
    words = ["import-checkpoint", str(file), "--from", "mmdetection", "--out", str(out)]
    assert main(words) == 1
    assert "expected the names of its 2 categories, found 0" in capsys.readouterr().err
    assert not out.exists()
    assert main([*words, "--classes", "car,bus"]) == 0
    assert "resnet18, 2 categories" in capsys.readouterr().out
    assert main([*words, "--classes", "car,bus"]) == 1
    assert "expected a new folder" in capsys.readouterr().err


def test_what_does_not_fit_is_named(state: State, tmp_path: Path) -> None:
    names = ("car", "bus")
    lost = "mask_head.conv_kernel.bias"
    part = {name: value for name, value in state.items() if name != lost}
    with pytest.raises(ValueError, match=r"the head does not fit: head.kernel_output.bias \(miss"):
        import_checkpoint(save(tmp_path / "a.pth", part), tmp_path / "run", names)
    with pytest.raises(ValueError, match=r"expected the backbone resnet18.*found blocks \(0, 0"):
        import_checkpoint(save(tmp_path / "a.pth", {}), tmp_path / "run", names)
    body = {name: value for name, value in state.items() if name.startswith("backbone")}
    with pytest.raises(ValueError, match="expected a SOLOv2 with a pyramid, found none of"):
        import_checkpoint(save(tmp_path / "a.pth", body), tmp_path / "run", names)
    (tmp_path / "b.pth").write_text("no checkpoint")
    with pytest.raises(ValueError, match=r"b.pth: expected a file of tensors, a checkpoint"):
        import_checkpoint(tmp_path / "b.pth", tmp_path / "run", names)
    with pytest.raises(FileNotFoundError, match="no such file"):
        import_checkpoint(tmp_path / "c.pth", tmp_path / "run", names)
    assert not (tmp_path / "run").exists()

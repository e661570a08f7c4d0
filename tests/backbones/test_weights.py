from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from sapnet.backbones.backbone import Backbone
from sapnet.backbones.config import BackboneConfig
from sapnet.backbones.weights import load_weights
from sapnet.network.config import ModelConfig


def _backbone(name: str, **settings: object) -> Backbone:
    cfg = ModelConfig(backbone=name, **{"weights": "none", **settings})
    return Backbone(cfg.backbone_config)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", ["test_resnet", "test_convnext"])
def test_weights_from_a_local_file(name: str, suffix: str, tmp_path: Path) -> None:
    whole = timm.create_model(name)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(whole.state_dict(), path)
    else:
        save_file(whole.state_dict(), path)
    cfg = ModelConfig(backbone=name, weights=str(path))
    backbone = Backbone(cfg.backbone_config)
    load_weights(backbone, cfg.backbone_config)

    theirs = {k.replace(".", "_"): v for k, v in whole.state_dict().items()}
    ours = backbone.body.state_dict()
    assert ours
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key.replace(".", "_")], rtol=0, atol=0)
    assert cfg.num_frozen_stages == 1
    assert cfg.keeps_norms


def test_file_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(timm.create_model("test_convnext").state_dict(), path)
    cfg = ModelConfig(backbone="test_resnet", weights=str(path))
    with pytest.raises(ValueError, match=r"expected .* of timm's test_resnet; .* lacks \d+ of its"):
        load_weights(Backbone(cfg.backbone_config), cfg.backbone_config)


def test_file_of_other_shapes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.pth"
    torch.save(timm.create_model("resnet18").state_dict(), path)
    cfg = ModelConfig(backbone="resnet34", weights=str(path))
    with pytest.raises(ValueError, match="resnet34"):
        load_weights(Backbone(cfg.backbone_config), cfg.backbone_config)


def test_missing_file_says_what_was_expected(tmp_path: Path) -> None:
    cfg = ModelConfig(backbone="test_resnet", weights=str(tmp_path / "no.pth"))
    with pytest.raises(FileNotFoundError, match=r"no file at .*no\.pth; expected .*'none'"):
        load_weights(Backbone(cfg.backbone_config), cfg.backbone_config)


def test_hub_out_of_reach_names_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    cfg = ModelConfig(backbone="test_resnet")
    backbone = Backbone(cfg.backbone_config)

    def offline(*_: object, **__: object) -> None:
        raise LocalEntryNotFoundError("outgoing traffic has been disabled")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(FileNotFoundError, match=r"test_resnet .*--model.weights PATH.*none"):
        load_weights(backbone, cfg.backbone_config)


def test_an_unreachable_hub_is_not_asked_for_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    cfg = ModelConfig(backbone="test_resnet")
    backbone = Backbone(cfg.backbone_config)

    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no route to the hub")

    def fetch(*_: object, **__: object) -> None:
        raise AssertionError("the weights were asked for")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", offline)
    monkeypatch.setattr(timm, "create_model", fetch)
    with pytest.raises(FileNotFoundError, match=r"neither in the hub's cache nor on the hub"):
        load_weights(backbone, cfg.backbone_config)


def test_no_weights_leaves_the_backbone_alone() -> None:
    backbone = _backbone("test_resnet")
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    load_weights(backbone, ModelConfig(backbone="test_resnet", weights="none").backbone_config)
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, before[key])


def test_the_checkpoint_of_a_whole_detector_is_called_so(tmp_path: Path) -> None:
    names = ("backbone.conv1.weight", "neck.fpn_convs.0.conv.weight", "mask_head.conv_cls.weight")
    torch.save({"state_dict": {name: torch.zeros(1) for name in names}}, tmp_path / "mmdet.pth")
    cfg = BackboneConfig("test_resnet", str(tmp_path / "mmdet.pth"), 0, False)
    with pytest.raises(
        ValueError, match=r"mmdet\.pth is the checkpoint of a whole detector"
    ) as error:
        load_weights(Backbone(cfg), cfg)
    assert "--model.backbone" not in str(error.value)

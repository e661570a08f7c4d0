from __future__ import annotations

from typing import Any

import pytest
import timm
import torch

from sapnet.backbones.backbone import Backbone
from sapnet.network.config import ModelConfig


def _backbone(name: str, **settings: object) -> Backbone:
    cfg = ModelConfig(backbone=name, **{"weights": "none", **settings})
    return Backbone(cfg.backbone_config)


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("resnet18", [64, 128, 256, 512]),
        ("test_resnet", [32, 48, 192, 96]),
        ("test_convnext", [24, 32, 48, 64]),
        ("test_efficientnet", [24, 32, 48, 64]),
    ],
)
def test_features_at_strides_4_to_32(name: str, channels: list[int]) -> None:
    backbone = _backbone(name).eval()
    features = backbone(torch.zeros(2, 3, 64, 96))
    assert backbone.channels == channels
    sizes = [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert [tuple(f.shape) for f in features] == [
        (2, c, *size) for c, size in zip(channels, sizes, strict=True)
    ]


def test_the_layout_does_not_change_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    backbone = _backbone("test_resnet").eval()
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.no_grad():
        found = backbone(images)
        monkeypatch.setattr("sapnet.backbones.backbone.CHANNELS_LAST_DEVICE", "another")
        expected = backbone(images)
    assert found[0].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected)


def test_channels_last_features_are_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    class LastChannels(torch.nn.Module):
        """A model whose features are (B, h, w, channels), as Swin's."""

        pretrained_cfg = {"mean": (0.5,) * 3, "std": (0.5,) * 3}  # noqa: RUF012
        output_fmt = "NHWC"

        def __init__(self) -> None:
            super().__init__()
            self.feature_info = timm.create_model("test_convnext", features_only=True).feature_info

        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            _, _, height, width = images.shape
            return [
                torch.zeros(len(images), height // stride, width // stride, channels)
                for stride, channels in zip((4, 8, 16, 32), (24, 32, 48, 64), strict=True)
            ]

    monkeypatch.setattr("sapnet.backbones.backbone._create", lambda _: LastChannels())
    features = _backbone("any")(torch.zeros(1, 3, 64, 96))
    assert [tuple(f.shape) for f in features] == [
        (1, 24, 16, 24),
        (1, 32, 8, 12),
        (1, 48, 4, 6),
        (1, 64, 2, 3),
    ]


def test_images_are_normalised_as_the_model_was_trained() -> None:
    backbone = _backbone("resnet18").eval()
    seen = []
    backbone.body.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    images = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    backbone(images)
    expected = [(1 - mean) / std for mean, std in [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]]
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor(expected))


def test_nothing_is_frozen_from_scratch() -> None:
    assert all(p.requires_grad for p in _backbone("test_resnet").parameters())


@pytest.mark.parametrize(
    ("name", "frozen", "trained"),
    [
        ("test_resnet", ("conv1.", "bn1.", "layer1."), ("layer2.", "layer3.", "layer4.")),
        ("test_convnext", ("stem_", "stages_0."), ("stages_1.", "stages_2.", "stages_3.")),
        ("test_efficientnet", ("conv_stem.", "bn1.", "blocks.0.", "blocks.1."), ("blocks.2.",)),
    ],
)
def test_stem_and_first_stage_can_be_frozen(
    name: str, frozen: tuple[str, ...], trained: tuple[str, ...]
) -> None:
    backbone = _backbone(name, frozen_stages=1)
    for parameter_name, parameter in backbone.body.named_parameters():
        if parameter_name.startswith(frozen):
            assert not parameter.requires_grad, parameter_name
        elif parameter_name.startswith(trained):
            assert parameter.requires_grad, parameter_name

    backbone.train()
    features = backbone(torch.rand(2, 3, 64, 64) * 255)
    sum(f.sum() for f in features).backward()
    given = {n for n, p in backbone.body.named_parameters() if p.grad is not None}
    assert given
    assert not [n for n in given if n.startswith(frozen)]


def test_frozen_stages_stay_in_evaluation_mode() -> None:
    backbone = _backbone("test_resnet", frozen_stages=1).train()
    body: Any = backbone.body
    assert not body.bn1.training
    assert not any(module.training for module in body.layer1.modules())
    assert all(module.training for module in body.layer2.modules())


def test_frozen_norms_keep_statistics_and_factors() -> None:
    backbone = _backbone("test_resnet", frozen_norms=True).train()
    norms = [m for m in backbone.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    before = [m.running_mean.clone() for m in norms if m.running_mean is not None]
    backbone(torch.rand(2, 3, 32, 32) * 255)
    after = [m.running_mean for m in norms if m.running_mean is not None]
    assert len(before) == len(norms) > 0
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=0)
    assert not any(p.requires_grad for m in norms for p in m.parameters())
    assert next(backbone.body.parameters()).requires_grad


def test_unknown_model_names_close_ones() -> None:
    with pytest.raises(ValueError, match=r"no features_only model 'resnet5'.*resnet50"):
        _backbone("resnet5")


def test_model_without_our_strides() -> None:
    with pytest.raises(ValueError, match=r"strides \(4, 8, 16, 32\), but test_vit gives \(16,"):
        _backbone("test_vit")

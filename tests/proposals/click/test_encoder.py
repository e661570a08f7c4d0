from __future__ import annotations

import copy

import torch
from torch import nn

from sapnet.proposals.click.encoder import CHANNELS, LEVELS, build_encoder, fold_norms, to_input


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.norm.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.conv(x))
        return self.norm.act(y) if hasattr(self.norm, "act") else y


def test_folding_changes_no_value() -> None:
    torch.manual_seed(0)
    network = Normed().eval()
    nn.init.uniform_(network.norm.running_mean)
    nn.init.uniform_(network.norm.running_var, 0.5, 2)
    folded = copy.deepcopy(network)
    fold_norms(folded)
    x = torch.randn(2, 2, 4, 4)
    assert isinstance(folded.norm, nn.ReLU)
    torch.testing.assert_close(folded(x), network(x))


def test_levels_have_their_strides_and_channels() -> None:
    encoder = build_encoder()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in encoder.modules())
    shapes = [tuple(level.shape) for level in encoder(torch.zeros(1, 3, 64, 64))]
    assert shapes == [(1, c, 64 // s, 64 // s) for c, s in zip(CHANNELS, LEVELS, strict=True)]


def test_the_first_layers_are_held() -> None:
    encoder = build_encoder()
    encoder.freeze_first_layers()
    held = {name for name, value in encoder.named_parameters() if not value.requires_grad}
    assert any("conv_stem" in name for name in held)
    assert not any("blocks.2" in name for name in held)
    assert all(value.requires_grad for value in build_encoder().parameters())


def test_input_is_centred() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 4, 4, 3)
    images = to_input(pixels)
    assert images.shape == (2, 3, 4, 4)
    assert images[0].unique().tolist() == [-1]
    assert images[1].unique().tolist() == [1]

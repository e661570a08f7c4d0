import torch
from torch import nn

from sapnet.segmentation.layers import (
    WEIGHT_STD,
    conv_norm_relu,
    init_conv_weights,
    resize_bilinear,
    spatial_size,
)


def test_block_keeps_the_size_and_is_not_negative() -> None:
    block = conv_norm_relu(3, 4, 2)
    result = block(torch.randn(2, 3, 5, 7))
    assert result.shape == (2, 4, 5, 7)
    assert (result >= 0).all()
    assert [type(layer) for layer in block] == [nn.Conv2d, nn.GroupNorm, nn.ReLU]
    assert block[0].bias is None


def test_resizing_uses_pixel_centres() -> None:
    row = torch.tensor([[[[0.0, 4.0]]]])
    assert resize_bilinear(row, (1, 4)).flatten().tolist() == [0, 1, 3, 4]
    assert spatial_size(resize_bilinear(row, (3, 5))) == (3, 5)


def test_initial_weights() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(32, 32, 3)
    init_conv_weights(nn.Sequential(layer))
    assert abs(layer.weight.std().item() - WEIGHT_STD) < 0.1 * WEIGHT_STD
    assert layer.bias.abs().max() == 0

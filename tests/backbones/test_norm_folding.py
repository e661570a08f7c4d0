from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn

from sapnet.backbones.norm_folding import FoldingConv2d, fold_batch_norms


def norms_of(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]


def randomise_norms(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    for norm in norms_of(module):
        for value, low, high in (
            (norm.weight, 0.5, 1.5),
            (norm.bias, -1, 1),
            (norm.running_mean, -1, 1),
            (norm.running_var, 0.5, 2),
        ):
            assert value is not None
            value.data.uniform_(low, high, generator=generator)


def pair(change: Callable[[nn.Sequential], object] = lambda _: None) -> tuple[nn.Module, nn.Module]:
    """A small network in double precision, plain and folded."""
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4),
        nn.BatchNorm2d(8),
    ).double()
    randomise_norms(plain)
    change(plain)
    folded = copy.deepcopy(plain)
    assert fold_batch_norms(folded) == 2
    return plain, folded


def outputs_and_gradients(network: nn.Module, images: Tensor) -> list[Tensor]:
    inputs = images.clone().requires_grad_()
    outputs = network(inputs)
    parameters = [p for p in network.parameters() if p.requires_grad]
    weights = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view_as(outputs)
    return [outputs, *torch.autograd.grad((outputs * weights).sum(), [inputs, *parameters])]


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 11, 9, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("training", [True, False])
def test_values_and_gradients_stay(images: Tensor, training: bool) -> None:
    plain, folded = (network.train(training) for network in pair())
    torch.testing.assert_close(
        outputs_and_gradients(folded, images), outputs_and_gradients(plain, images)
    )
    torch.testing.assert_close(folded.state_dict(), plain.state_dict())


def test_frozen_norms_leave_gradients_of_the_weights(images: Tensor) -> None:
    def freeze(network: nn.Sequential) -> None:
        for norm in norms_of(network):
            norm.requires_grad_(requires_grad=False)

    plain, folded = (network.eval() for network in pair(freeze))
    found = outputs_and_gradients(folded, images)
    assert len(found) == 2 + 3  # two weights and a bias
    torch.testing.assert_close(found, outputs_and_gradients(plain, images))


def test_changed_weights_and_statistics_count_at_once(images: Tensor) -> None:
    plain, folded = (network.eval() for network in pair())
    with torch.no_grad():
        before = folded(images)
        for network in (plain, folded):
            randomise_norms(network)
            network[1].running_mean += 1
            network[0].weight *= 2
        assert not torch.allclose(folded(images), before)
        torch.testing.assert_close(folded(images), plain(images))


def test_copies_are_independent(images: Tensor) -> None:
    _, folded = pair()
    other = copy.deepcopy(folded).eval()
    expected = other(images)
    folded.eval()[1].running_mean += 5
    torch.testing.assert_close(other(images), expected)


def test_names_stay() -> None:
    plain, folded = pair()
    assert list(folded.state_dict()) == list(plain.state_dict())
    assert [n for n, _ in folded.named_parameters()] == [n for n, _ in plain.named_parameters()]
    folded.load_state_dict(plain.state_dict())


class Shared(nn.Module):
    """Something else reads what the convolution gives."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, inputs: Tensor) -> Tensor:
        convolved = self.conv(inputs)
        normalised: Tensor = self.norm(convolved)
        return normalised + convolved


class Repeated(Shared):
    """The same convolution runs twice, once without the norm."""

    def forward(self, inputs: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.conv(self.conv(inputs)))
        return normalised


class Undecided(Shared):
    """What runs depends on the values, so that it cannot be traced."""

    def forward(self, inputs: Tensor) -> Tensor:
        convolved: Tensor = self.conv(inputs)
        return self.norm(convolved) if inputs.sum() > 0 else convolved


@pytest.mark.parametrize("kind", [Shared, Repeated, Undecided])
def test_what_cannot_be_folded_stays(kind: type[nn.Module]) -> None:
    network = kind()
    before = list(network.modules())
    assert fold_batch_norms(network) == 0
    assert list(network.modules()) == before


def test_norms_without_statistics_stay() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False), nn.Conv2d(3, 3, 1)
    )
    assert fold_batch_norms(network) == 0


def test_every_norm_of_a_resnet_is_folded() -> None:
    torch.manual_seed(0)
    plain = timm.create_model("resnet18", features_only=True).double().eval()
    randomise_norms(plain)
    folded = copy.deepcopy(plain)
    assert fold_batch_norms(folded) == len(norms_of(plain)) == 20
    assert sum(isinstance(m, FoldingConv2d) for m in folded.modules()) == 20
    images = torch.randn(1, 3, 64, 64).double()
    with torch.no_grad():
        torch.testing.assert_close(folded(images), plain(images))


def test_half_precision_runs_under_autocast(images: Tensor) -> None:
    _, folded = pair()
    folded = folded.float().eval()
    exact = folded(images.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = folded(images.float())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), exact, rtol=0.05, atol=0.1)

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.solov2 import SOLOv2
from sapnet.structures.batch import InstanceTargets

MakeTargets = Callable[..., InstanceTargets]


def test_outputs_have_the_sizes_of_the_grids(cfg: SOLOv2Config, features: list[Tensor]) -> None:
    outputs = SOLOv2(3, 6, cfg)(features)
    assert [tuple(level.shape) for level in outputs.grid_kernels] == [(2, 8, 4, 4), (2, 8, 2, 2)]
    assert outputs.mask_features.shape == (2, 8, 8, 16)
    assert outputs.input_size == (32, 64)


@pytest.mark.parametrize("boxes", [[], [(1, 1, 4, 4), (3, 0, 12, 7)]])
def test_every_parameter_of_a_level_in_use_gets_a_gradient(
    cfg: SOLOv2Config,
    features: list[Tensor],
    make_targets: MakeTargets,
    boxes: list[tuple[int, int, int, int]],
) -> None:
    network = SOLOv2(3, 6, cfg)
    targets = make_targets(boxes, [0] * len(boxes), [1] * len(boxes))
    losses = network.loss(network(features), targets)
    torch.stack(list(losses.values())).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_an_empty_mask_is_skipped(
    cfg: SOLOv2Config, features: list[Tensor], make_targets: MakeTargets
) -> None:
    network = SOLOv2(3, 6, cfg)
    outputs = network(features)
    targets = make_targets([(1, 1, 4, 4)], [0], [1])
    targets.masks.zero_()
    found = network.loss(outputs, targets)
    expected = network.loss(outputs, make_targets([], [], []))
    torch.testing.assert_close(found, expected)


def test_overfits_a_scene(
    cfg: SOLOv2Config, features: list[Tensor], make_targets: MakeTargets
) -> None:
    torch.manual_seed(0)
    network = SOLOv2(3, 6, cfg)
    targets = make_targets([(1, 1, 5, 4), (8, 2, 15, 7)], [2, 0], [0, 1])
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        total = torch.stack(list(network.loss(network(features), targets).values())).sum()
        total.backward()
        optimizer.step()

    sizes = torch.tensor([[32, 64]] * 2)
    found = network.predict(network(features), sizes, sizes)
    for k, label in enumerate((2, 0)):
        assert found[k].labels[0] == label
        expected = torch.nn.functional.interpolate(targets.masks[k][None, None], scale_factor=4)
        union = (found[k].masks[0] | expected[0, 0].bool()).sum()
        assert (found[k].masks[0] & expected[0, 0].bool()).sum() / union > 0.8


def test_works_under_autocast(
    cfg: SOLOv2Config, features: list[Tensor], make_targets: MakeTargets
) -> None:
    torch.manual_seed(0)
    network = SOLOv2(3, 6, cfg)
    targets = make_targets([(1, 1, 5, 4)], [2], [0])
    exact = network.loss(network(features), targets)
    sizes = torch.tensor([[32, 64]] * 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = network(features)
        losses = network.loss(outputs, targets)
        predictions = network.predict(outputs, sizes, sizes)
    for name, value in exact.items():
        assert losses[name].dtype == torch.float32
        assert losses[name].item() == pytest.approx(value.item(), rel=0.05)
    assert [prediction.masks.shape[1:] for prediction in predictions] == [(32, 64)] * 2


def test_wrong_inputs_are_explained(
    cfg: SOLOv2Config, features: list[Tensor], make_targets: MakeTargets
) -> None:
    network = SOLOv2(3, 6, cfg)
    with pytest.raises(ValueError, match=r"expected 5 features \(P2..P6\), found 4"):
        network(features[:4])
    smaller = [level[..., :-1] if level.shape[-1] > 1 else level for level in features]
    with pytest.raises(ValueError, match="stride-4 grid of the padded input"):
        network.loss(network(smaller), make_targets([], [], []))

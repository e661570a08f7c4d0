from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sapnet.geometry.masks import centers_of_mass
from sapnet.segmentation import losses as losses_module
from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.losses import dice_of_positives, solov2_losses
from sapnet.segmentation.outputs import SOLOv2Outputs, flatten_cells
from sapnet.segmentation.targets import GridTargets, assign_targets
from sapnet.structures.batch import InstanceTargets

MakeTargets = Callable[..., InstanceTargets]

BOXES = [(1, 1, 4, 4), (2, 2, 6, 5), (0, 0, 15, 7), (5, 1, 8, 4)]
LABELS = [0, 2, 1, 1]
IMAGES = [0, 0, 1, 1]


def assign(targets: InstanceTargets, cfg: SOLOv2Config) -> GridTargets:
    centers_yx = 4 * centers_of_mass(targets.masks) + 1.5
    return assign_targets(targets.boxes, centers_yx, targets.image_index, 2, (32, 64), cfg)


def naive_dice(
    outputs: SOLOv2Outputs, targets: InstanceTargets, grid_targets: GridTargets, eps: float
) -> Tensor:
    kernels = flatten_cells(outputs.grid_kernels)
    rows = []
    positives = zip(
        grid_targets.image_index, grid_targets.cell_index, grid_targets.object_index, strict=True
    )
    for image, cell, n in positives:
        logits = torch.einsum("e,ehw->hw", kernels[image, cell], outputs.mask_features[image])
        p = logits.sigmoid()
        row = []
        for t in [targets.masks[n].float(), *targets.ranked_masks[n].float()]:
            below = (p**2).sum() + eps + (t**2).sum() + eps
            row.append(1 - 2 * (p * t).sum() / below)
        rows.append(torch.stack(row))
    return torch.stack(rows)


@pytest.mark.parametrize("chunk_pixels", [1, 3 * 8 * 16, 2**22])
def test_dice_and_gradients_equal_a_loop(
    outputs: SOLOv2Outputs,
    make_targets: MakeTargets,
    cfg: SOLOv2Config,
    chunk_pixels: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(losses_module, "CHUNK_PIXELS", chunk_pixels)
    targets = make_targets(BOXES, LABELS, IMAGES, num_ranked=2)
    grid_targets = assign(targets, cfg)
    inputs = [*outputs.grid_kernels, outputs.mask_features]
    expected = naive_dice(outputs, targets, grid_targets, cfg.dice_eps)
    found = dice_of_positives(outputs, targets, grid_targets, cfg.dice_eps)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)

    weights = torch.linspace(0.5, 2, found.numel()).view_as(found)
    expected_grads = torch.autograd.grad((expected * weights).sum(), inputs)
    found_grads = torch.autograd.grad((found * weights).sum(), inputs)
    torch.testing.assert_close(found_grads, expected_grads, rtol=0, atol=1e-6)


def test_multi_mask_supervision_adds_the_mean_of_valid_masks(
    outputs: SOLOv2Outputs, make_targets: MakeTargets, cfg: SOLOv2Config
) -> None:
    targets = make_targets(BOXES, LABELS, IMAGES, num_ranked=2)
    valid = torch.tensor([[True, True], [False, True], [False, False], [True, False]])
    targets = replace(targets, ranked_valid=valid)
    grid_targets = assign(targets, cfg)
    dice = dice_of_positives(outputs, targets, grid_targets, cfg.dice_eps)
    total = 0.0
    for row, n in zip(dice, grid_targets.object_index, strict=True):
        ranked = row[1:][valid[n]]
        total += (row[0] + 0.5 * (ranked.mean() if len(ranked) else 0)).item()
    found = solov2_losses(outputs, targets, grid_targets, cfg, mps_weight=0.5)["loss_mask"]
    expected = cfg.dice_weight * total / grid_targets.num_positive_cells.item()
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_focal_loss_by_hand(make_targets: MakeTargets, cfg: SOLOv2Config) -> None:
    # All scores 1/2: a positive costs 0.25 * ln 2 / 4, each other (cell, class) 0.75 * ln 2 / 4.
    zeros = SOLOv2Outputs(
        grid_kernels=tuple(torch.zeros(2, 8, side, side) for side in cfg.num_grids),
        grid_class_logits=tuple(torch.zeros(2, 3, side, side) for side in cfg.num_grids),
        mask_features=torch.zeros(2, 8, 8, 16),
    )
    targets = make_targets([(1, 0, 3, 2)], [1], [0])
    grid_targets = assign(targets, cfg)
    positives = grid_targets.num_positive_cells.item()
    assert positives == 1
    entries = 2 * 20 * 3
    quarter = torch.tensor(2.0).log().item() / 4
    expected = quarter * (0.25 * positives + 0.75 * (entries - positives)) / (positives + 1)
    found = solov2_losses(zeros, targets, grid_targets, cfg)["loss_class"]
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_weights_and_normaliser_scale_the_losses(
    outputs: SOLOv2Outputs, make_targets: MakeTargets, cfg: SOLOv2Config
) -> None:
    targets = make_targets(BOXES, LABELS, IMAGES)
    grid_targets = assign(targets, cfg)
    plain = solov2_losses(outputs, targets, grid_targets, cfg)
    count = grid_targets.num_positive_cells.float()
    doubled_cfg = replace(cfg, dice_weight=2 * cfg.dice_weight, focal_weight=4.0)
    changed = solov2_losses(
        outputs, targets, grid_targets, doubled_cfg, num_positives=2 * count + 1
    )
    mask_ratio = 2 * count / (2 * count + 1)
    torch.testing.assert_close(changed["loss_mask"], plain["loss_mask"] * mask_ratio)
    torch.testing.assert_close(changed["loss_class"], plain["loss_class"] * 2)


def test_without_objects_the_mask_loss_is_zero_and_has_gradients(
    outputs: SOLOv2Outputs, make_targets: MakeTargets, cfg: SOLOv2Config
) -> None:
    targets = make_targets([], [], [], num_ranked=2)
    losses = solov2_losses(outputs, targets, assign(targets, cfg), cfg)
    assert losses["loss_mask"] == 0
    losses["loss_mask"].backward()
    for value in (*outputs.grid_kernels, outputs.mask_features):
        assert value.grad is not None
        assert value.grad.count_nonzero() == 0
    assert losses["loss_class"] > 0


def test_images_of_a_batch_do_not_mix(
    outputs: SOLOv2Outputs, make_targets: MakeTargets, cfg: SOLOv2Config
) -> None:
    targets = make_targets(BOXES[:2], LABELS[:2], [1, 1])
    solov2_losses(outputs, targets, assign(targets, cfg), cfg)["loss_mask"].backward()
    assert outputs.mask_features.grad is not None
    assert outputs.mask_features.grad[0].count_nonzero() == 0
    assert outputs.mask_features.grad[1].count_nonzero() > 0


def test_half_precision_outputs_give_float32_losses(
    outputs: SOLOv2Outputs, make_targets: MakeTargets, cfg: SOLOv2Config
) -> None:
    targets = make_targets(BOXES, LABELS, IMAGES)
    grid_targets = assign(targets, cfg)
    exact = solov2_losses(outputs, targets, grid_targets, cfg)
    half = SOLOv2Outputs(
        grid_kernels=tuple(level.bfloat16() for level in outputs.grid_kernels),
        grid_class_logits=tuple(level.bfloat16() for level in outputs.grid_class_logits),
        mask_features=outputs.mask_features.bfloat16(),
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = solov2_losses(half, targets, grid_targets, cfg)
    for name, value in exact.items():
        assert found[name].dtype == torch.float32
        assert found[name].item() == pytest.approx(value.item(), rel=0.02)

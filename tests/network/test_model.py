from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from sapnet.network.config import ModelConfig
from sapnet.network.model import Network, build_model
from sapnet.selection.config import MultiMaskConfig, SelectionConfig, paper_selection
from sapnet.structures.batch import Bags, Batch, InstanceTargets
from sapnet.structures.clicks import Category

CATEGORIES = (Category(3, "cup"), Category(7, "cat"), Category(9, "dog"))

SIDE = 64
GRID = SIDE // 4


@pytest.fixture(scope="module")
def model(tiny_model: ModelConfig) -> Network:
    torch.manual_seed(0)
    return Network(tiny_model, CATEGORIES)


def _bags(counts: Sequence[int], k: int = 4) -> Bags:
    """Objects per image; nested boxes as proposals, the mask of each fills it."""
    generator = torch.Generator().manual_seed(1)
    n = sum(counts)
    corners = torch.randint(0, SIDE // 2, (n, 1, 2), generator=generator).float().expand(n, k, 2)
    sides = torch.arange(8, 8 + 4 * k, 4).float().view(1, k, 1).expand(n, k, 2).clamp(max=28)
    boxes = torch.cat([corners, corners + sides], dim=2)
    middles = torch.arange(GRID) * 4 + 2.0
    inside = [(middles > boxes[..., i, None]) & (middles < boxes[..., i + 2, None]) for i in (0, 1)]
    return Bags(
        boxes=boxes,
        valid=torch.ones(n, k, dtype=torch.bool),
        mask_crops=torch.ones(n, k, 7, 7),
        holds_rival=torch.zeros(n, k, dtype=torch.bool),
        box_iou=torch.ones(n, k),
        own_scores=torch.full((n, k), 0.5),
        masks=(inside[1][..., None] & inside[0][..., None, :]).to(torch.uint8),
        labels=torch.arange(n) % len(CATEGORIES),
        points=corners[:, 0] + 4,
        image_index=torch.repeat_interleave(torch.tensor(counts)),
        annotation_ids=torch.arange(n),
    )


def _targets(counts: Sequence[int]) -> InstanceTargets:
    bags = _bags(counts, 1)
    n = bags.num_objects
    return InstanceTargets(
        masks=bags.masks[:, 0],
        boxes=bags.boxes[:, 0],
        labels=bags.labels,
        image_index=bags.image_index,
        ranked_masks=torch.zeros(n, 0, GRID, GRID, dtype=torch.uint8),
        ranked_valid=torch.zeros(n, 0, dtype=torch.bool),
    )


def _batch(
    num_images: int, bags: Bags | None = None, targets: InstanceTargets | None = None
) -> Batch:
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (num_images, 3, SIDE, SIDE), generator=generator)
    sizes = torch.full((num_images, 2), SIDE)
    return Batch(
        images.to(torch.uint8), sizes, sizes, torch.arange(num_images), bags=bags, targets=targets
    )


def test_kept_labels_train_the_segmenter_alone(model: Network) -> None:
    """Masks of labels that stay are the targets, and selection changes no feature."""
    bags = _bags([2, 1])
    kept = torch.tensor([3, 0, 2])
    chosen = _targets([2, 1])
    rows = torch.arange(3)
    targets = replace(chosen, masks=bags.masks[rows, kept], boxes=bags.boxes[rows, kept])
    with_bags, with_masks = _batch(2, bags), _batch(2, targets=targets)
    model.eval()  # dropout and norms alike; losses of selection need training mode
    model.selection.train()
    found = model(with_bags, torch.Generator().manual_seed(0), kept)
    expected = model(with_masks)
    assert found.selection.index.tolist() == kept.tolist()
    for name, loss in expected.losses.items():
        torch.testing.assert_close(found.losses[name], loss)
    model.zero_grad()
    names = [name for name in found.losses if name not in expected.losses]
    assert "loss_selection" in names
    torch.stack([found.losses[name] for name in names]).sum().backward()
    assert all(p.grad is None for p in model.fpn.parameters())
    assert any(p.grad.abs().sum() > 0 for p in model.selection.parameters())
    model.zero_grad()
    model.train()


def _step(model: Network, batch: Batch) -> dict[str, Tensor]:
    """Losses of one step, after checking that its gradients are finite."""
    model.zero_grad(set_to_none=True)
    output = model.train()(batch, torch.Generator().manual_seed(0))
    output.total.backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            assert parameter.grad.isfinite().all(), name
    assert all(loss.isfinite() and loss.shape == () for loss in output.losses.values())
    losses: dict[str, Tensor] = output.losses
    return losses


def test_losses_from_clicks(model: Network) -> None:
    losses = _step(model, _batch(2, _bags([2, 1])))
    assert losses.keys() == {
        "loss_selection",
        "loss_refinement_positive",
        "loss_refinement_negative",
        "loss_mask",
        "loss_class",
    }
    assert all(p.grad is not None for p in model.parameters())


def test_losses_from_masks(model: Network) -> None:
    losses = _step(model, _batch(2, targets=_targets([2, 1])))
    assert losses.keys() == {"loss_mask", "loss_class"}
    assert all(p.grad is None for p in model.selection.parameters())


def test_without_a_segmenter_only_selection_learns(tiny_model: ModelConfig) -> None:
    torch.manual_seed(0)
    alone = Network(replace(tiny_model, segmenter=False), CATEGORIES)
    batch = _batch(2, _bags([2, 1]))
    losses = _step(alone, batch)
    assert losses.keys() == {
        "loss_selection",
        "loss_refinement_positive",
        "loss_refinement_negative",
    }
    assert alone.eval().select(batch).index.shape == (3,)
    with pytest.raises(ValueError, match=r"model\.segmenter false"):
        alone.segment(batch.images, batch.image_sizes, batch.original_sizes)
    with pytest.raises(ValueError, match=r"model\.segmenter false"):
        alone(_batch(1, targets=_targets([1])))


def test_total_is_the_sum_of_the_losses(model: Network) -> None:
    output = model.train()(_batch(1, _bags([2])), torch.Generator().manual_seed(0))
    assert output.total.item() == pytest.approx(sum(v.item() for v in output.losses.values()))


def test_neither_bags_nor_targets(model: Network) -> None:
    with pytest.raises(ValueError, match="expected a batch with bags or targets, found neither"):
        model(_batch(1))
    with pytest.raises(ValueError, match="expected a batch with bags, found none"):
        model.select(_batch(1, targets=_targets([1])))


@pytest.mark.parametrize(
    ("counts", "k"),
    [([0, 2], 4), ([1], 4), ([2], 1), ([0], 4), ([0, 0], 1), ([200], 3)],
    ids=["an empty image", "one object", "one proposal", "no object", "none at all", "200 objects"],
)
@pytest.mark.parametrize("method", ["sapnet+", "paper"])
def test_unusual_batches_train_and_select(
    model: Network, tiny_model: ModelConfig, counts: list[int], k: int, method: str
) -> None:
    if method == "paper":
        selection = replace(paper_selection(), hidden_channels=32)
        model = Network(replace(tiny_model, selection=selection), CATEGORIES)
    batch = _batch(len(counts), _bags(counts, k))
    losses = _step(model, batch)
    if sum(counts) == 0:
        assert losses["loss_selection"].item() == losses["loss_mask"].item() == 0
    chosen = model.eval().select(batch)
    assert chosen.index.shape == (sum(counts),)
    assert not chosen.losses
    assert ((chosen.index >= 0) & (chosen.index < k)).all()


@pytest.mark.parametrize("counts", [[0, 2], [0, 0], [200]])
def test_unusual_masks_train(model: Network, counts: list[int]) -> None:
    _step(model, _batch(len(counts), targets=_targets(counts)))


def test_every_size_of_bag_in_one_batch(model: Network) -> None:
    bags = _bags([2, 1], 4)
    valid = torch.tensor([[True] * 4, [True, False, False, False], [True, True, False, False]])
    batch = _batch(2, replace(bags, valid=valid))
    _step(model, batch)
    chosen = model.eval().select(batch)
    assert valid.gather(1, chosen.index[:, None]).all()


def test_losses_are_float32_under_autocast(model: Network) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        losses = _step(model, _batch(2, _bags([2, 1])))
    assert {loss.dtype for loss in losses.values()} == {torch.float32}


def test_multi_mask_switch_changes_what_is_learned_from(tiny_model: ModelConfig) -> None:
    batch = _batch(1, _bags([3]))

    def mask_loss(multi_mask: MultiMaskConfig) -> float:
        selection = replace(tiny_model.selection, multi_mask=multi_mask)
        torch.manual_seed(0)
        return _step(Network(replace(tiny_model, selection=selection), CATEGORIES), batch)[
            "loss_mask"
        ].item()

    off, on = mask_loss(MultiMaskConfig(enabled=False)), mask_loss(MultiMaskConfig(enabled=True))
    half, none = mask_loss(MultiMaskConfig(weight=0.125)), mask_loss(MultiMaskConfig(weight=0.0))
    assert none == pytest.approx(off)
    assert on > off  # Dice is at most 1 and positive: the runners-up only add
    assert half - off == pytest.approx((on - off) / 2, rel=1e-4)


def test_the_segmenter_learns_nothing_through_the_choice(model: Network) -> None:
    output = model.train()(_batch(1, _bags([2])), torch.Generator().manual_seed(0))
    assert output.selection is not None
    assert not output.selection.index.requires_grad
    assert not output.selection.boxes.requires_grad


def test_random_negatives_follow_the_generator(model: Network) -> None:
    batch = _batch(1, _bags([2]))
    model.eval()  # no batch statistics
    model.selection.train()

    def loss(seed: int) -> float:
        output = model(batch, torch.Generator().manual_seed(seed))
        return output.losses["loss_refinement_negative"].item()

    assert loss(0) == loss(0)
    assert loss(0) != loss(1)


def test_saved_and_loaded_again(
    model: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(
        model.settings, weights="imagenet", selection=SelectionConfig(hidden_channels=32, top_k=2)
    )
    saved = Network(settings, CATEGORIES).eval()
    saved.save_pretrained(tmp_path)
    assert {"config.json", "model.safetensors"} <= {path.name for path in tmp_path.iterdir()}

    original = timm.create_model

    def without_weights(*args: object, **kwargs: object) -> torch.nn.Module:
        assert not kwargs.get("pretrained"), "loading a trained network asked for weights"
        created: torch.nn.Module = original(*args, **kwargs)
        return created

    monkeypatch.setattr(timm, "create_model", without_weights)
    loaded = Network.from_pretrained(str(tmp_path)).eval()
    assert loaded.settings == settings
    assert loaded.categories == CATEGORIES
    theirs = loaded.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in saved.state_dict().items())
    images = _batch(1).images
    for ours, same in zip(saved.features(images), loaded.features(images), strict=True):
        assert torch.equal(ours, same)


def test_saved_settings_are_plain_json(model: Network, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["settings"]["backbone"] == "test_resnet"
    assert content["categories"][1] == {"category_id": 7, "name": "cat"}


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(Exception, match="backbones"):
        Network({"backbones": "resnet50"}, CATEGORIES)


def test_without_categories(tiny_model: ModelConfig) -> None:
    with pytest.raises(ValueError, match="expected at least one category, found none"):
        Network(tiny_model, ())


def test_built_model_starts_from_the_file(tiny_model: ModelConfig, tmp_path: Path) -> None:
    whole = timm.create_model("test_resnet")
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    model = build_model(replace(tiny_model, weights=str(tmp_path / "weights.pth")), CATEGORIES)
    theirs = whole.state_dict()["conv1.0.weight"]
    assert torch.equal(model.state_dict()["backbone.body.conv1.0.weight"], theirs)


def test_features_have_strides_4_to_64(model: Network) -> None:
    shapes = [tuple(f.shape) for f in model.eval().features(_batch(2).images)]
    assert shapes == [(2, 16, side, side) for side in (16, 8, 4, 2, 1)]


def test_weights_have_the_mode_of_any_new_file(tiny_model: ModelConfig, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        Network(tiny_model, (Category(1, "cup"),)).save_pretrained(tmp_path / "run")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "run").iterdir()}
    assert modes["model.safetensors"] == modes["config.json"] == 0o644

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sapnet.backbones.weights import FoundWeights
from sapnet.network import start
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network, build_model
from sapnet.network.start import (
    CLASS_OUTPUTS,
    load_start,
    misfits,
    network_of,
    save_start,
    settle_start,
)
from sapnet.recipes.load import load_recipe
from sapnet.structures.clicks import Category
from sapnet.system.from_json import dataclass_from_json

CATEGORIES = (Category(1, "cat"), Category(2, "dog"))


@pytest.fixture
def open_model(tiny_model: ModelConfig) -> ModelConfig:
    """The tiny network with its start left open."""
    return replace(tiny_model, weights="available")


@pytest.fixture
def embedded(tiny_model: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    """A network whose weights are the embedded ones."""
    torch.manual_seed(0)
    network = Network(tiny_model, (Category(1, "object"),))
    path = tmp_path / "embedded.safetensors"
    save_start(path, network.state_dict(), tiny_model, {"licence": "none"})
    monkeypatch.setattr(start, "EMBEDDED", path)
    return network


@pytest.fixture
def no_imagenet(monkeypatch: pytest.MonkeyPatch) -> None:
    found = FoundWeights("from the hub", is_at_hand=False)
    monkeypatch.setattr(start, "find_imagenet_weights", lambda _: found)


def test_a_network_that_fits_starts_from_the_embedded_one(
    embedded: Network, open_model: ModelConfig
) -> None:
    settled, line = settle_start(open_model)
    assert settled.start == "embedded"
    assert line.startswith("start: the embedded segmenter")
    assert settled.keeps_norms
    assert settled.num_frozen_stages == 1
    torch.manual_seed(1)
    ours, theirs = build_model(settled, CATEGORIES).state_dict(), embedded.state_dict()
    for name, value in ours.items():
        if not name.startswith(("selection.", CLASS_OUTPUTS)):
            torch.testing.assert_close(value, theirs[name], rtol=1e-3, atol=1e-6)
    torch.manual_seed(1)
    fresh = Network(settled, CATEGORIES).state_dict()
    assert all(torch.equal(v, ours[n]) for n, v in fresh.items() if n.startswith("selection."))


@pytest.mark.usefixtures("embedded")
def test_each_class_begins_with_its_share_of_the_score_of_an_object(
    embedded: Network, open_model: ModelConfig
) -> None:
    with torch.no_grad():
        embedded.state_dict()[CLASS_OUTPUTS + "bias"].fill_(1.5)
    save_start(start.EMBEDDED, embedded.state_dict(), open_model, {})
    theirs = embedded.state_dict()
    for categories, bias in ((CATEGORIES[:1], 1.5), (CATEGORIES, 1.5 - log(2))):
        ours = build_model(settle_start(open_model)[0], categories).state_dict()
        assert ours[CLASS_OUTPUTS + "bias"].tolist() == pytest.approx([bias] * len(categories))
        for row in ours[CLASS_OUTPUTS + "weight"]:
            torch.testing.assert_close(
                row, theirs[CLASS_OUTPUTS + "weight"][0], rtol=1e-3, atol=1e-6
            )


def test_a_file_without_class_outputs_leaves_them_new(
    embedded: Network, open_model: ModelConfig
) -> None:
    state = {n: v for n, v in embedded.state_dict().items() if not n.startswith(CLASS_OUTPUTS)}
    save_start(start.EMBEDDED, state, open_model, {})
    settled, _ = settle_start(open_model)
    torch.manual_seed(2)
    ours = build_model(settled, CATEGORIES).state_dict()
    torch.manual_seed(2)
    fresh = Network(settled, CATEGORIES).state_dict()
    name = CLASS_OUTPUTS + "weight"
    assert torch.equal(ours[name], fresh[name])


def test_a_file_of_several_classes_is_refused(
    embedded: Network, open_model: ModelConfig, tmp_path: Path
) -> None:
    state = Network(open_model, CATEGORIES).state_dict()
    path = save_start(tmp_path / "two.safetensors", state, open_model, {})
    with pytest.raises(ValueError, match=r"expected .*class_output.* of one class, found 2"):
        load_start(embedded, open_model, path)


def test_without_a_segmenter_backbone_and_pyramid_count(
    embedded: Network, open_model: ModelConfig
) -> None:
    wide = replace(open_model.segmentation, channels=32)
    assert (
        settle_start(replace(open_model, segmentation=wide, segmenter=False))[0].start is not None
    )
    cfg = replace(open_model, start="embedded", segmenter=False)
    model = build_model(cfg, CATEGORIES)
    name = "fpn.inner_blocks.0.0.weight"
    torch.testing.assert_close(
        model.state_dict()[name], embedded.state_dict()[name], rtol=1e-3, atol=1e-6
    )


@pytest.mark.usefixtures("embedded", "no_imagenet")
def test_another_network_is_refused_or_starts_otherwise(open_model: ModelConfig) -> None:
    other = replace(open_model, fpn_channels=32)
    settled, line = settle_start(other)
    assert (settled.start, settled.weights) == (None, "none")
    assert (
        line == "start: random weights, as no ImageNet weights of test_resnet are on this machine"
    )
    with pytest.raises(ValueError, match=r"--model.fpn_channels 16, found 32.*small_images_cpu"):
        settle_start(replace(other, start="embedded"))


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("weights", ["none", "a.pth"])
def test_asked_for_weights_are_taken(tiny_model: ModelConfig, weights: str) -> None:
    cfg = replace(tiny_model, weights=weights)
    assert settle_start(cfg) == (cfg, "")


@pytest.mark.usefixtures("embedded")
def test_an_asked_for_start_is_taken(open_model: ModelConfig) -> None:
    settled, line = settle_start(replace(open_model, start="none"))
    assert (settled.start, line) == ("none", "")
    assert not settled.has_weights
    assert settled.backbone_config.weights == "none"
    settled, line = settle_start(replace(open_model, start="imagenet"))
    assert settled.backbone_config.weights == "imagenet"
    assert line.startswith("start: ImageNet weights of test_resnet, ")


@pytest.mark.usefixtures("embedded")
def test_the_settings_of_the_paper_keep_imagenet() -> None:
    settled, line = settle_start(ModelConfig())
    assert settled == ModelConfig()
    assert line.startswith("start: ImageNet weights of resnet50, ")


def test_available_weights_are_taken(
    open_model: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "EMBEDDED", tmp_path / "absent")
    found = FoundWeights("of the hub's cache", is_at_hand=True)
    monkeypatch.setattr(start, "find_imagenet_weights", lambda _: found)
    settled, line = settle_start(open_model)
    assert settled.weights == "imagenet"
    assert line == "start: ImageNet weights of test_resnet, of the hub's cache"
    with pytest.raises(FileNotFoundError, match="the embedded segmenter is missing"):
        settle_start(replace(open_model, start="embedded"))


def test_a_start_and_a_file_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="expected one of them, found both"):
        ModelConfig(start="embedded", weights="a.pth")


def test_files_that_do_not_fit(embedded: Network, tiny_model: ModelConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a network with --model.fpn_channels 16"):
        load_start(embedded, replace(tiny_model, fpn_channels=8), start.EMBEDDED)
    weights = load_file(start.EMBEDDED)
    name, value = weights.popitem()
    save_file(
        {**weights, "other": value}, tmp_path / "a", metadata=start.start_metadata(start.EMBEDDED)
    )
    with pytest.raises(ValueError, match="found 1 missing and 1 unknown") as caught:
        load_start(embedded, tiny_model, tmp_path / "a")
    assert name in str(caught.value)
    save_file(weights, tmp_path / "b")
    with pytest.raises(ValueError, match=r"expected weights to start from .*found null"):
        network_of(tmp_path / "b")


def test_the_recipe_for_a_cpu_is_the_embedded_network() -> None:
    if not start.EMBEDDED.is_file():
        pytest.skip("the embedded segmenter is not in this checkout")
    cfg = dataclass_from_json(load_recipe("small_images_cpu")["model"], ModelConfig)
    assert misfits(cfg, network_of(start.EMBEDDED)) == []
    assert settle_start(cfg)[0].start == "embedded"
    assert start.EMBEDDED.stat().st_size <= 12e6
    about = start.start_metadata(start.EMBEDDED)
    assert {"command", "data", "licence", "training"} <= about.keys()
    network = build_model(replace(cfg, start="embedded"), CATEGORIES)
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())

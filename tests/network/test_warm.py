"""A network begins with the weights of an older one: class by class, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.network.warm import as_in_run, build_from_run, take_over
from sapnet.segmentation.others.classes import layout_of
from sapnet.segmentation.others.config import OtherSegmenterConfig
from sapnet.structures.clicks import Category

CAT, DOG, COW = (Category(number, name) for number, name in enumerate(("cat", "dog", "cow"), 1))


def test_classes_keep_their_weights_by_name(tiny_model: ModelConfig, tmp_path: Path) -> None:
    torch.manual_seed(0)
    older = Network(tiny_model, (CAT, DOG))
    older.save_pretrained(tmp_path / "run")
    torch.manual_seed(1)
    fresh = Network(tiny_model, (COW, Category(7, "dog"))).state_dict()
    torch.manual_seed(1)
    network, warm = build_from_run(tiny_model, (COW, Category(7, "dog")), tmp_path / "run")
    assert (warm.kept, warm.new, warm.left) == (("dog",), ("cow",), ("cat",))
    assert warm.line("run") == (
        "start: the weights of run with 1 of its classes; 1 new: cow; 1 left out: cat"
    )
    theirs, by_class = older.state_dict(), 0
    for key, value in network.state_dict().items():
        if layout_of(key) is not None:
            by_class += 1
            assert torch.equal(value[1], theirs[key][1])  # dog
            assert torch.equal(value[0], fresh[key][0])  # cow: as without a warm start
        else:
            assert torch.equal(value, theirs[key]), key
    assert by_class == 10  # weight and bias of two layers a stage, and of the segmenter's one


def test_the_same_classes_give_the_same_network(tiny_model: ModelConfig) -> None:
    older, network = Network(tiny_model, (CAT, DOG)), Network(tiny_model, (CAT, DOG))
    take_over(network, older, "run")
    theirs = older.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in network.state_dict().items())


def test_other_networks_and_other_classes_are_refused(tiny_model: ModelConfig) -> None:
    older = Network(tiny_model, (CAT, DOG))
    with pytest.raises(ValueError, match=r"--from run: expected a run with at least one.*cow.*dog"):
        take_over(Network(tiny_model, (COW,)), older, "run")
    wider = replace(tiny_model, fpn_channels=2 * tiny_model.fpn_channels)
    with pytest.raises(ValueError, match=r"--from run: expected the same network.*--model"):
        take_over(Network(wider, (CAT,)), older, "run")
    alone = replace(tiny_model, segmenter=False)
    with pytest.raises(ValueError, match="found nothing for segmentation"):
        take_over(Network(tiny_model, (CAT,)), Network(alone, (CAT,)), "run")


def test_another_segmenter_keeps_the_architecture_of_its_run(
    tiny_model: ModelConfig, tmp_path: Path
) -> None:
    architecture = {"anchors": [8, 16, 32, 64, 128]}
    known = replace(tiny_model, other=OtherSegmenterConfig("mask-rcnn", None, architecture))
    older = Network(known, (CAT, DOG))
    older.save_pretrained(tmp_path / "run")
    settings = replace(tiny_model, other=OtherSegmenterConfig("mask-rcnn"))
    settings = as_in_run(settings, tmp_path / "run")
    assert settings.other == known.other
    network, warm = build_from_run(settings, (DOG, COW), tmp_path / "run")
    assert (warm.kept, warm.new) == (("dog",), ("cow",))
    ours, theirs = network.state_dict(), older.state_dict()
    scores = "other.model.roi_heads.box_predictor.cls_score.weight"
    assert torch.equal(ours[scores][:2], theirs[scores][[0, 2]])  # background, dog
    Network(tiny_model, (CAT,)).save_pretrained(tmp_path / "solov2")
    with pytest.raises(ValueError, match="expected a run with --segmenter mask-rcnn, found solov2"):
        as_in_run(settings, tmp_path / "solov2")
    assert as_in_run(tiny_model, tmp_path / "run") == tiny_model

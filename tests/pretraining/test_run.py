from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from sapnet.network.loading import load_model
from sapnet.network.start import CLASS_OUTPUTS, load_start, network_of, start_metadata
from sapnet.pretraining.config import PretrainInputs, SourceConfig
from sapnet.pretraining.run import pretrain

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig
    from tests.conftest import TinySet


def test_from_marked_sets_to_a_file_to_start_from(
    tiny_set: TinySet, tiny_model: ModelConfig, tiny_training: TrainConfig, tmp_path: Path
) -> None:
    sources = (
        SourceConfig(tiny_set.images, tiny_set.truth, repeats=2),
        SourceConfig(tiny_set.images, tiny_set.truth, limit=1),
    )
    inputs = PretrainInputs(
        sources, tmp_path / "a.safetensors", tmp_path / "run", "mine", "sapnet pretrain"
    )
    cfg = replace(tiny_training, epochs=1)
    summary = pretrain(inputs, tiny_model, cfg)

    images = json.loads((tmp_path / "run" / "objects.json").read_text())["images"]
    assert summary.num_images == len(images)
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["train"]["supervision"] == "masks"
    about = start_metadata(inputs.out)
    assert about["licence"] == "mine"
    assert [entry["repeats"] for entry in json.loads(about["data"])] == [2, 1]
    assert network_of(inputs.out)["backbone"] == "test_resnet"

    trained = load_model(tmp_path / "run", "cpu")
    assert [category.name for category in trained.categories] == ["object"]
    other = type(trained)(tiny_model, (*trained.categories, *trained.categories))
    load_start(other, tiny_model, inputs.out)
    kept = load_file(inputs.out)
    assert not [name for name in kept if name.startswith("selection")]
    assert len(kept[CLASS_OUTPUTS + "weight"]) == 1
    for name, value in trained.state_dict().items():
        if name in kept and not name.startswith(CLASS_OUTPUTS):
            torch.testing.assert_close(other.state_dict()[name], value, rtol=1e-3, atol=1e-6)

    inputs.out.unlink()
    pretrain(inputs, tiny_model, cfg)  # finished: nothing is trained again
    again = load_file(inputs.out)
    assert again.keys() == kept.keys()
    assert all(torch.equal(again[name], value) for name, value in kept.items())


def test_without_a_segmenter_there_is_nothing_to_pretrain(
    tiny_set: TinySet, tiny_model: ModelConfig, tiny_training: TrainConfig, tmp_path: Path
) -> None:
    inputs = PretrainInputs(
        (SourceConfig(tiny_set.images, tiny_set.truth),), tmp_path / "a", tmp_path / "run"
    )
    with pytest.raises(ValueError, match="expected a segmenter"):
        pretrain(inputs, replace(tiny_model, segmenter=False), tiny_training)

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from sapnet.system.from_json import dataclass_from_json
from sapnet.training.config import OptimizerConfig, TrainConfig


def test_a_dataclass_survives_json() -> None:
    cfg = TrainConfig(epochs=7, optimizer=OptimizerConfig(name="adamw", steps=(3, 5)))
    assert dataclass_from_json(json.loads(json.dumps(asdict(cfg))), TrainConfig) == cfg


def test_values_are_checked() -> None:
    values = {**asdict(TrainConfig()), "epochs": 0}
    with pytest.raises(ValueError, match="epochs: expected at least 1"):
        dataclass_from_json(values, TrainConfig)
    assert replace(TrainConfig(), epochs=1) == dataclass_from_json({"epochs": 1}, TrainConfig)

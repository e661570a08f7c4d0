"""What is left open is fitted, what is given stays, and a run goes on with what it began with."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.segmentation.config import PUBLISHED_GRIDS, PUBLISHED_RANGES
from sapnet.selection.config import ConsensusConfig, PositivesConfig
from sapnet.training.config import OptimizerConfig, TrainConfig
from sapnet.training.defaults import (
    PRIOR_POWERS,
    ChosenSettings,
    choose_settings,
    settings_as_before,
)
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train
from sapnet.training.training_set import TrainingSet, open_training_set

if TYPE_CHECKING:
    from tests.conftest import TinySet

SHRUNK = ((1, 32), (16, 64), (32, 128), (64, 256), (128, 2048))
"""What fits the tiny set: its objects are far below 128 px, a third of 384."""

GRIDS = (8, 7, 5, 3, 2)
"""The published ones divided by 5: the features of 64 px have 8 cells where 40 are published."""


@pytest.fixture
def open_model(tiny_model: ModelConfig) -> ModelConfig:
    """The tiny network with open grids and ranges."""
    segmentation = replace(tiny_model.segmentation, num_grids=None, scale_ranges=None)
    return replace(with_prior(tiny_model, 0.0), segmentation=segmentation)


@pytest.fixture
def open_training(tiny_training: TrainConfig) -> TrainConfig:
    return replace(tiny_training, optimizer=OptimizerConfig(name="adamw"), relabel=())


@pytest.fixture
def data(tiny_set: TinySet) -> TrainingSet:
    return open_training_set(
        TrainInputs(tiny_set.images, tiny_set.images, proposals=tiny_set.store), TrainConfig()
    )


def with_prior(model: ModelConfig, power: float | None, *, enabled: bool = True) -> ModelConfig:
    consensus = ConsensusConfig(enabled=enabled, prior_power=power)
    return replace(model, selection=replace(model.selection, consensus=consensus))


def with_segmentation(model: ModelConfig, **changes: object) -> ModelConfig:
    return replace(model, segmentation=replace(model.segmentation, **changes))


def test_what_is_open_is_fitted(
    data: TrainingSet, open_model: ModelConfig, open_training: TrainConfig
) -> None:
    chosen = choose_settings(data.source, open_model, open_training)
    assert chosen.model == with_segmentation(open_model, num_grids=GRIDS, scale_ranges=SHRUNK)
    # 1e-4 at 16 images is usual for adamw; two epochs, the rate falls before the last.
    settled = OptimizerConfig(name="adamw", lr=2.5e-5, lr_batch=4, steps=(1,))
    assert chosen.training == replace(open_training, optimizer=settled)
    assert chosen.training.optimizer.rate(4) == open_training.optimizer.rate(4)


def test_each_choice_has_a_line(
    data: TrainingSet, open_model: ModelConfig, open_training: TrainConfig
) -> None:
    heads = [
        line.split(":")[0]
        for line in choose_settings(data.source, open_model, open_training).reasons
    ]
    assert heads == [
        "data",
        "scale ranges [[1, 32], [16, 64], [32, 128], [64, 256], [128, 2048]]",
        "grids [8, 7, 5, 3, 2]",
        "learning rate 2.5e-05 for batches of 4",
        "the rate falls after epochs 1 of 2",
        "hint",
    ]


@pytest.mark.parametrize(
    ("given", "kept", "head"),
    [
        ("num_grids", (9, 8, 7, 6, 5), "grids"),
        ("scale_ranges", PUBLISHED_RANGES, "scale ranges"),
    ],
)
def test_what_is_given_stays(
    data: TrainingSet,
    open_model: ModelConfig,
    open_training: TrainConfig,
    given: str,
    kept: tuple[object, ...],
    head: str,
) -> None:
    chosen = choose_settings(
        data.source, with_segmentation(open_model, **{given: kept}), open_training
    )
    fitted = {"num_grids": GRIDS, "scale_ranges": SHRUNK, given: kept}
    assert chosen.model == with_segmentation(open_model, **fitted)
    assert not any(line.startswith(head) for line in chosen.reasons)


@pytest.mark.parametrize(
    "given",
    [{"lr": 0.5}, {"lr_batch": 7}, {"lr": 0.5, "lr_batch": 7, "steps": (1, 2)}, {"steps": ()}],
)
def test_a_rate_of_which_anything_is_given_stays(
    data: TrainingSet, tiny_model: ModelConfig, tiny_training: TrainConfig, given: dict[str, object]
) -> None:
    optimizer = OptimizerConfig(**given)
    fitted = choose_settings(
        data.source, tiny_model, replace(tiny_training, optimizer=optimizer)
    ).training.optimizer
    assert {name: getattr(fitted, name) for name in given} == given
    assert fitted.rate(4) == optimizer.rate(4)
    assert fitted.falls(2) == optimizer.falls(2)


def test_given_ranges_that_miss_objects_are_told(
    data: TrainingSet, open_model: ModelConfig, open_training: TrainConfig
) -> None:
    wide = with_segmentation(open_model, scale_ranges=((100.0, 200.0),) * 5)
    lines = choose_settings(data.source, wide, open_training).reasons
    assert any("as given: 100.0% of the objects lie in none" in line for line in lines)


def test_selection_alone_needs_no_grids(
    data: TrainingSet, open_model: ModelConfig, open_training: TrainConfig
) -> None:
    alone = replace(open_model, segmenter=False)
    assert choose_settings(data.source, alone, open_training).model == alone


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 150}, None),  # 2 steps an epoch
        ({"epochs": 149}, "hint: 298 steps are few"),
    ],
)
def test_hints(
    data: TrainingSet,
    open_model: ModelConfig,
    open_training: TrainConfig,
    changes: dict[str, object],
    message: str | None,
) -> None:
    lines = choose_settings(data.source, open_model, replace(open_training, **changes)).reasons
    hints = [line for line in lines if line.startswith("hint")]
    assert len(hints) == (message is not None)
    assert message is None or hints[0].startswith(message)


def test_masks_are_fitted_too(
    tiny_set: TinySet, open_model: ModelConfig, open_training: TrainConfig
) -> None:
    cfg = replace(open_training, supervision="masks")
    data = open_training_set(
        TrainInputs(tiny_set.images, tiny_set.images, masks=tiny_set.truth), cfg
    )
    segmentation = choose_settings(data.source, open_model, cfg).model.segmentation
    assert (segmentation.num_grids, segmentation.scale_ranges) == (GRIDS, SHRUNK)


def test_a_resumed_run_takes_what_it_began_with(
    open_model: ModelConfig, open_training: TrainConfig
) -> None:
    stored = {
        "model": {"segmentation": {"num_grids": [7, 6], "scale_ranges": [[1, 2], [2, 3]]}},
        "train": {"optimizer": {"lr": 0.3, "lr_batch": 5, "steps": [1]}},
    }
    cfg = replace(open_training, optimizer=OptimizerConfig(lr=0.2))
    model = with_segmentation(open_model, strides=(8, 8, 16, 32, 32))
    with pytest.raises(ValueError, match="num_grids has 2 levels"):
        settings_as_before(model, cfg, stored)
    stored["model"]["segmentation"] = {"num_grids": [9] * 5, "scale_ranges": [[1, 2]] * 5}
    chosen = settings_as_before(model, cfg, stored)
    assert chosen == ChosenSettings(
        with_segmentation(model, num_grids=(9,) * 5, scale_ranges=((1, 2),) * 5),
        replace(cfg, optimizer=OptimizerConfig(lr=0.2, lr_batch=5, steps=(1,))),
    )


def test_a_run_keeps_the_earlier_scales_of_its_positives() -> None:
    earlier = [*(round(0.01 * n, 6) for n in range(1, 16)), -0.005, -0.01, -0.015, -0.02, -0.025]
    stored = {"selection": {"positives": {"crowded": earlier}}}
    usual = ModelConfig()
    model = settings_as_before(usual, TrainConfig(), {"model": stored}).model
    assert model.selection.positives.crowded == tuple(earlier)
    assert replace(model, selection=usual.selection) == usual
    own = PositivesConfig(lone=(0.1,), crowded=(0.2,))  # asked for: compared, not replaced
    asked = replace(usual, selection=replace(usual.selection, positives=own))
    assert settings_as_before(asked, TrainConfig(), {"model": stored}).model == asked
    now = {"selection": {"positives": {"crowded": list(PositivesConfig().crowded)}}}
    assert settings_as_before(usual, TrainConfig(), {"model": now}).model == usual


# --- runs ---------------------------------------------------------------------------------------


@pytest.fixture
def run(
    tiny_set: TinySet, open_model: ModelConfig, open_training: TrainConfig, tmp_path: Path
) -> Callable[..., object]:
    def start(**given: object) -> object:
        inputs = TrainInputs(tiny_set.images, tmp_path / "run", proposals=tiny_set.store)
        return train(inputs, with_segmentation(open_model, **given), open_training)

    return start


def test_a_run_holds_what_was_chosen_and_goes_on_with_it(
    run: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", logger="sapnet"):
        run()
    assert "grids [8, 7, 5, 3, 2]: no finer than the features" in caplog.text
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["model"]["segmentation"]["num_grids"] == list(GRIDS)
    assert settings["train"]["optimizer"]["lr"] == 2.5e-5
    model = load_model(tmp_path / "run", "cpu")
    assert model.settings.segmentation.num_grids == GRIDS
    assert model.settings.segmentation.scale_ranges == SHRUNK

    def choose_anew(*_: object) -> ChosenSettings:
        raise AssertionError("chosen again")

    monkeypatch.setattr("sapnet.training.run.choose_settings", choose_anew)
    assert run().was_finished
    with pytest.raises(ValueError, match=r"num_grids is .*another --out"):
        run(num_grids=PUBLISHED_GRIDS)


def test_own_scores_count_by_proposer(
    data: TrainingSet, open_model: ModelConfig, open_training: TrainConfig
) -> None:
    def power(proposer: str, given: float | None = None, *, enabled: bool = True) -> float | None:
        source = copy.copy(data.source)
        source.manifest = replace(source.manifest, proposer=proposer)
        model = with_prior(open_model, given, enabled=enabled)
        chosen = choose_settings(source, model, open_training)
        has_line = any(line.startswith("own scores") for line in chosen.reasons)
        assert has_line == (proposer == "click" and given is None and enabled)
        return chosen.model.selection.consensus.prior_power

    assert power("click") == PRIOR_POWERS["click"] > 0
    assert power("simulated") == power("regions") == 0
    assert power("click", 3.0) == 3.0
    assert power("click", enabled=False) is None


def test_a_resumed_run_keeps_prior_and_rounds(
    open_model: ModelConfig, open_training: TrainConfig
) -> None:
    stored = {
        "model": {"selection": {"consensus": {"prior_power": 24.0}}},
        "train": {"relabel": [1]},
    }
    open_model, open_training = with_prior(open_model, None), replace(open_training, relabel=None)
    chosen = settings_as_before(open_model, open_training, stored)
    assert chosen.model.selection.consensus.prior_power == 24.0
    assert chosen.training.relabel == (1,)
    before = settings_as_before(open_model, open_training, {})
    assert before.model.selection.consensus.prior_power is None
    assert before.training.relabel is None


def test_labels_are_chosen_again_at_half_of_the_epochs(
    data: TrainingSet, open_model: ModelConfig, open_training: TrainConfig
) -> None:
    """Two steps an epoch; 150 must come before."""
    for epochs, expected in ((150, (75,)), (149, ()), (201, (100,))):
        cfg = replace(open_training, epochs=epochs, relabel=None)
        chosen = choose_settings(data.source, open_model, cfg)
        assert chosen.training.relabel == expected
        line = f"labels: chosen anew in each step until epoch {epochs // 2 + 1} of {epochs} begins"
        assert any(text.startswith(line) for text in chosen.reasons) == bool(expected)
    given = replace(open_training, epochs=150, relabel=(3, 9))
    assert choose_settings(data.source, open_model, given).training.relabel == (3, 9)


@pytest.mark.parametrize(
    ("stored", "given", "wanted"),
    [
        ({"weights": "available", "start": "embedded"}, {"weights": "available"}, "embedded"),
        ({"weights": "imagenet", "start": None}, {"weights": "available"}, "imagenet"),
        ({"weights": "none"}, {"weights": "available"}, "none"),  # before there was a start
        ({"weights": "imagenet", "start": "embedded"}, {"start": "none"}, "none"),
        ({"weights": "none", "start": "embedded"}, {"weights": "a.pth"}, "a.pth"),
    ],
)
def test_a_resumed_run_keeps_its_start(
    open_model: ModelConfig,
    open_training: TrainConfig,
    stored: dict[str, Any],
    given: dict[str, Any],
    wanted: str,
) -> None:
    model = replace(open_model, **given)
    assert (
        settings_as_before(model, open_training, {"model": stored}).model.initial_weights == wanted
    )

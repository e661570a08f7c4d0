"""Training on images that are complete, partial, or have regions to ignore."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from sapnet.data.coverage.stored import coverage_text
from sapnet.geometry.rle import to_rle
from sapnet.network.config import ModelConfig
from sapnet.store.layout import COVERAGE_NAME
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Coverage, IgnoredRegion
from sapnet.training import module
from sapnet.training.config import TrainConfig
from sapnet.training.inputs import TrainInputs
from sapnet.training.loop import average
from sapnet.training.run import train

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sapnet.structures.batch import Batch
    from sapnet.structures.seen import SeenObjects
    from tests.conftest import TinySet

Weights = dict[str, torch.Tensor]


class Trial:
    """Trains on the tiny set with marks of its images."""

    def __init__(self, data: TinySet, settings: ModelConfig, cfg: TrainConfig, out: Path) -> None:
        self.data, self.settings, self.out = data, settings, out
        self.cfg = replace(cfg, relabel=())
        self.store = out / "store"
        shutil.copytree(data.store, self.store)

    def mark(self, coverage: Mapping[int, Coverage]) -> None:
        (self.store / COVERAGE_NAME).write_bytes(coverage_text(coverage))

    def run(self, name: str, cfg: TrainConfig | None = None) -> Weights:
        inputs = TrainInputs(images=self.data.images, out=self.out / name, proposals=self.store)
        train(inputs, self.settings, cfg or self.cfg)
        found: Weights = load_file(self.out / name / "model.safetensors")
        return found

    def image_ids(self) -> list[int]:
        ids: list[int] = ProposalStore(self.store).image_ids.tolist()
        return ids


@pytest.fixture
def trial(
    tiny_set: TinySet, tiny_model: ModelConfig, tiny_training: TrainConfig, tmp_path: Path
) -> Trial:
    return Trial(tiny_set, tiny_model, tiny_training, tmp_path)


def same(first: Weights, second: Weights) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_images_marked_complete_train_as_unmarked_ones_do(trial: Trial) -> None:
    before = trial.run("unmarked")
    trial.mark({image_id: Coverage(()) for image_id in trial.image_ids()})
    assert same(trial.run("complete"), before)
    assert same(trial.run("told", replace(trial.cfg, unmarked="partial")), before)


def test_partial_images_train_otherwise_and_resume_exactly(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The running average sees objects, is kept in the checkpoint, and needs no mark to be told."""
    monkeypatch.setattr(average, "LEAST_SCORE", 0.005)  # a network of two epochs is sure of nothing
    numbers = []
    look = average.RunningAverage.look

    def counted(self: average.RunningAverage, batch: Batch) -> SeenObjects | None:
        seen = look(self, batch)
        numbers.append(0 if seen is None else len(seen))
        return seen

    monkeypatch.setattr(average.RunningAverage, "look", counted)
    told = replace(trial.cfg, unmarked="partial")
    whole = trial.run("whole", told)
    assert sum(numbers) > 0
    assert not same(whole, trial.run("complete"))
    step, steps = module.TrainingModule.training_step, []

    def killed(self: module.TrainingModule, batch: Batch, batch_idx: int) -> torch.Tensor:
        steps.append(batch_idx)
        if self.current_epoch == 1 and batch_idx == 0 and len(steps) > 1:
            raise KeyboardInterrupt
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(module.TrainingModule, "training_step", killed)
        with pytest.raises(BaseException):  # noqa: B017, PT011  # Lightning's own, by its version
            trial.run("stopped", told)
    assert same(trial.run("stopped", told), whole)


def test_regions_to_ignore_change_the_training(trial: Trial) -> None:
    store = ProposalStore(trial.store)
    category_id = store.categories[0].category_id
    before = trial.run("without")
    marks = {}
    for image in store.images:
        corner = [
            [0, 0, image.width / 2, 0, image.width / 2, image.height / 2, 0, image.height / 2]
        ]
        region = IgnoredRegion(category_id, to_rle(corner, image.height, image.width))
        marks[image.image_id] = Coverage(None, (region,))
    trial.mark(marks)
    assert not same(trial.run("with"), before)

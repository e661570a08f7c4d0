"""Labels of a round are those of `label`, reach every object, and survive a stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.loader import build_loader
from sapnet.labelling.choosing import choose_labels
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network, evaluating
from sapnet.store.reader import ProposalStore
from sapnet.training import module
from sapnet.training.config import TrainConfig
from sapnet.training.defaults import usual_rounds
from sapnet.training.inputs import TrainInputs
from sapnet.training.rounds.choosing import choose_again
from sapnet.training.rounds.table import LabelTable, due_round
from sapnet.training.run import train
from sapnet.training.run_folder import CHECKPOINT

if TYPE_CHECKING:
    from tests.conftest import TinySet


def test_look_up() -> None:
    table = LabelTable(3, torch.tensor([2, 5, 9]), torch.tensor([1, 0, 4]))
    assert table.look_up(torch.tensor([9, 3, 2, 11, 1])).tolist() == [4, -1, 1, -1, -1]
    assert table.look_up(torch.zeros(0, dtype=torch.int64)).shape == (0,)
    empty = torch.zeros(0, dtype=torch.int64)
    assert LabelTable(3, empty, empty).look_up(torch.tensor([4])).tolist() == [-1]
    again = LabelTable(**table.state())
    assert again.epoch == 3
    assert torch.equal(again.index, table.index)


def test_due_round() -> None:
    assert [due_round((2, 5), epoch) for epoch in range(7)] == [None, None, 2, 2, 2, 5, 5]
    assert due_round((), 3) is None


def test_a_round_chooses_what_label_chooses(tiny_set: TinySet, tiny_model: ModelConfig) -> None:
    torch.manual_seed(0)
    store = ProposalStore(tiny_set.store)
    categories = tuple(sorted(store.categories, key=lambda c: c.category_id))
    network = Network(tiny_model, categories).train()
    dataset = ClickDataset(
        tiny_set.images, store, DatasetConfig(augment=tiny_model.augment), train=False
    )
    # Twice each image, as ranks whose shares are filled up repeat some.
    batches = [batch for _ in range(2) for batch in build_loader(dataset, 3)]
    table = choose_again(network, batches, store, epoch=4)
    assert network.training
    assert table.epoch == 4
    assert len(table.annotation_ids) == int(store.num_objects_of_image.sum())
    with evaluating(network):
        for batch in batches:
            labels, _ = choose_labels(network, batch, store)
            found = table.look_up(batch.bags.annotation_ids)
            assert found.tolist() == [label.index for label in labels]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (6,)),
        ({"epochs": 13}, (6,)),
        ({"supervision": "masks"}, ()),
        ({"supervision": "top1"}, ()),
        ({"batch_size": 8}, ()),  # 78 steps before it
    ],
)
def test_usual_rounds(
    tiny_model: ModelConfig, changes: dict[str, object], expected: tuple[int, ...]
) -> None:
    cfg = replace(TrainConfig(epochs=12, batch_size=4), **changes)  # type: ignore[arg-type]
    assert usual_rounds(100, tiny_model, cfg) == expected


def test_usual_rounds_need_votes(tiny_model: ModelConfig) -> None:
    cfg = TrainConfig(epochs=12)
    assert usual_rounds(100, replace(tiny_model, segmenter=False), cfg) == ()
    paper = replace(tiny_model.selection.consensus, enabled=False)
    selection = replace(tiny_model.selection, consensus=paper)
    assert usual_rounds(100, replace(tiny_model, selection=selection), cfg) == ()


def test_rounds_that_cannot_be_are_refused(tmp_path: Path, tiny_model: ModelConfig) -> None:
    for rounds in ((0,), (12,)):
        with pytest.raises(ValueError, match="epochs from 1 to 11"):
            TrainConfig(epochs=12, relabel=rounds)
    inputs = TrainInputs(tmp_path, tmp_path, masks=tmp_path / "masks.json")
    with pytest.raises(ValueError, match="--relabel"):
        inputs.check_supervision(TrainConfig(supervision="masks", relabel=(3,)), tiny_model)


@pytest.mark.parametrize("stop", [4, 6])
def test_an_interrupted_round_goes_on_exactly(
    tiny_set: TinySet,
    tiny_model: ModelConfig,
    tiny_training: TrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: int,
) -> None:
    """Four steps an epoch; labels are chosen again before step 4, and lie in later checkpoints."""
    cfg = replace(tiny_training, batch_size=2, relabel=(1,), checkpoint_minutes=1e-6)

    def run(name: str) -> dict[str, torch.Tensor]:
        inputs = TrainInputs(tiny_set.images, tmp_path / name, proposals=tiny_set.store)
        train(inputs, tiny_model, cfg)
        return load_file(tmp_path / name / "model.safetensors")

    whole = run("whole")
    rounds: list[int] = []
    log = module.log_losses

    def count(*args: object) -> LabelTable:
        rounds.append(1)
        return choose_again(*args)  # type: ignore[arg-type]

    def interrupt(training: module.TrainingModule, *args: object) -> None:
        if training.global_step == stop:
            raise KeyboardInterrupt
        log(training, *args)  # type: ignore[arg-type]

    monkeypatch.setattr("sapnet.training.run.choose_again", count)
    with monkeypatch.context() as patch:
        patch.setattr("sapnet.training.module.log_losses", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run("stopped")
    state = torch.load(tmp_path / "stopped" / CHECKPOINT, weights_only=True)
    assert ("labels" in state) == (stop == 6)
    found = run("stopped")
    assert [name for name in whole if not torch.equal(whole[name], found[name])] == []
    assert len(rounds) == (2 if stop == 4 else 1)

"""Labels of a round are those of `label`, reach every object, and survive a stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.loader import build_loader
from sapnet.labelling.choosing import choose_labels
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network, evaluating
from sapnet.store.reader import ProposalStore
from sapnet.training.config import TrainConfig
from sapnet.training.defaults import usual_rounds
from sapnet.training.inputs import TrainInputs
from sapnet.training.rounds.choosing import choose_again
from sapnet.training.rounds.table import LabelTable, due_round

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

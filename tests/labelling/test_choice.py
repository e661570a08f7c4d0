from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from sapnet.batches.collate import collate
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.labelling.choice import ChosenLabel, chosen_labels, with_overlaps
from sapnet.labelling.choosing import stored_objects
from sapnet.store.describe import describe_objects
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Click
from sapnet.structures.outputs import Predictions
from sapnet.structures.proposals import Proposals

if TYPE_CHECKING:
    from tests.conftest import TinySet

SIZE = (6, 8)


def columns(first: int, last: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[:, first:last] = True
    return mask


def label_of(masks: list[np.ndarray], x: float, category: int) -> ChosenLabel:
    rles = encode_masks(np.stack(masks))
    bag = Proposals(rles, rle_boxes(rles), np.ones(len(rles), np.float32), ("point",) * len(rles))
    (stored,) = describe_objects([Click(1, 5, 7, ((x, 0.5),))], [bag], SIZE)
    return ChosenLabel(stored, 0, 0, category)


def test_overlaps_are_with_the_instances_of_the_category() -> None:
    masks = torch.from_numpy(np.stack([columns(0, 4), columns(0, 2), columns(2, 4)]))
    instances = Predictions(masks, torch.tensor([0, 1, 0]), torch.tensor([0.5, 0.9, 0.25]))
    labels = [label_of([columns(0, 2), columns(0, 4)], 0.5, 0), label_of([columns(4, 8)], 8.0, 1)]
    first, second = (label.overlap for label in with_overlaps(labels, [instances]))
    assert first is not None
    assert second is not None
    assert first.ious.tolist() == [[0.5, 0], [1, 0.5]]
    assert first.scores.tolist() == [0.5, 0.25]
    assert first.covers_click.tolist() == [True, False]
    assert second.ious.tolist() == [[0]]
    assert second.covers_click.tolist() == [False]


def test_objects_of_a_batch_come_from_its_images(tiny_set: TinySet) -> None:
    store = ProposalStore(tiny_set.store)
    dataset = ClickDataset(tiny_set.images, store, DatasetConfig(), train=False)
    batch = collate([dataset[2], dataset[0]])
    assert batch.bags is not None
    objects = stored_objects(batch, store)
    ids = batch.bags.annotation_ids.tolist()
    assert set(ids) <= objects.keys()
    index = torch.zeros(len(ids), dtype=torch.int64)
    labels = chosen_labels(batch.bags, index, objects)
    assert [label.stored.click.annotation_id for label in labels] == ids
    assert [label.image_index for label in labels] == batch.bags.image_index.tolist()
    first = store.find(ids[0])
    assert labels[0].rle == first.proposals.rles[0]

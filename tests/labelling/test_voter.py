from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from sapnet.cli import main
from sapnet.commands.command import FAILURE, SUCCESS, WRONG_USE
from sapnet.data.coco import load_instances
from sapnet.geometry.rle import decode_masks
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label
from sapnet.labelling.voter import Voter
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.segmentation.others.config import OtherSegmenterConfig
from sapnet.store.reader import ProposalStore
from sapnet.structures.batch import Batch
from sapnet.structures.clicks import Category
from sapnet.structures.outputs import Predictions

if TYPE_CHECKING:
    from tests.conftest import TinySet


@pytest.fixture(scope="module")
def model(tiny_model: ModelConfig, tiny_set: TinySet) -> Network:
    torch.manual_seed(0)
    return Network(tiny_model, categories_of(tiny_set))


def categories_of(tiny_set: TinySet) -> tuple[Category, ...]:
    found = ProposalStore(tiny_set.store).categories
    return tuple(sorted(found, key=lambda category: category.category_id))


class Oracle(Network):
    """A segmenter that sees the true masks; its categories lie in another order."""

    truth: dict[bytes, tuple[np.ndarray, list[str]]]

    def segment(
        self, images: torch.Tensor, image_sizes: torch.Tensor, original_sizes: torch.Tensor
    ) -> list[Predictions]:
        del image_sizes, original_sizes
        (image,) = images
        masks, names = self.truth[image.numpy().tobytes()]
        own = [category.name for category in self.categories]
        labels = torch.tensor([own.index(name) for name in names], dtype=torch.int64)
        return [Predictions(torch.from_numpy(masks).bool(), labels, torch.ones(len(labels)))]


@pytest.fixture
def oracle(tiny_model: ModelConfig, tiny_set: TinySet) -> Oracle:
    from sapnet.batches.images import ImageDataset

    network = Oracle(tiny_model, (*categories_of(tiny_set)[::-1], Category(99, "unheard of")))
    truth = load_instances(tiny_set.truth)
    groups = truth.instances_by_image()
    names = {category.category_id: category.name for category in truth.categories}
    network.truth = {}
    for image in truth.images:
        own = groups[image.image_id]
        pixels = ImageDataset([tiny_set.images / image.file_name], tiny_model.augment)[0].image
        masks = decode_masks([one.rle() for one in own]) if own else np.zeros((0, 96, 96))
        network.truth[pixels.numpy().tobytes()] = (masks, [names[one.category_id] for one in own])
    return network


def batch_of(image_id: int) -> Batch:
    sizes = torch.tensor([[96, 96]])
    return Batch(torch.zeros(1, 3, 64, 64), sizes, sizes, torch.tensor([image_id]))


def test_labels_are_counted_as_the_choosing_run_does(
    model: Network, oracle: Oracle, tiny_set: TinySet
) -> None:
    store = ProposalStore(tiny_set.store)
    voter = Voter(oracle, model.categories, tiny_set.images, store)
    truth = load_instances(tiny_set.truth)
    wanted = [category.category_id for category in model.categories]
    for image_id, own in truth.instances_by_image().items():
        (found,) = voter.instances(batch_of(image_id))
        assert [wanted[index] for index in found.labels] == [one.category_id for one in own]


def test_the_vote_of_the_voter_counts(
    model: Network,
    oracle: Oracle,
    tiny_set: TinySet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the true masks as instances and a heavy vote, the best candidates are chosen."""
    from sapnet.evaluation.evaluate import evaluate

    monkeypatch.setattr("sapnet.labelling.label.load_predictor", lambda *_: oracle)
    settings = model.settings
    consensus = replace(settings.selection.consensus, segmenter_weight=100.0)
    heavy = Network(
        replace(settings, selection=replace(settings.selection, consensus=consensus)),
        model.categories,
    )
    heavy.load_state_dict(model.state_dict())
    figures = {}
    for name, voter in (("own", None), ("oracle", "run")):
        out = tmp_path / f"{name}.json"
        label(heavy, tiny_set.images, tiny_set.store, out, LabelConfig(voter=voter, workers=0))
        scores = evaluate(tiny_set.truth, labels=out, proposals=tiny_set.store)
        figures[name] = scores["label_miou"]
    assert figures["oracle"] > figures["own"]
    # Candidates that are no voters of their bag cannot be chosen.
    assert figures["oracle"] > scores["oracle_miou"] - 0.1


def test_a_voter_of_other_categories_is_refused(
    model: Network, tiny_model: ModelConfig, tiny_set: TinySet
) -> None:
    other = Network(tiny_model, (Category(1, "hen"),))
    with pytest.raises(ValueError, match="--voter: expected a run that segments at least one of"):
        Voter(other, model.categories, tiny_set.images, ProposalStore(tiny_set.store))


def test_mask_rcnn_votes_through_the_command(
    model: Network, tiny_model: ModelConfig, tiny_set: TinySet, tmp_path: Path
) -> None:
    architecture = {"anchors": [8, 16, 32, 64, 128]}
    other = OtherSegmenterConfig("mask-rcnn", None, architecture)
    torch.manual_seed(0)
    voter = Network(replace(tiny_model, other=other), categories_of(tiny_set))
    model.save_pretrained(tmp_path / "run")
    voter.save_pretrained(tmp_path / "voter")
    files = ("--images", str(tiny_set.images), "--proposals", str(tiny_set.store))
    words = ["label", *files, "--workers", "0", "--device", "cpu", "--voter"]
    out = ("--out", str(tmp_path / "labels.json"))
    assert main([*words, str(tmp_path / "voter"), "--run", str(tmp_path / "run"), *out]) == SUCCESS
    labels = json.loads((tmp_path / "labels.json").read_text())["annotations"]
    assert {entry["origin"]["chosen_by"] for entry in labels} == {"selection and segmenter"}
    assert main([*words, str(tmp_path / "voter"), "--top1", *out]) == WRONG_USE
    assert main([*words, str(tmp_path / "none"), "--run", str(tmp_path / "run"), *out]) == FAILURE

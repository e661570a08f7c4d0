"""Two processes equal one with the same total batch, however unevenly objects are spread."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import distributed, multiprocessing

from sapnet.config import ModelConfig
from sapnet.data.batch import collate
from sapnet.data.dataset import ClickDataset, DatasetConfig, Sample
from sapnet.model import SAPNet
from sapnet.proposals.store import ProposalStore
from sapnet.selection.config import NegativesConfig
from sapnet.structures import Category

if TYPE_CHECKING:
    from tests.conftest import TinySet

NUM_STEPS = 2
WORLD_SIZE = 2


def _samples(images: Path, store_path: Path, settings: ModelConfig) -> list[Sample]:
    """Two images per step and process; the very first has no objects."""
    store = ProposalStore(store_path)
    dataset = ClickDataset(images, store, DatasetConfig(augment=settings.augment), train=False)
    counts = store.num_objects_of_image.tolist()
    order = sorted(range(len(counts)), key=lambda index: counts[index])
    assert counts[order[0]] == 0 < counts[order[-1]]
    return [dataset[index] for index in order[: 2 * NUM_STEPS * WORLD_SIZE]]


def _train(
    settings: ModelConfig, samples: list[Sample], rank: int, world_size: int
) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Losses of each step, averaged over the ranks, and the weights after the last."""
    torch.manual_seed(0)
    network = SAPNet(settings, tuple(Category(i + 1, str(i)) for i in range(3))).train()
    model: torch.nn.Module = network
    if world_size > 1:
        model = torch.nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    per_step = len(samples) // NUM_STEPS
    losses = []
    for step in range(NUM_STEPS):
        of_step = samples[step * per_step : (step + 1) * per_step]
        share = per_step // world_size
        total = model(collate(of_step[rank * share : (rank + 1) * share])).total
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        total = total.detach()
        if world_size > 1:
            distributed.all_reduce(total)
        losses.append(float(total) / world_size)
    return losses, {name: value.clone() for name, value in network.state_dict().items()}


def _run_rank(rank: int, folder: Path, images: Path, store: Path, settings: ModelConfig) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD_SIZE
    )
    result = _train(settings, _samples(images, store, settings), rank, WORLD_SIZE)
    torch.save(result, folder / f"rank{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(
    tiny_set: TinySet, tiny_model: ModelConfig, tmp_path: Path
) -> None:
    # Random negatives differ from rank to rank by design, and batch norms see their rank alone.
    settings = replace(
        tiny_model,
        frozen_norms=True,
        selection=replace(tiny_model.selection, negatives=NegativesConfig(enabled=False)),
    )
    arguments = (tmp_path, tiny_set.images, tiny_set.store, settings)
    context = multiprocessing.get_context("fork" if torch.get_num_threads() == 1 else "spawn")
    ranks = [
        context.Process(target=partial(_run_rank, rank), args=arguments)
        for rank in range(WORLD_SIZE)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(60)
    assert [process.exitcode for process in ranks] == [0, 0]

    losses, weights = _train(settings, _samples(tiny_set.images, tiny_set.store, settings), 0, 1)
    for rank in range(WORLD_SIZE):
        their_losses, theirs = torch.load(tmp_path / f"rank{rank}.pt")
        assert their_losses == pytest.approx(losses, rel=1e-4)
        for name, value in weights.items():
            torch.testing.assert_close(theirs[name], value, rtol=1e-3, atol=1e-5, msg=name)

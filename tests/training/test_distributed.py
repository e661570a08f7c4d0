"""Two processes equal one with the same total batch, however unevenly objects are spread."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file
from torch import distributed, multiprocessing
from train_recipe import recipe_text

from sapnet.batches.collate import collate
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.sample import Sample
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.selection import enrichment
from sapnet.selection.config import NegativesConfig
from sapnet.store.reader import ProposalStore
from sapnet.structures.batch import Bags
from sapnet.structures.clicks import Category
from sapnet.training.config import OptimizerConfig, TrainConfig
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train
from sapnet.training.run_folder import CHECKPOINT

if TYPE_CHECKING:
    from tests.conftest import TinySet

LOSSES = {
    "loss_selection",
    "loss_refinement_positive",
    "loss_refinement_negative",
    "loss_mask",
    "loss_class",
}
NUM_STEPS = 2
PROGRAM = """
import os, pathlib
pathlib.Path("{pids}", str(os.getpid())).touch()
from sapnet.cli import entry_point
entry_point()
"""
WORLD_SIZE = 2


def _samples(images: Path, store_path: Path, settings: ModelConfig) -> list[Sample]:
    """Two images per step and process; those of the first process's first step have no objects."""
    store = ProposalStore(store_path)
    dataset = ClickDataset(images, store, DatasetConfig(augment=settings.augment), train=False)
    counts = store.num_objects_of_image.tolist()
    order = sorted(range(len(counts)), key=lambda index: counts[index])
    assert counts[order[0]] == 0 < counts[order[-1]]
    return [dataset[index] for index in order[: 2 * NUM_STEPS * WORLD_SIZE]]


def _constant_draws(patch: pytest.MonkeyPatch) -> None:
    """The same random numbers for each image and object, in whatever batch and rank it is.

    Negatives differ from rank to rank otherwise, by design.
    """

    def draw(shape: tuple[int, ...], like: torch.Tensor, _: object) -> torch.Tensor:
        row = torch.rand(shape[1:], generator=torch.Generator().manual_seed(7))
        return row.to(like).expand(shape)

    def borrow(bags: Bags, count: int, _: object) -> torch.Tensor:
        return torch.linspace(0, 1, 49).view(1, 7, 7).to(bags.mask_crops).expand(count, 7, 7)

    patch.setattr(enrichment, "_draw", draw)
    patch.setattr(enrichment, "_borrow_crops", borrow)


def _train(
    settings: ModelConfig, samples: list[Sample], rank: int, world_size: int
) -> tuple[list[float], dict[str, torch.Tensor], list[int]]:
    """Losses of each step (mean over the ranks), the weights after the last, objects seen."""
    torch.manual_seed(0)
    network = Network(settings, tuple(Category(i + 1, str(i)) for i in range(3))).train()
    model: torch.nn.Module = network
    if world_size > 1:
        model = torch.nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    per_step = len(samples) // NUM_STEPS
    losses, num_objects = [], []
    for step in range(NUM_STEPS):
        of_step = samples[step * per_step : (step + 1) * per_step]
        share = per_step // world_size
        batch = collate(of_step[rank * share : (rank + 1) * share])
        num_objects.append(0 if batch.bags is None else batch.bags.num_objects)
        output = model(batch)
        assert set(output.losses) == LOSSES
        total = output.total
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        total = total.detach()
        if world_size > 1:
            distributed.all_reduce(total)
        losses.append(float(total) / world_size)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    return losses, weights, num_objects


def _run_rank(rank: int, folder: Path, images: Path, store: Path, settings: ModelConfig) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD_SIZE
    )
    with pytest.MonkeyPatch.context() as patch:
        _constant_draws(patch)
        result = _train(settings, _samples(images, store, settings), rank, WORLD_SIZE)
    torch.save(result, folder / f"rank{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(
    tiny_set: TinySet,
    tiny_model: ModelConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = replace(tiny_model, frozen_norms=True)  # batch norms see their rank alone
    _constant_draws(monkeypatch)
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

    samples = _samples(tiny_set.images, tiny_set.store, settings)
    losses, weights, num_objects = _train(settings, samples, 0, 1)
    of_ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in range(WORLD_SIZE)]
    shares = list(zip(*(seen for _, _, seen in of_ranks), strict=True))
    assert [sum(share) for share in shares] == num_objects
    assert shares[0][0] == 0 < shares[0][1]  # a whole rank without objects
    for their_losses, theirs, _ in of_ranks:
        assert their_losses == pytest.approx(losses, rel=1e-4)
        for name, value in weights.items():
            torch.testing.assert_close(theirs[name], value, rtol=1e-3, atol=1e-5, msg=name)


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """A command that writes to a file, outside any SLURM job."""
    environment = {name: v for name, v in os.environ.items() if not name.startswith("SLURM_")}
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, "OMP_NUM_THREADS": "1"},
        )


def _kill(process: subprocess.Popen[bytes], pids: Path) -> int:
    """Kills a command and the programs it started; returns how many programs those were.

    torchrun starts each in a session of its own, which outlives it.
    """
    process.kill()
    process.wait()
    found = list(pids.iterdir())
    for entry in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(entry.name), signal.SIGKILL)
        entry.unlink()
    return len(found)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills a process group")
def test_the_program_on_two_devices_equals_one(
    tiny_set: TinySet, tiny_model: ModelConfig, tiny_training: TrainConfig, tmp_path: Path
) -> None:
    """Begun under torchrun, killed inside an epoch, finished by `sapnet train --devices 2`.

    Steps of six and of two images, so that batches are uneven.
    """
    settings = replace(
        tiny_model,
        frozen_norms=True,
        selection=replace(tiny_model.selection, negatives=NegativesConfig(enabled=False)),
    )
    # Not AdamW: it makes full steps of the rounding errors of gradients that should be 0.
    sgd = OptimizerConfig(name="sgd", lr=0.01, lr_batch=6, warmup_iterations=0)
    cfg = replace(tiny_training, epochs=4, batch_size=6, checkpoint_minutes=1e-6, optimizer=sgd)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(recipe_text(cfg, settings))
    out, log = tmp_path / "run", tmp_path / "log.txt"
    pids = tmp_path / "pids"
    pids.mkdir()
    program = tmp_path / "sapnet"  # as pip installs it, but that it leaves a trace
    program.write_text(PROGRAM.format(pids=pids))
    options = ["train", "--config", str(recipe), "--images", str(tiny_set.images)]
    options += ["--proposals", str(tiny_set.store), "--out", str(out)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]

    begun = _start([*torchrun, "--nproc_per_node", "2", str(program), *options], log)
    try:
        while not (out / CHECKPOINT).exists() and begun.poll() is None:
            time.sleep(0.002)
    finally:
        num_programs = _kill(begun, pids)
    assert num_programs == 2, log.read_text()
    assert (out / CHECKPOINT).exists(), log.read_text()
    assert torch.load(out / CHECKPOINT, weights_only=True)["global_step"] < 8

    finished = _start([sys.executable, str(program), *options, "--devices", "2"], log)
    try:
        assert finished.wait(120) == 0, log.read_text()
    finally:
        num_programs = _kill(finished, pids)
    assert num_programs == 2
    assert log.read_text().count("trained 4 epochs") == 1  # one process speaks for both

    alone = tmp_path / "alone"
    inputs = TrainInputs(images=tiny_set.images, out=alone, proposals=tiny_set.store)
    train(inputs, settings, cfg)
    ours, theirs = (load_file(run / "model.safetensors") for run in (alone, out))
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value, rtol=1e-3, atol=1e-5, msg=name)

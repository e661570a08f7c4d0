from pathlib import Path

import pytest
import torch
from torch import distributed

from sapnet.system.processes.ranks import mean_over_ranks, num_ranks


def run_rank(rank: int, address: str, counts: list[int]) -> None:
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=len(counts))
    mean = mean_over_ranks(torch.tensor(counts[rank]))
    ranks = num_ranks()
    distributed.destroy_process_group()
    if mean.item() != sum(counts) / len(counts) or ranks != len(counts):
        raise ValueError(f"rank {rank} of {ranks}: found {mean.item()}")


def test_one_process_keeps_its_count() -> None:
    count = torch.tensor(3)
    mean = mean_over_ranks(count)
    assert mean.dtype == torch.float32
    assert mean.item() == 3
    assert count.item() == 3
    assert num_ranks() == 1


def test_no_gradient_and_no_change_in_place() -> None:
    count = torch.tensor(2.0, requires_grad=True)
    assert not mean_over_ranks(count).requires_grad


@pytest.mark.skipif(not distributed.is_available(), reason="torch without distributed")
def test_two_ranks_share_the_mean(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(run_rank, (f"file://{tmp_path}/rendezvous", [5, 0]), nprocs=2)
    assert not distributed.is_initialized()

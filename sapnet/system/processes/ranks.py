"""Number of ranks of a distributed run, and means over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import distributed

if TYPE_CHECKING:
    from torch import Tensor


def num_ranks() -> int:
    """Return the number of processes of a distributed run, 1 outside of one."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


@torch.no_grad()
def mean_over_ranks(count: Tensor) -> Tensor:
    """Average a count over the ranks of a distributed run.

    DistributedDataParallel averages gradients over the ranks. A loss that is a sum divided by this
    mean therefore ends up, over all ranks, as the sum of all objects divided by their number,
    however unevenly the objects are spread.

    Args:
        count: () number of objects (or positives) on this rank, any numeric type.

    Returns:
        () float32 mean over the ranks; outside a distributed run, the count itself.
    """
    mean = count.detach().to(torch.float32, copy=True)
    if (ranks := num_ranks()) > 1:
        distributed.all_reduce(mean)
        mean /= ranks
    return mean

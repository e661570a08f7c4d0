"""Choice of all labels at the start of a round, with the segmenter's vote.

While selection and segmenter are trained together, the segmenter learns from a choice that may
change at every step, and does not take part in it. A round ends this: the network as it is labels
all training images, as `sapnet label` does, and the segmenter learns from these labels until the
next round. Selection goes on learning from the features, but no longer changes them. Not in the
paper.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch
from torch import distributed

from sapnet.labelling.choosing import choose_labels
from sapnet.network.model import evaluating
from sapnet.system.processes.ranks import num_ranks
from sapnet.training.rounds.table import LabelTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from sapnet.network.model import Network
    from sapnet.store.reader import ProposalStore
    from sapnet.structures.batch import Batch

logger = logging.getLogger(__name__)


def choose_again(
    network: Network, batches: Iterable[Batch], store: ProposalStore, epoch: int
) -> LabelTable:
    """Label all training images with the network as it is; every rank takes part.

    Args:
        network: a network with a segmenter; its mode is kept.
        batches: this rank's share of the images with bags, in the view of evaluation.
        store: the proposals of the bags.
        epoch: the epoch that begins.

    Returns:
        The labels of all ranks.
    """
    ids, index = [], []
    with evaluating(network):
        for batch in batches:
            moved = batch.to(network.device)
            if moved.bags is None:
                continue
            _, selection = choose_labels(network, moved, store)
            ids.append(moved.bags.annotation_ids.cpu())
            index.append(selection.index.cpu())
    empty = torch.zeros(0, dtype=torch.int64)
    found = torch.stack([torch.cat([empty, *ids]), torch.cat([empty, *index])])
    # A rank may repeat images of another one, whose labels are the same.
    annotation_ids, first = _unique(_of_all_ranks(found))
    logger.info("epoch %d: %d labels chosen, the segmenter voted", epoch + 1, len(annotation_ids))
    return LabelTable(epoch, annotation_ids, first)


def _unique(found: Tensor) -> tuple[Tensor, Tensor]:
    """Sort (2, M) ids and places by id, and keep each id once."""
    order = found[0].argsort(stable=True)
    ids, index = found[:, order]
    is_first = torch.ones_like(ids, dtype=torch.bool)
    is_first[1:] = ids[1:] != ids[:-1]
    return ids[is_first], index[is_first]


def _of_all_ranks(found: Tensor) -> Tensor:
    if num_ranks() == 1:
        return found
    parts: list[Tensor] = [found] * num_ranks()
    distributed.all_gather_object(parts, found)
    return torch.cat(parts, 1)

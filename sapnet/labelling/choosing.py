"""Labels of a batch: the choice of the selection, with the segmenter's vote."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import torch

from sapnet.labelling.choice import ChosenLabel, chosen_labels, with_overlaps
from sapnet.labelling.vote import add_segmenter_vote

if TYPE_CHECKING:
    from collections.abc import Callable

    from sapnet.network.model import Network
    from sapnet.store.reader import ProposalStore
    from sapnet.structures.batch import Batch
    from sapnet.structures.outputs import Predictions, Selection
    from sapnet.structures.proposals import StoredObject

    Segment = Callable[[Batch], list[Predictions]]


@torch.no_grad()
def choose_labels(
    model: Network, batch: Batch, store: ProposalStore, segment: Segment | None = None
) -> tuple[list[ChosenLabel], Selection]:
    """Choose a label for each click of a batch, the segmenter's vote included.

    Args:
        model: a trained network.
        batch: images with bags, labels as the network counts them.
        store: the store the bags were made of.
        segment: gives the instances that vote; None for those of the network's own segmenter.

    Returns:
        N labels and the selection that made them. With a vote, the labels have overlaps.

    Raises:
        ValueError: the batch has no bags.
    """
    if batch.bags is None:
        raise ValueError("expected a batch with bags, found none")
    objects = stored_objects(batch, store)
    if segment is not None:
        selection, instances = model.select(batch), segment(batch)
    elif model.segmentation is None:
        selection = model.select(batch)
        return chosen_labels(batch.bags, selection.index, objects), selection
    else:
        selection, instances = model.select_and_segment(batch)
    chosen = chosen_labels(batch.bags, selection.index, objects)
    labels = with_overlaps(chosen, instances)
    cfg = model.settings.selection.consensus
    return (
        add_segmenter_vote(labels, batch.bags, selection, cfg)
        if cfg.enabled
        else (labels, selection)
    )


def stored_objects(batch: Batch, store: ProposalStore) -> dict[int, StoredObject]:
    """Read the objects of a batch, image by image.

    Args:
        batch: images of the store.
        store: the proposals of these images.

    Returns:
        All objects of the images, by annotation id.
    """
    objects = (store.objects_of_image(store.position_of(i)) for i in batch.image_ids.tolist())
    return {stored.click.annotation_id: stored for stored in chain.from_iterable(objects)}

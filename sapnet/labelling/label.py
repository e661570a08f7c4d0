"""Labelling of clicks with a trained network: the chosen proposal of each object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from sapnet.data.coco_json import frame_records, label_of_category
from sapnet.labelling.choice import ChosenLabel, chosen_labels, stored_objects, with_overlaps
from sapnet.labelling.records import label_records, top1_record, with_boxes
from sapnet.labelling.uncertainty import uncertainty
from sapnet.labelling.vote import add_segmenter_vote
from sapnet.network.model import Network, evaluating
from sapnet.store.reader import ProposalStore, open_store
from sapnet.system.files import write_json_atomic

if TYPE_CHECKING:
    from sapnet.structures.batch import Batch
    from sapnet.structures.outputs import Selection
    from sapnet.system.locations import Location


@dataclass(frozen=True)
class LabelSummary:
    """The summary of `label`.

    Attributes:
        labels: the file that was written.
        num_images: images it lists.
        num_objects: masks, one per clicked object.
        num_without: clicked objects without any proposal, hence without a mask.
    """

    labels: Path
    num_images: int
    num_objects: int
    num_without: int


def label(
    model: Network,
    images: Path | str,
    store: ProposalStore | Location,
    out: Path | str,
    *,
    with_candidates: bool = False,
    batch_size: int = 4,
    workers: int = 2,
) -> LabelSummary:
    """Write a mask for each click: COCO instance json of the chosen proposals, original frame.

    Each mask has an `uncertainty`, higher where it is more likely wrong.

    Args:
        model: a trained network.
        images: folder of the clicked images.
        store: their proposals, or the folder or URL of the store.
        out: the json file to write.
        with_candidates: also write all candidates of each object with their selection scores.
        batch_size: images at a time.
        workers: processes that load images.

    Raises:
        ValueError: the store has categories that the model does not know.
    """
    from tqdm import tqdm

    from sapnet.batches.dataset import ClickDataset, DatasetConfig
    from sapnet.batches.loader import build_loader

    store = open_store(store)
    with_model_labels = label_translation(model, store)
    data_cfg = DatasetConfig(augment=model.settings.augment)
    dataset = ClickDataset(images, store, data_cfg, train=False)
    loader = build_loader(dataset, batch_size, workers=workers)
    annotations: list[dict[str, Any]] = []
    with evaluating(model), tqdm(total=store.num_images, desc="label", unit="image") as bar:
        for batch in loader:
            moved = with_model_labels(batch.to(model.device))
            if moved.bags is not None:
                labels, chosen = choose_labels(model, moved, store)
                doubts = uncertainty(labels, moved.bags, chosen)
                records = label_records(labels, chosen, doubts, with_candidates)
                annotations += with_boxes(records, moved, chosen) if with_candidates else records
            bar.update(len(batch.image_ids))
    return _write_labels(out, store, annotations)


@torch.no_grad()
def choose_labels(
    model: Network, batch: Batch, store: ProposalStore
) -> tuple[list[ChosenLabel], Selection]:
    """Choose a label for each click of a batch, the segmenter's vote included.

    Args:
        model: a trained network.
        batch: images with bags, labels as the network counts them.
        store: the store the bags were made of.

    Returns:
        N labels and the selection that made them. With a segmenter, the labels have overlaps.

    Raises:
        ValueError: the batch has no bags.
    """
    if batch.bags is None:
        raise ValueError("expected a batch with bags, found none")
    objects = stored_objects(batch, store)
    if model.segmentation is None:
        selection = model.select(batch)
        return chosen_labels(batch.bags, selection.index, objects), selection
    selection, instances = model.select_and_segment(batch)
    chosen = chosen_labels(batch.bags, selection.index, objects)
    labels = with_overlaps(chosen, instances)
    cfg = model.settings.selection.consensus
    return (
        add_segmenter_vote(labels, batch.bags, selection, cfg)
        if cfg.enabled
        else (labels, selection)
    )


def label_top1(
    store: ProposalStore | Location, out: Path | str, *, with_candidates: bool = False
) -> LabelSummary:
    """Write the proposer's best-scored mask for each click, in the form of `label`.

    No network is needed. This is the baseline of training. The `uncertainty` is one minus the
    proposer's score.

    Args:
        store: the proposals, or the folder or URL of the store.
        out: the json file to write.
        with_candidates: also write all candidates of each object with their scores.
    """
    store = open_store(store)
    objects = (stored for i in range(store.num_images) for stored in store.objects_of_image(i))
    annotations = [
        top1_record(stored, with_candidates) for stored in objects if len(stored.proposals)
    ]
    return _write_labels(out, store, annotations)


def _write_labels(
    out: Path | str, store: ProposalStore, annotations: list[dict[str, Any]]
) -> LabelSummary:
    content = {
        **frame_records(store.images, store.categories),
        "annotations": annotations,
    }
    path = write_json_atomic(Path(out), content)
    num_clicked = int(store.num_objects_of_image.sum())
    return LabelSummary(path, store.num_images, len(annotations), num_clicked - len(annotations))


def label_translation(model: Network, store: ProposalStore) -> Callable[[Batch], Batch]:
    """Return a function that converts a batch's labels from the store's categories to the model's.

    Raises:
        ValueError: the store has categories that the model does not know.
    """
    label_of_id = {category.category_id: i for i, category in enumerate(model.categories)}
    unknown = [c for c in store.categories if c.category_id not in label_of_id]
    if unknown:
        names = ", ".join(f"{c.name} ({c.category_id})" for c in unknown[:5])
        raise ValueError(
            f"{store.path}: {len(unknown)} categories that the model was not trained on: {names}. "
            "Label with a model trained on these clicks"
        )
    stored_ids = label_of_category(store.categories)  # in the order of the labels
    labels = torch.tensor([label_of_id[i] for i in stored_ids], device=model.device)

    def translate(batch: Batch) -> Batch:
        if batch.bags is None:
            return batch
        return replace(batch, bags=replace(batch.bags, labels=labels[batch.bags.labels]))

    return translate

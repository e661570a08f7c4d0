"""Labelling of clicks with a trained network: the chosen proposal of each object."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sapnet.data.click_annotations import region_records
from sapnet.data.coco_json import frame_records, label_of_category
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.matching.categories import match_categories
from sapnet.data.tiles.labels import whole_labels
from sapnet.labelling.choosing import choose_labels
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.records import label_records, top1_record, with_boxes, with_decision
from sapnet.labelling.uncertainty import uncertainty
from sapnet.labelling.voter import Voter
from sapnet.network.loading import load_predictor
from sapnet.network.model import Network, evaluating
from sapnet.network.origin import origin_of_network, origin_of_proposals
from sapnet.store.reader import ProposalStore, open_store
from sapnet.store.views.whole import open_whole_store
from sapnet.structures.coverage import coverage_of
from sapnet.structures.left_out import LeftOutImage, UnusableImageError
from sapnet.system.files import read_json, write_json_atomic
from sapnet.system.lock import locked
from sapnet.system.progress import progress
from sapnet.system.version import __version__
from sapnet.system.written_files import check_new_file

if TYPE_CHECKING:
    from sapnet.structures.batch import Batch
    from sapnet.system.locations import Location


logger = logging.getLogger(__name__)

UNFINISHED = "unfinished"
"""Key of `info` in a file that an interrupted `label` left; the next one replaces it."""


@dataclass(frozen=True)
class LabelSummary:
    """The summary of `label`.

    Attributes:
        labels: the file that was written.
        num_images: images it lists.
        num_objects: masks, one per clicked object.
        num_without: clicked objects without any proposal, hence without a mask.
        left_out: images that cannot be read; empty unless skipping was requested.
    """

    labels: Path
    num_images: int
    num_objects: int
    num_without: int
    left_out: tuple[LeftOutImage, ...] = ()


def label(
    model: Network,
    images: Path | str,
    store: ProposalStore | Location,
    out: Path | str,
    cfg: LabelConfig | None = None,
) -> LabelSummary:
    """Write a mask for each click: COCO instance json of the chosen proposals, original frame.

    Each mask has an `uncertainty`, higher where it is more likely wrong.

    Args:
        model: a trained network.
        images: folder of the clicked images.
        store: their proposals, or the folder or URL of the store.
        out: the json file to write.
        cfg: `candidates`, `batch_size`, `workers`, `skip_errors`, `bits`, `max_pixels`, `voter`
            and `device`, that of the voter, are used; None for the defaults.

    Raises:
        FileNotFoundError: there is no such voter.
        ValueError: the store has no object, or categories that the model does not know; the model
            has no selection, or the voter no such category; or an image cannot be read. The labels
            of the images before it are written first.
    """
    from sapnet.batches.dataset import ClickDataset, DatasetConfig
    from sapnet.batches.loader import build_loader

    cfg = cfg or LabelConfig()
    store = open_store(store)
    check_any_object(store)
    model.check_selects()
    with_model_labels = label_translation(model, store)
    bits = cfg.bits or model.settings.augment.bits or store.bits
    segment = None
    if cfg.voter is not None:
        voter = load_predictor(cfg.voter, cfg.device)
        segment = Voter(voter, model.categories, images, store, bits).instances
    data_cfg = DatasetConfig(augment=replace(model.settings.augment, bits=bits))
    dataset = ClickDataset(images, store, data_cfg, train=False)
    loader = build_loader(dataset, cfg.batch_size, workers=cfg.workers)
    loader.skip_errors = cfg.skip_errors
    consensus = model.settings.selection.consensus
    annotations: list[dict[str, Any]] = []
    done: set[int] = set()
    with (
        locked(out),
        allowing_pixels(cfg.max_pixels),
        keeping_labels(out, store, annotations, done, model),
        evaluating(model),
        progress(store.num_images, "label", "image") as count,
    ):
        for batch in loader:
            moved = with_model_labels(batch.to(model.device))
            if moved.bags is not None:
                labels, chosen = choose_labels(model, moved, store, segment)
                doubts = uncertainty(labels, moved.bags, chosen, consensus)
                records = label_records(labels, chosen, doubts, cfg.candidates)
                annotations += with_boxes(records, moved, chosen)
            done.update(batch.image_ids.tolist())
            count(len(batch.image_ids))
    left_out = tuple(
        LeftOutImage(name, entry.message.removeprefix(f"{Path(images) / name}: "))
        for entry in loader.left_out
        for name in (store.images[entry.index].file_name,)
    )
    return replace(write_labels(out, store, annotations, done, model), left_out=left_out)


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
    check_any_object(store)
    objects = (stored for i in range(store.num_images) for stored in store.objects_of_image(i))
    annotations = [
        top1_record(stored, with_candidates) for stored in objects if len(stored.proposals)
    ]
    with locked(out):
        return write_labels(out, store, annotations)


def check_labels_file(path: Path, overwrite: bool) -> None:
    """Refuse to write over a file without a request, unless an interrupted `label` left it.

    Raises:
        FileExistsError: there is such a file, and `overwrite` is False.
    """
    try:
        check_new_file(path, overwrite)
    except FileExistsError:
        try:
            content = read_json(path)
        except ValueError:
            content = None
        info = content.get("info") if isinstance(content, dict) else None
        if not isinstance(info, dict) or info.get(UNFINISHED) is not True:
            raise


def check_any_object(store: ProposalStore) -> None:
    """Raise a ValueError for a store without any object."""
    if len(store) == 0:
        raise ValueError(f"{store.path}: expected objects to label, found none. Click some first.")


@contextmanager
def keeping_labels(
    out: Path | str,
    store: ProposalStore,
    annotations: list[dict[str, Any]],
    done: set[int],
    model: Network | None = None,
) -> Iterator[None]:
    """Write the labels of the finished images if labelling is stopped.

    Args:
        out: the json file.
        store: what is labelled.
        annotations: those of the finished images.
        done: ids of the finished images.
        model: the network that chooses, for the origin of the masks.
    """
    try:
        yield
    except UnusableImageError as error:
        kept = ""
        if done:
            write_labels(out, store, annotations, done, model, unfinished=True)
            kept = f" The labels of {len(done)} images are in {out}."
        raise ValueError(f"{error}{kept} --skip-errors leaves such images out.") from error
    except KeyboardInterrupt:
        if done:
            write_labels(out, store, annotations, done, model, unfinished=True)
        raise


def write_labels(
    out: Path | str,
    store: ProposalStore,
    annotations: list[dict[str, Any]],
    done: Collection[int] | None = None,
    model: Network | None = None,
    *,
    unfinished: bool = False,
) -> LabelSummary:
    """Write labels.

    Args:
        out: the json file.
        store: what was labelled.
        annotations: the labels; those of windows are brought to their whole images.
        done: ids of the images that were labelled; None for all. The others are not listed: an
            image without a label is taken for one without an object.
        model: the network that chose them; None for the proposer.
        unfinished: True if more labels were to come; a later `label` may replace the file.
    """
    if store.parts:
        decided = None if store.corrections is None else store.corrections.whole
        images, annotations = whole_labels(tuple(store.images), annotations, done, decided)
        store = open_whole_store(store)
    else:
        images = tuple(i for i in store.images if done is None or i.image_id in done)
    found = {image.image_id: coverage_of(store.coverage, image) for image in images}
    coverage = {image_id: one for image_id, one in found.items() if one}
    content = {
        "info": _info(store, model) | ({UNFINISHED: True} if unfinished else {}),
        **frame_records(images, store.categories, coverage),
        "annotations": [
            *(with_decision(record, store.corrections) for record in annotations),
            *region_records(coverage, _free_id(store)),
        ],
    }
    path = write_json_atomic(Path(out), content)
    is_done = np.isin(store.image_ids, [image.image_id for image in images])
    num_clicked = int(store.num_objects_of_image[is_done].sum())
    return LabelSummary(path, len(images), len(annotations), num_clicked - len(annotations))


def _free_id(store: ProposalStore) -> int:
    """Return an id from which on no object of a store has one."""
    ids = [rows["annotation_id"].to_numpy() for rows in store.object_columns(["annotation_id"])]
    return 1 + max((int(part.max()) for part in ids if len(part)), default=0)


def _info(store: ProposalStore, model: Network | None) -> dict[str, object]:
    """Say what the masks of a label file come from."""
    return {
        "origin": {**origin_of_proposals(store.manifest), **origin_of_network(model)},
        "made_by": f"sapnet {__version__}",
        "proposer": {"name": store.manifest.proposer, **store.manifest.settings},
        "data": store.manifest.data_fingerprint[:12],
        "corrections": 0 if store.corrections is None else len(store.corrections),
    }


def label_translation(model: Network, store: ProposalStore) -> Callable[[Batch], Batch]:
    """Return a function that converts labels from the store's categories to the model's.

    Raises:
        ValueError: the store has objects of categories that the model does not know, or whose id
            has another name there.
    """
    label_of_id = {category.category_id: i for i, category in enumerate(model.categories)}
    used = store.used_categories()
    match = match_categories(used, model.categories, str(store.path), "the run")
    if match.note:
        logger.warning("%s", match.note)
    stored_ids = label_of_category(store.categories)  # in the order of the labels
    # A category without an object has no label, and needs none.
    found = [label_of_id[match.ids[i]] if i in match.ids else -1 for i in stored_ids]
    labels = torch.tensor(found, device=model.device)

    def translate(batch: Batch) -> Batch:
        if batch.bags is None:
            return batch
        return replace(batch, bags=replace(batch.bags, labels=labels[batch.bags.labels]))

    return translate

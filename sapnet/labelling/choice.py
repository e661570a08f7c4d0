"""Chosen labels: masks of objects, their candidates and the segmenter's instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch

from sapnet.geometry.rle import encode_masks, rle_iou

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.structures.batch import Bags
    from sapnet.structures.clicks import RLE
    from sapnet.structures.outputs import Predictions
    from sapnet.structures.proposals import StoredObject


@dataclass(frozen=True)
class InstanceOverlap:
    """Overlap of an object's candidates with the segmenter's instances of its category.

    Attributes:
        ious: (K, P) float64 IoU of each candidate with each instance.
        scores: (P,) float64 scores of the instances.
        covers_click: (P,) bool, the instance covers the object's click.
    """

    ious: np.ndarray
    scores: np.ndarray
    covers_click: np.ndarray


@dataclass(frozen=True)
class ChosenLabel:
    """The mask chosen for one object.

    Attributes:
        stored: the object with its K candidates.
        index: place of the chosen one among them.
        image_index: the object's image in its batch.
        label: class index of the network that chose.
        overlap: with the segmenter's instances; None without a segmenter.
    """

    stored: StoredObject
    index: int
    image_index: int
    label: int
    overlap: InstanceOverlap | None = None

    @property
    def rle(self) -> RLE:
        """The chosen mask, original frame."""
        return self.stored.proposals.rles[self.index]


def chosen_labels(
    bags: Bags, index: Tensor, objects: Mapping[int, StoredObject]
) -> list[ChosenLabel]:
    """Join the chosen proposals of a batch with the stored objects.

    Args:
        bags: N bags; their labels are the network's.
        index: (N,) the chosen proposal of each bag.
        objects: at least the N objects of the bags, by annotation id.

    Returns:
        N labels in the order of the bags.
    """
    columns = (bags.annotation_ids, index, bags.image_index, bags.labels)
    return [
        ChosenLabel(objects[annotation_id], chosen, image_index, label)
        for annotation_id, chosen, image_index, label in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def with_overlaps(
    labels: Sequence[ChosenLabel], instances: Sequence[Predictions]
) -> list[ChosenLabel]:
    """Add to each label the overlap of its candidates with the segmenter's instances.

    Masks of instances are encoded once; only those of a label's category are compared with it.

    Args:
        labels: N labels of a batch.
        instances: the segmenter's instances of each image of the batch, original frame.

    Returns:
        The N labels, in their order.
    """
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for n, label in enumerate(labels):
        groups[label.image_index, label.label].append(n)
    found = list(labels)
    for (image_index, category), own in groups.items():
        is_same = instances[image_index].labels == category
        group = [labels[n] for n in own]
        overlaps = _overlaps_of_group(group, _select(instances[image_index], is_same))
        for n, overlap in zip(own, overlaps, strict=True):
            found[n] = replace(labels[n], overlap=overlap)
    return found


def _overlaps_of_group(
    labels: Sequence[ChosenLabel], instances: Predictions
) -> list[InstanceOverlap]:
    """Compute the overlaps of labels with instances, all of one image and one category."""
    candidates = [label.stored.proposals.rles for label in labels]
    ious = rle_iou(
        list(chain.from_iterable(candidates)), encode_masks(instances.masks.cpu().numpy())
    )
    ends = np.cumsum([len(rles) for rles in candidates])
    scores = instances.scores.cpu().double().numpy()
    parts = np.split(ious, ends[:-1])
    columns = _covers(labels, instances).T
    return [
        InstanceOverlap(*pair) for pair in zip(parts, [scores] * len(parts), columns, strict=True)
    ]


def _covers(labels: Sequence[ChosenLabel], instances: Predictions) -> np.ndarray:
    """Tell for each instance and each label if the instance covers the click, (P, n) bool."""
    height, width = instances.masks.shape[1:]
    points = np.array([label.stored.click.point for label in labels])
    columns, rows = np.minimum(points, (width - 1, height - 1)).astype(int).T
    covers: np.ndarray = (
        instances.masks[:, torch.from_numpy(rows), torch.from_numpy(columns)].cpu().numpy()
    )
    return covers


def _select(instances: Predictions, kept: Tensor) -> Predictions:
    return type(instances)(instances.masks[kept], instances.labels[kept], instances.scores[kept])

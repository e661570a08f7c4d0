"""Ground truth in the numbering of the labels and proposals that are compared with it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from sapnet.data.matching.objects import NumberedObject, ObjectList, check_same_objects
from sapnet.data.matching.truth import align_truth

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet
    from sapnet.evaluation.label_file import LabelSet
    from sapnet.structures.clicks import Category, ImageRecord

logger = logging.getLogger(__name__)

LABELS, PROPOSALS = "the labels", "the proposals"
"""Names of the two in messages."""


class HoldsObjects(Protocol):
    """The part of a proposal store that is used."""

    @property
    def images(self) -> Sequence[ImageRecord]:
        """The images of the store."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories of the data set."""

    def numbered_objects(self) -> Iterable[tuple[int, int, int, tuple[float, float]]]:
        """Yield annotation id, image id, category id and click of all objects."""


def objects_of_labels(labels: LabelSet) -> ObjectList:
    """Return the objects of labels, by their ids."""
    objects = tuple(
        NumberedObject(label.annotation_id, label.image_id, label.category_id, label.point)
        for label in labels.labels.values()
    )
    return ObjectList(LABELS, labels.images, labels.categories, objects)


def objects_of_store(store: HoldsObjects) -> ObjectList:
    """Return the objects of a proposal store, by their ids."""
    objects = tuple(NumberedObject(*values) for values in store.numbered_objects())
    return ObjectList(PROPOSALS, tuple(store.images), store.categories, objects)


def truth_for_labels(labels: LabelSet, truth: InstanceSet) -> InstanceSet:
    """Return the ground truth with the ids of the labels.

    Raises:
        ValueError: an image, category or object of the labels is not in it.
    """
    return _aligned(truth, objects_of_labels(labels))


def truth_for_store(store: HoldsObjects, truth: InstanceSet) -> InstanceSet:
    """Return the ground truth with the ids of a proposal store.

    Raises:
        ValueError: an image, category or object of the store is not in it.
    """
    return _aligned(truth, objects_of_store(store))


def truth_for_choices(labels: LabelSet, store: HoldsObjects, truth: InstanceSet) -> InstanceSet:
    """Return the ground truth with the ids of a store and of labels chosen from it.

    Raises:
        ValueError: the labels were not chosen from the store, or an image, category or object is
            not in the ground truth.
    """
    listed = objects_of_store(store)
    check_same_objects(objects_of_labels(labels), listed)
    return _aligned(truth, listed)


def _aligned(truth: InstanceSet, listed: ObjectList) -> InstanceSet:
    aligned = align_truth(truth, listed)
    for note in aligned.notes:
        logger.warning("%s", note)
    return aligned.truth

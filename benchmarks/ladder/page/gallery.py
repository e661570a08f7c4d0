"""Pictures of the worst labels of a ladder's systems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sapnet.data.coco import InstanceSet
from sapnet.evaluation.label_file import LabelSet
from sapnet.evaluation.selection_quality import kind_of
from sapnet.report.label_gallery import LabelGalleryInputs, LabelRow, draw_worst_labels
from sapnet.store.reader import ProposalStore


@dataclass(frozen=True)
class WorstInputs:
    """Inputs that the labels of all systems share.

    Attributes:
        images: folder of the images.
        truth: ground truth of the objects.
        store: proposals that the labels were chosen from; None leaves out their kinds.
        num_objects: number of labels per system.
    """

    images: Path
    truth: InstanceSet
    store: ProposalStore | None
    num_objects: int


def draw_worst(labels: LabelSet, inputs: WorstInputs) -> tuple[LabelRow, ...]:
    """Draw click, truth and label of the objects with the lowest IoU.

    Args:
        labels: labels of one system.
        inputs: images, ground truth and proposals.

    Returns:
        The worst objects first, with the kind of the label; the label is the only candidate.
    """
    # Without candidates and boxes, the crop is as close as object and label allow.
    bare = {
        key: replace(label, candidates=None, refined_box=None)
        for key, label in labels.labels.items()
    }
    rows = draw_worst_labels(
        LabelGalleryInputs(
            replace(labels, labels=bare),
            inputs.images,
            inputs.truth,
            num_objects=inputs.num_objects,
        )
    )
    store = inputs.store
    if store is None:
        return rows
    return tuple(
        replace(row, kind=kind_of(bare[row.annotation_id].rle, stored.proposals))
        for row in rows
        for stored in [store.find(row.annotation_id)]
    )

"""The ground-truth objects that labels and proposals are compared with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from sapnet.data.coco import Instance, InstanceSet, load_instances


def open_truth(truth: InstanceSet | Path | str) -> InstanceSet:
    """Ground truth, loaded where it is given as a file."""
    return truth if isinstance(truth, InstanceSet) else load_instances(Path(truth))


def objects_by_id(truth: InstanceSet, min_area: float = 0) -> dict[int, Instance]:
    """Return the objects that count: no crowds, none under `min_area` pixels (COCO's `area`)."""
    return {
        instance.annotation_id: instance
        for instance in truth.instances
        if not instance.is_crowd and instance.area >= min_area
    }


def with_open_images(truth: InstanceSet) -> InstanceSet:
    """Add a crowd over the whole image for each category that is not all annotated in it.

    What a crowd covers counts neither for nor against a prediction, so that one that finds no true
    object there does not count as wrong: LVIS's rule for `not_exhaustive_category_ids`.
    """
    images = {image.image_id: image for image in truth.images}
    crowds = tuple(
        Instance(
            annotation_id=-1,
            image=(image := images[image_id]),
            category_id=category_id,
            is_crowd=True,
            segmentation={
                "size": [image.height, image.width],
                "counts": [0, image.height * image.width],
            },
            source=Path(),
        )
        for image_id, category_ids in truth.partial.items()
        for category_id in category_ids
    )
    return replace(truth, instances=truth.instances + crowds)


def check_known(found: Iterable[int], known: Collection[int], what: str) -> None:
    """Raise an error for ids that the ground truth does not have.

    Args:
        found: ids in the file that is evaluated.
        known: ids in the ground truth.
        what: description of the ids and their source, for the message.

    Raises:
        ValueError: naming up to five unknown ids.
    """
    unknown = sorted(set(found) - set(known))
    if unknown:
        shown = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        raise ValueError(
            f"{what}: {len(unknown)} not in the ground truth ({shown}); "
            "evaluate against a file of the same images, objects and categories"
        )

"""The ground-truth objects that labels and proposals are compared with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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

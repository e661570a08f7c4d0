"""A ground truth renumbered to the ids of labels or proposals.

An id proves nothing by itself: tools number the objects of one data set differently. So image,
category and click of every object are compared. Where ids do not agree, each click has to lie in
exactly one object of its image and category.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.matching.by_click import Rivals, count_strays, match_by_click
from sapnet.data.matching.categories import match_categories
from sapnet.data.matching.images import match_images, one_id_per_name
from sapnet.data.matching.objects import NumberedObject, ObjectList


@dataclass(frozen=True)
class AlignedTruth:
    """A ground truth in the numbering of labels or proposals.

    Attributes:
        truth: images, categories and objects with the ids of the labels or proposals; what those
            do not have gets other ids.
        notes: lines for the user about matches that are not by equal ids.
    """

    truth: InstanceSet
    notes: tuple[str, ...] = ()


def align_truth(
    truth: InstanceSet, listed: ObjectList, target: str = "the ground truth"
) -> AlignedTruth:
    """Renumber a ground truth so that ids mean what they mean in labels or proposals.

    Args:
        truth: the ground truth.
        listed: images, categories and objects of the labels or proposals.
        target: description of the ground truth, for messages.

    Raises:
        ValueError: an image, a category or an object is not in the ground truth, or ids contradict
            images, categories and clicks.
    """
    one_id_per_name(((i.file_name, i.image_id) for i in listed.images), listed.name)
    names = [image.file_name for image in listed.images]
    images = match_images(names, truth.images, listed.name, target)
    image_ids = {i.image_id: images.images[i.file_name].image_id for i in listed.images}
    used = {entry.category_id for entry in listed.objects}
    wanted = [category for category in listed.categories if category.category_id in used]
    categories = match_categories(wanted, truth.categories, listed.name, target)
    found = [
        replace(
            entry,
            image_id=image_ids[entry.image_id],
            category_id=categories.ids[entry.category_id],
        )
        for entry in listed.objects
    ]
    object_ids, note = _match(found, truth, listed, target)
    notes = tuple(line for line in (images.note, categories.note, note) if line)
    maps = (
        _inverse(image_ids, (image.image_id for image in truth.images)),
        _inverse(categories.ids, (category.category_id for category in truth.categories)),
        _inverse(object_ids, (instance.annotation_id for instance in truth.instances)),
    )
    return AlignedTruth(_renumbered(truth, *maps), notes)


def _match(
    found: Sequence[NumberedObject], truth: InstanceSet, listed: ObjectList, target: str
) -> tuple[dict[int, int], str]:
    """Return the true object of each object, and a line for the user unless ids agree."""
    by_id = {instance.annotation_id: instance for instance in truth.instances}
    disagreeing = [entry for entry in found if not _agrees(entry, by_id.get(entry.annotation_id))]
    strays = 0 if disagreeing else count_strays(_rivals(found, truth))
    same = {entry.annotation_id: entry.annotation_id for entry in found}
    if not disagreeing and not strays:
        return same, ""
    matched = match_by_click(_rivals(found, truth))
    if matched is not None:
        moved = sum(matched[key] != key for key in same)
        return matched, (
            f"{listed.name}: {moved} of {len(found)} ids are not those of the same objects in "
            f"{target}; objects are matched by image, category and click"
        )
    if disagreeing:
        raise ValueError(_contradiction(disagreeing[0], by_id, truth, listed, target))
    return same, (
        f"{listed.name}: {strays} of {len(found)} clicks lie in another object of {target} than "
        "that of their id; objects are matched by id"
    )


def _agrees(entry: NumberedObject, instance: Instance | None) -> bool:
    return instance is not None and (
        (entry.image_id, entry.category_id) == (instance.image_id, instance.category_id)
    )


def _rivals(found: Iterable[NumberedObject], truth: InstanceSet) -> Iterator[Rivals]:
    """Yield the clicked and the true objects of each image and category that is clicked."""
    clicked: dict[tuple[int, int], list[NumberedObject]] = defaultdict(list)
    for entry in found:
        clicked[entry.image_id, entry.category_id].append(entry)
    instances: dict[tuple[int, int], list[Instance]] = defaultdict(list)
    for instance in truth.instances:
        if not instance.is_crowd:
            instances[instance.image_id, instance.category_id].append(instance)
    for key, entries in clicked.items():
        true = instances.get(key, [])
        ids = [instance.annotation_id for instance in true]
        # A lone object without a rival needs no mask as long as its id agrees.
        needed = len(true) > 1 or ids != [entry.annotation_id for entry in entries]
        yield Rivals(entries, ids, [i.rle() for i in true] if needed else [])


def _contradiction(
    entry: NumberedObject,
    by_id: Mapping[int, Instance],
    truth: InstanceSet,
    listed: ObjectList,
    target: str,
) -> str:
    files = {image.image_id: image.file_name for image in truth.images}
    kinds = {category.category_id: category.name for category in truth.categories}
    other = by_id.get(entry.annotation_id)
    here = f"on {files[entry.image_id]} as {kinds[entry.category_id]} in {listed.name}"
    there = (
        "unknown" if other is None else f"on {other.image.file_name} as {kinds[other.category_id]}"
    )
    return (
        f"object {entry.annotation_id}: {here}, {there} in {target}; ids disagree, and the clicks "
        "do not tell which objects belong together. Evaluate against the file that the clicks were "
        "made from."
    )


def _inverse(known: Mapping[int, int], every: Iterable[int]) -> dict[int, int]:
    """Return the new id of each old one: that of the other file, else an unused one."""
    renamed = {old: new for new, old in known.items()}
    taken = set(renamed.values())
    next_id = max(taken, default=0) + 1
    for old in every:
        if old in renamed:
            continue
        new = old
        if new in taken:
            new, next_id = next_id, next_id + 1
            while new in taken:
                new, next_id = next_id, next_id + 1
        taken.add(new)
        renamed[old] = new
    return renamed


def _renumbered(
    truth: InstanceSet,
    images: Mapping[int, int],
    categories: Mapping[int, int],
    objects: Mapping[int, int],
) -> InstanceSet:
    """Return the truth with other ids; the same one if none differs."""
    if all(old == new for ids in (images, categories, objects) for old, new in ids.items()):
        return truth
    records = {
        image.image_id: replace(image, image_id=images[image.image_id]) for image in truth.images
    }
    return InstanceSet(
        images=tuple(records[image.image_id] for image in truth.images),
        categories=tuple(
            sorted(
                (replace(c, category_id=categories[c.category_id]) for c in truth.categories),
                key=lambda category: category.category_id,
            )
        ),
        instances=tuple(
            replace(
                instance,
                annotation_id=objects[instance.annotation_id],
                image=records[instance.image_id],
                category_id=categories[instance.category_id],
            )
            for instance in truth.instances
        ),
        partial={
            images[image_id]: tuple(sorted(categories[c] for c in partial))
            for image_id, partial in truth.partial.items()
        },
    )

"""Split of a data set into images to train on, to validate and to test."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from sapnet.structures.split import FOLDER, PARTS, TRAIN, Split

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet
    from sapnet.data.formats.marks import Findings
    from sapnet.structures.clicks import ImageRecord

Parts: TypeAlias = "Mapping[str, InstanceSet]"
"""The images and objects of each part by its name; all in `train` without a split."""


def split_instances(instances: InstanceSet, split: Split | None, findings: Findings) -> Parts:
    """Deal out the images of a data set to its parts, with their objects.

    Args:
        instances: the data set.
        split: the shares; None puts all images into `train`.
        findings: collects images without the key of the groups, and categories that no object of
            `train` has.

    Returns:
        The parts with a share, in the order of `PARTS`; each lists all categories, and its images
        and objects in the order of the data set.

    Raises:
        ValueError: there are fewer groups than parts.
    """
    if split is None:
        return {TRAIN: instances}
    part_of = _deal_out(instances.images, split, findings)
    parts = {
        part: replace(
            instances,
            images=tuple(i for i in instances.images if part_of[i.image_id] == part),
            instances=tuple(o for o in instances.instances if part_of[o.image_id] == part),
        )
        for part in split.names
    }
    learned = {o.category_id for o in parts[TRAIN].instances}
    held = {o.category_id for o in instances.instances}
    for category in instances.categories:
        if category.category_id in held - learned:
            findings.note("categories without an object in train", repr(category.name))
    return parts


def _deal_out(images: Sequence[ImageRecord], split: Split, findings: Findings) -> dict[int, str]:
    """Return the part of every image id.

    Groups are ordered by a digest of their key and the seed, so that it does not matter in which
    order the images are listed, and an image that is added moves few others. The parts then take
    groups until they have their share of the images; each gets one at least.
    """
    groups: dict[str, list[ImageRecord]] = {}
    for image in images:
        groups.setdefault(_key(image.file_name, split.group_by, findings), []).append(image)
    shares = [(part, share) for part, share in zip(PARTS, split.shares, strict=True) if share]
    if len(groups) < len(shares):
        raise ValueError(
            f"split: expected at least {len(shares)} images, or groups of them, for "
            f"{', '.join(part for part, _ in shares)}; found {len(groups)}"
        )
    ordered = sorted(
        groups, key=lambda key: hashlib.sha256(f"{split.seed}/{key}".encode()).digest()
    )
    sizes = [len(groups[key]) for key in ordered]
    places = _places(sizes, [share for _, share in shares])
    return {
        image.image_id: shares[place][0]
        for key, place in zip(ordered, places, strict=True)
        for image in groups[key]
    }


def _places(sizes: Sequence[int], shares: Sequence[float]) -> Iterator[int]:
    """Yield the index of the part of each group, ascending.

    A group belongs to the part in whose range of images its middle lies.
    """
    total, done, place, is_empty = sum(sizes), 0, 0, True
    limit = shares[0] * total
    for number, size in enumerate(sizes):
        groups_left, parts_left = len(sizes) - number, len(shares) - 1 - place
        is_full = done + size / 2 > limit + 1e-9 * total
        if parts_left and not is_empty and (is_full or groups_left == parts_left):
            place, is_empty = place + 1, True
            limit += shares[place] * total
        yield place
        done, is_empty = done + size, False


def _key(file_name: str, group_by: str | None, findings: Findings) -> str:
    """Return the key of an image's group; without a group it is the name."""
    if group_by is None:
        return file_name
    if group_by == FOLDER:
        return file_name.rpartition("/")[0]
    found = re.search(group_by, file_name)
    if found is None:
        findings.note(f"images whose names do not match {group_by!r}, each a group", file_name)
        return file_name
    return found[1] if found.re.groups and found[1] is not None else found[0]

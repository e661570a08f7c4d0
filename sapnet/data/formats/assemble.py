"""Conversion of the marks of a foreign file to clicks: find images, join groups, check."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

from sapnet.data.formats.marks import IGNORED_CATEGORIES, Findings, Mark, Source
from sapnet.data.formats.object_masks import join_mask, read_coverage
from sapnet.data.formats.points import Box, Point
from sapnet.geometry.damage import damaged_rles
from sapnet.geometry.middles import middle_pixels
from sapnet.geometry.rle import rle_areas
from sapnet.structures.clicks import RLE, Category, Click, ClickSet, ImageRecord
from sapnet.structures.coverage import only_images

BORDER = 1.0
"""Tolerance, in pixels, for points outside their image; such points are moved into the image."""

_INSIDE = 0.5  # distance from the border of a moved point: the center of the last pixel
_NO_ID = -1


@dataclass(frozen=True)
class _Object:
    """The marks of one object, with its image, its category and its points inside the image."""

    marks: list[Mark]
    image: ImageRecord
    category_id: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class AssembleOptions:
    """Choices of a conversion to clicks.

    Attributes:
        points_only: True to leave out the source's boxes and masks.
        drop_empty: True to leave out images without an object.
        drop_unused: True to leave out categories without an object.
        negative_category: points of this category are negative clicks of the object of their group.
        for_masks: True if only masks matter. Then it is not noted how objects without a click got
            their point.
    """

    points_only: bool = False
    drop_empty: bool = False
    drop_unused: bool = False
    negative_category: str | None = None
    for_masks: bool = False


def assemble(
    source: Source,
    images: Mapping[str, ImageRecord],
    findings: Findings,
    options: AssembleOptions,
) -> ClickSet:
    """Convert the marks of a file to clicks.

    Marks of one image with the same group and category form one object. Outlines are filled and
    joined to one mask. An object without a point gets the pixel of its mask that is nearest to the
    center of the mask's box, else the center of its box; both are noted. Regions to ignore and
    marks of images become the coverage.

    Args:
        source: the images and marks that a reader found.
        images: the images that were found, by their reference; see `find_images`.
        findings: collects what is lost or changed.
        options: what to leave out.

    Returns:
        Images in file order and categories, with the ids of the source or from 1, and clicks with
        the ids of the source if every object has one, else from 1.
    """
    negative = options.negative_category
    regions = [mark for mark in source.marks if mark.is_region]
    source = replace(source, marks=tuple(mark for mark in source.marks if not mark.is_region))
    names = [mark.category for mark in source.marks if mark.category != negative]
    categories = _all_categories(source.categories, names, negative)
    id_of_name = {category.name: category.category_id for category in categories}
    objects = []
    for marks in _objects(source.marks, negative, findings):
        image = images.get(marks[0].reference)
        if image is None:
            findings.skip("objects on an image that is left out", marks[0].place)
            continue
        points = [point for mark in marks for point in mark.points]
        kept_points = _inside(points, image, marks[0].place, findings)
        objects.append(_Object(marks, image, id_of_name[marks[0].category], kept_points))
    masks = _sound_masks(objects, findings)
    middles = _middles_of_masks(masks, [not found.points for found in objects])
    made = [
        _click(found, mask, middle, findings, options)
        for found, mask, middle in zip(objects, masks, middles, strict=True)
    ]
    clicks = [click for click in made if click is not None]
    kept_images = _used_images(images.values(), clicks, findings, options.drop_empty)
    used = _used_categories(source.categories, categories, clicks, findings, options)
    coverage = read_coverage(source.images, regions, images, used, findings)
    coverage = only_images(coverage, [image.image_id for image in kept_images])
    return ClickSet(kept_images, used, _with_ids(clicks), coverage, source.bands)


def _used_images(
    images: Collection[ImageRecord], clicks: list[Click], findings: Findings, drops: bool
) -> tuple[ImageRecord, ...]:
    """Note the images without an object, and leave them out if told so."""
    clicked = {click.image_id for click in clicks}
    what = f"images without an object, {'left out' if drops else 'kept as empty'}"
    for image in images:
        if image.image_id not in clicked:
            findings.note(what, image.file_name)
    return tuple(image for image in images if not drops or image.image_id in clicked)


def _used_categories(
    declared: Iterable[Category],
    categories: tuple[Category, ...],
    clicks: list[Click],
    findings: Findings,
    options: AssembleOptions,
) -> tuple[Category, ...]:
    """Note the declared categories without an object, and leave them out if told so."""
    clicked = {click.category_id for click in clicks}
    unused = {c for c in declared if c in categories and c.category_id not in clicked}
    what = "categories without an object, " + (
        "left out" if options.drop_unused else "kept; --drop-unused leaves them out"
    )
    for category in sorted(unused, key=lambda category: category.category_id):
        findings.note(what, f"{category.name!r}, id {category.category_id}")
    return tuple(c for c in categories if not options.drop_unused or c.category_id in clicked)


def _all_categories(
    declared: tuple[Category, ...], used: Iterable[str], negative: str | None
) -> tuple[Category, ...]:
    categories = [c for c in declared if c.name not in (negative, *IGNORED_CATEGORIES)]
    known = {category.name for category in categories}
    next_id = max((category.category_id for category in declared), default=0) + 1
    for name in dict.fromkeys(used):
        if name not in known:
            categories.append(Category(next_id, name))
            next_id += 1
    return tuple(sorted(categories, key=lambda category: category.category_id))


def _objects(
    marks: Iterable[Mark], negative: str | None, findings: Findings
) -> Iterable[list[Mark]]:
    """Yield the marks of each object, in the order of the objects' first marks."""
    objects: dict[Hashable, list[Mark]] = {}
    negatives: dict[Hashable, list[Mark]] = {}
    for index, mark in enumerate(marks):
        group = (mark.reference, mark.group)
        if mark.category == negative:
            negatives.setdefault(group, []).append(mark)
        elif mark.group is None:
            objects[index] = [mark]
        else:
            objects.setdefault((*group, mark.category), []).append(mark)
    for members in objects.values():
        group = (members[0].reference, members[0].group)
        beside = negatives.pop(group, []) if members[0].group is not None else []
        if beside:
            points = tuple(point for mark in beside for point in mark.points)
            members[0] = replace(members[0], negative_points=members[0].negative_points + points)
        yield members
    for lost in negatives.values():
        for mark in lost:
            findings.skip(f"points of {negative!r} without an object in their group", mark.place)


def _sound_masks(objects: list[_Object], findings: Findings) -> list[RLE | None]:
    """Join the masks of each object; None for those that have none, or none with a pixel."""
    masks = [join_mask(found.marks, found.image, findings) for found in objects]
    held = [(index, mask) for index, mask in enumerate(masks) if mask is not None]
    is_damaged = damaged_rles([mask for _, mask in held]).tolist()
    sound = []
    for (index, mask), damaged in zip(held, is_damaged, strict=True):
        if damaged:
            where = f"{objects[index].marks[0].place}: run lengths that do not cover its image"
            findings.skip("masks that cannot be read", where)
            masks[index] = None
        else:
            sound.append((index, mask))
    areas = rle_areas([mask for _, mask in sound]).tolist()
    for (index, _), area in zip(sound, areas, strict=True):
        if area == 0:
            place = objects[index].marks[0].place
            findings.skip("masks without a pixel inside their image", place)
            masks[index] = None
    return masks


def _middles_of_masks(masks: list[RLE | None], is_needed: list[bool]) -> list[Point | None]:
    """Return the middle of each mask that is needed, None for the others.

    It is the center of the pixel that is nearest to the center of the mask's box.
    """
    by_size: dict[tuple[int, ...], list[int]] = {}
    for index, (mask, needed) in enumerate(zip(masks, is_needed, strict=True)):
        if mask is not None and needed:
            by_size.setdefault(tuple(mask["size"]), []).append(index)
    found: list[Point | None] = [None] * len(masks)
    for indices in by_size.values():
        rles = [mask for index in indices if (mask := masks[index]) is not None]
        for index, (column, row) in zip(indices, middle_pixels(rles).tolist(), strict=True):
            found[index] = (column + _INSIDE, row + _INSIDE)
    return found


def _click(
    found: _Object,
    mask: RLE | None,
    middle: Point | None,
    findings: Findings,
    options: AssembleOptions,
) -> Click | None:
    marks, image, place = found.marks, found.image, found.marks[0].place
    points = found.points
    negative = _inside([p for m in marks for p in m.negative_points], image, place, findings)
    box = _one_box([mark.box for mark in marks if mark.box is not None], image, place, findings)
    if not points and middle is not None:
        if not options.for_masks:
            findings.note("objects clicked at the middle of their mask", place)
        points = (middle,)
    elif not points and box is not None:
        findings.note("objects clicked at the middle of their box, which may miss them", place)
        points = _inside([((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)], image, place, findings)
    if not points:
        findings.skip("objects without a point, box or mask inside their image", place)
        return None
    ids = [mark.annotation_id for mark in marks if mark.annotation_id is not None]
    return Click(
        annotation_id=ids[0] if ids else _NO_ID,
        image_id=image.image_id,
        category_id=found.category_id,
        points=points,
        negative_points=negative,
        box=None if options.points_only else box,
        mask=None if options.points_only else mask,
    )


def _inside(
    points: list[Point], image: ImageRecord, place: str, findings: Findings
) -> tuple[Point, ...]:
    """Return the points inside the image; those on its border are moved into it."""
    kept: list[Point] = []
    for x, y in points:
        is_near = -BORDER <= x <= image.width + BORDER and -BORDER <= y <= image.height + BORDER
        if not is_near:
            where = f"{place}: ({x:g}, {y:g}) on {image.width} x {image.height}"
            findings.skip("points outside their image", where)
            continue
        moved = (
            min(x, image.width - _INSIDE) if x >= image.width else max(x, 0.0),
            min(y, image.height - _INSIDE) if y >= image.height else max(y, 0.0),
        )
        if moved != (x, y):
            findings.note("points on the border, moved into their image", place)
        kept.append(moved)
    return tuple(kept)


def _one_box(boxes: list[Box], image: ImageRecord, place: str, findings: Findings) -> Box | None:
    """Return the box around all boxes of an object, clipped to the image."""
    if not boxes:
        return None
    x1, y1 = (max(0.0, min(box[i] for box in boxes)) for i in (0, 1))
    x2 = min(float(image.width), max(box[2] for box in boxes))
    y2 = min(float(image.height), max(box[3] for box in boxes))
    if x2 <= x1 or y2 <= y1:
        findings.skip("boxes without area inside their image", place)
        return None
    return x1, y1, x2, y2


def _with_ids(clicks: list[Click]) -> tuple[Click, ...]:
    """Return the clicks with their own ids if each has one, else numbered from 1."""
    ids = {click.annotation_id for click in clicks}
    if len(ids) == len(clicks) and _NO_ID not in ids:
        return tuple(clicks)
    return tuple(replace(click, annotation_id=i) for i, click in enumerate(clicks, start=1))

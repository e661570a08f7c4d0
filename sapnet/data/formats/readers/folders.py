"""Folders of json files of one format (Roboflow: train, valid, test), read as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sapnet.data.choices import SourceFormat
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.structures.clicks import Category


def read_folder(
    files: Sequence[Path],
    root: Path,
    images: Path | None,
    read: Callable[[Path], Source],
    findings: Findings,
) -> Source:
    """Read files of one format and join them.

    An image that lies beside its file, or in the same sub-folder of the image folder, gets that
    sub-folder as a prefix of its reference. Categories are matched by name.

    Args:
        files: the files.
        root: the folder that holds them.
        images: folder of the images, None if it is not given.
        read: reader of one file.
        findings: collects what is changed: splits are joined, ids numbered anew where two files
            give them to different things.

    Returns:
        The images, categories and marks of all files.

    Raises:
        ValueError: two files list one image.
    """
    parts = [_with_prefix(read(file), file, root, images) for file in files]
    if len(parts) == 1:
        return parts[0]
    for file in files:
        findings.note(
            "files joined to one, which keeps no split", file.relative_to(root).as_posix()
        )
    _check_images(parts, files, root)
    categories = _join_categories(parts, findings)
    image_ids = [image.image_id for part in parts for image in part.images]
    keeps_images = _are_unique(image_ids)
    mark_ids = [mark.annotation_id for part in parts for mark in part.marks]
    keeps_marks = _are_unique(mark_ids)
    for is_kept, ids, what in (
        (keeps_images, image_ids, "image ids"),
        (keeps_marks, mark_ids, "object ids"),
    ):
        if not is_kept and any(entry is not None for entry in ids):
            findings.note(f"{what} that several files use, numbered anew", root.name)
    return Source(
        images=tuple(
            image if keeps_images else replace(image, image_id=None)
            for part in parts
            for image in _but_for_others(part, categories)
        ),
        categories=categories,
        marks=tuple(
            mark if keeps_marks else replace(mark, annotation_id=None)
            for part in parts
            for mark in part.marks
        ),
        bands=_bands_of(parts, root, findings),
    )


def json_files(root: Path, name: SourceFormat, detect: Callable[[Path], str | None]) -> list[Path]:
    """List the json files of a folder and its sub-folders that have a format, sorted."""
    return [file for file in sorted(root.rglob("*.json")) if detect(file) == name]


def _with_prefix(source: Source, file: Path, root: Path, images: Path | None) -> Source:
    """Put the sub-folder of the file before the references of the images that lie there."""
    folder = file.parent.relative_to(root)
    places = [root / folder] if images is None else [images / folder, root / folder]
    moved = {
        image.reference: (folder / image.reference).as_posix()
        for image in source.images
        if folder.parts and any((place / image.reference).is_file() for place in places)
    }
    prefix = "" if file.parent == root else f"{folder.as_posix()}/"

    def placed(mark: Mark) -> Mark:
        reference = moved.get(mark.reference, mark.reference)
        return replace(mark, reference=reference, place=prefix + mark.place)

    return replace(
        source,
        images=tuple(
            replace(
                image,
                reference=moved.get(image.reference, image.reference),
                place=prefix + image.place,
            )
            for image in source.images
        ),
        marks=tuple(map(placed, source.marks)),
    )


def _check_images(parts: Sequence[Source], files: Sequence[Path], root: Path) -> None:
    file_of: dict[str, Path] = {}
    for part, file in zip(parts, files, strict=True):
        for image in part.images:
            if image.reference in file_of:
                first, second = (
                    path.relative_to(root) for path in (file_of[image.reference], file)
                )
                raise ValueError(
                    f"{root}: expected every image in one file, but {first} and {second} both list "
                    f"{image.reference!r}. Name one of the files, or put each beside its images."
                )
        file_of |= {image.reference: file for image in part.images}


def _join_categories(parts: Sequence[Source], findings: Findings) -> tuple[Category, ...]:
    """Return one category per name, with the files' ids if they agree, else numbered from 1."""
    declared = [category for part in parts for category in part.categories]
    names = dict.fromkeys(category.name for category in declared)
    distinct = dict.fromkeys((category.category_id, category.name) for category in declared)
    if len(distinct) == len(names) == len({number for number, _ in distinct}):
        return tuple(Category(number, name) for number, name in distinct)
    for name in names:
        ids = ", ".join(str(number) for number, other in distinct if other == name)
        findings.note("categories matched by name and numbered anew", f"{name!r}, ids {ids}")
    return tuple(Category(number, name) for number, name in enumerate(names, start=1))


def _but_for_others(part: Source, categories: Sequence[Category]) -> list[SourceImage]:
    """Return images of a file; marked ones are partial for categories that it does not have."""
    own = {category.name for category in part.categories}
    others = tuple(category.name for category in categories if category.name not in own)
    return [
        image
        if image.partial is None or image.partial is True
        else replace(image, partial=(*image.partial, *others))
        for image in part.images
    ]


def _bands_of(parts: Sequence[Source], root: Path, findings: Findings) -> tuple[int, ...]:
    """Return the bands that the files note; none where they differ."""
    noted = {part.bands for part in parts}
    if len(noted) > 1:
        findings.note("bands that differ between files, not kept", root.name)
    return noted.pop() if len(noted) == 1 else ()


def _are_unique(ids: Sequence[int | None]) -> bool:
    return None not in ids and len(set(ids)) == len(ids)

"""Images of one file found by the names that another file uses.

A name is the path relative to the folder of images. Two names are the same image if they are equal,
or if all names of the one file lack the same kind of beginning: each is the ending of exactly one
name of the other file. Everything else is refused, because a number such as the place in a list
proves nothing.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sapnet.structures.clicks import ImageRecord

NUM_NAMED = 5
"""Names that a message lists."""


@dataclass(frozen=True)
class ImageMatch:
    """Images by the names that another file uses.

    Attributes:
        images: the image of each name.
        note: line for the user about a match that is not the obvious one; empty for equal names.
    """

    images: Mapping[str, ImageRecord] = field(default_factory=dict)
    note: str = ""


def match_images(
    names: Iterable[str], images: Sequence[ImageRecord], source: str, target: str
) -> ImageMatch:
    """Find the images that names stand for.

    Args:
        names: file names of one file, each once or more often.
        images: the images of the other file.
        source: description of the file of the names, for messages.
        target: description of the file of the images.

    Raises:
        ValueError: a name stands for no image, for several, or for the same one as another name.
    """
    wanted = list(dict.fromkeys(names))
    by_path = _by_path(images)
    equal = {name: by_path[_parts(name)] for name in wanted if _parts(name) in by_path}
    if len(equal) == len(wanted):
        return ImageMatch(_one_each(equal, source, target))
    absent = [name for name in wanted if name not in equal]
    if equal:  # names with folders are there, so that a name without one is a file of its own
        raise ValueError(_unlisted(absent, images, source, target))
    endings = _by_ending(by_path)
    if unknown := [name for name in wanted if not endings.get(_parts(name))]:
        raise ValueError(_unlisted(unknown, images, source, target))
    found = {name: _flat(endings[_parts(name)]) for name in wanted}
    matched = _one_each(found, source, target)
    first = next(iter(matched))
    note = (
        f"{source}: images are matched by the end of their path, such as {first!r} with "
        f"{matched[first].file_name!r} of {target}"
    )
    return ImageMatch(matched, note)


def one_id_per_name(pairs: Iterable[tuple[str, int]], source: str) -> None:
    """Check that no file name stands for two images.

    Args:
        pairs: file name and image id of each record.
        source: description of the file, for the message.

    Raises:
        ValueError: a name comes with two ids: it has lost the folder that told the images apart.
    """
    ids: dict[str, int] = {}
    for name, image_id in pairs:
        if ids.setdefault(name, image_id) != image_id:
            raise ValueError(
                f"{source}: expected one image per file name, but {name!r} stands for the images "
                f"{ids[name]} and {image_id}. Names need the folder: predict again with this "
                "version, or write paths relative to the folder of images."
            )


def same_path(first: str, second: str) -> bool:
    """Return True if two names are the same path, however its slashes and accents are written."""
    return _parts(first) == _parts(second)


def _parts(name: str) -> tuple[str, ...]:
    """Split a path; kinds of slashes, `./` and forms of accents make no difference."""
    text = unicodedata.normalize("NFC", name).replace("\\", "/")
    return tuple(part for part in text.split("/") if part not in ("", "."))


def _by_path(images: Sequence[ImageRecord]) -> dict[tuple[str, ...], list[ImageRecord]]:
    found: dict[tuple[str, ...], list[ImageRecord]] = defaultdict(list)
    for image in images:
        found[_parts(image.file_name)].append(image)
    return found


def _by_ending(
    by_path: Mapping[tuple[str, ...], list[ImageRecord]],
) -> dict[tuple[str, ...], list[list[ImageRecord]]]:
    """Return the images by every proper ending of their path."""
    found: dict[tuple[str, ...], list[list[ImageRecord]]] = defaultdict(list)
    for parts, images in by_path.items():
        for start in range(1, len(parts)):
            found[parts[start:]].append(images)
    return found


def _flat(groups: Sequence[list[ImageRecord]]) -> list[ImageRecord]:
    return [image for group in groups for image in group]


def _one_each(
    found: Mapping[str, list[ImageRecord]], source: str, target: str
) -> dict[str, ImageRecord]:
    """Return the only image of each name, which must be no other name's."""
    name_of: dict[int, str] = {}
    for name, images in found.items():
        if len(images) > 1:
            listed = ", ".join(f"{i.file_name!r} (image {i.image_id})" for i in images[:NUM_NAMED])
            raise ValueError(
                f"{source}: {name!r} fits several images of {target}: {listed}. Write names that "
                "tell them apart, with their folders."
            )
        other = name_of.setdefault(images[0].image_id, name)
        if other != name:
            raise ValueError(
                f"{source}: {other!r} and {name!r} both fit the image {images[0].file_name!r} of "
                f"{target}. Write each name as it is there."
            )
    return {name: images[0] for name, images in found.items()}


def _unlisted(names: Sequence[str], images: Sequence[ImageRecord], source: str, target: str) -> str:
    shown = ", ".join(map(repr, names[:NUM_NAMED])) + (", ..." if len(names) > NUM_NAMED else "")
    known = f"{len(images)} images, such as {images[0].file_name!r}" if images else "no image"
    return (
        f"{source}: {len(names)} images not in {target}, which lists {known}: {shown}. Use files "
        "of the same images, named by their path below the same folder, or list these images, too."
    )

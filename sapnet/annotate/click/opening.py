"""Opening of a clicks file: its clicks, its further keys, and the images of its folder."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sapnet.annotate.click.click_file import ClickFile, KeptKeys
from sapnet.annotate.listing import ImageListing, list_folder
from sapnet.data.clicked_images import check_whole_images
from sapnet.data.clicks import load_clicks
from sapnet.data.image_files.address import bands_words
from sapnet.structures.clicks import Category, ClickSet
from sapnet.system.files import read_json

logger = logging.getLogger(__name__)

_CLICK_KEYS = frozenset(
    {"id", "image_id", "category_id", "point", "negative_points", "object_id", "bbox"}
    | {"segmentation", "area"}  # after a pin, the old area would belong to another mask
)


def open_click_file(
    images: Path,
    path: Path,
    classes: Iterable[str],
    bands: Sequence[int] | None = None,
    usual_bands: Sequence[int] = (),
) -> tuple[ImageListing, ClickFile]:
    """List a folder and open its clicks file, or begin a new one.

    Args:
        images: folder of the images.
        path: the clicks file.
        classes: names to add to the classes of the file.
        bands: numbers of the bands of the images that are shown, from 1 on; None for those that
            the file notes.
        usual_bands: those where neither is named; empty for the images' own.

    Returns:
        The images and the file.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the folder holds no image, or the file is malformed or belongs to other images.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected a clicks file to write, found a folder.")
    if path.is_file():
        clicks, kept = load_clicks(path), _read_kept(path)
    else:
        clicks, kept = ClickSet((), (), ()), KeptKeys({}, {}, {}, {})
    in_file = {category.category_id for category in clicks.categories}
    categories = _with_classes(clicks.categories, classes)  # none yet: the page asks
    if bands is not None and clicks.bands not in ((), tuple(bands)):
        logger.warning(
            "%s notes %s: from the next change on it will note %s",
            path,
            bands_words(clicks.bands),
            bands_words(bands),
        )
    bands = tuple(clicks.bands or usual_bands) if bands is None else tuple(bands)
    clicks = replace(clicks, categories=categories, bands=bands)
    listing = list_folder(images, clicks.images, bands)
    clicks = _upright(clicks, listing, images)
    file = ClickFile(path, listing, clicks, kept)
    file.reopen([c.category_id for c in categories if c.category_id not in in_file])
    return listing, file


def _with_classes(categories: Sequence[Category], classes: Iterable[str]) -> tuple[Category, ...]:
    found = list(categories)
    for name in classes:
        if name not in {category.name for category in found}:
            next_id = max((category.category_id for category in found), default=0) + 1
            found.append(Category(next_id, name))
    return tuple(found)


def _upright(clicks: ClickSet, listing: ImageListing, folder: Path) -> ClickSet:
    """Return the clicks in the upright frame, checked against the readable images."""
    readable = {image.name for image in listing if not image.problem}
    names = {image.image_id: image.file_name for image in clicks.images}
    present = ClickSet(
        tuple(image for image in clicks.images if image.file_name in readable),
        clicks.categories,
        tuple(click for click in clicks.clicks if names[click.image_id] in readable),
        clicks.coverage,
    )
    checked = check_whole_images(present, folder)
    images = {image.image_id: image for image in (*clicks.images, *checked.images)}
    turned = {click.annotation_id: click for click in (*clicks.clicks, *checked.clicks)}
    return replace(
        clicks,
        images=tuple(images.values()),
        clicks=tuple(turned.values()),
        coverage=checked.coverage,
    )


def _read_kept(path: Path) -> KeptKeys:
    content = read_json(path)

    def others(section: str, known: frozenset[str]) -> dict[int, dict[str, Any]]:
        return {
            entry["id"]: {key: value for key, value in entry.items() if key not in known}
            for entry in content[section]
        }

    sections = {"images", "categories", "annotations"}
    return KeptKeys(
        top={key: value for key, value in content.items() if key not in sections},
        images=others("images", frozenset({"id", "file_name", "width", "height"})),
        categories=others("categories", frozenset({"id", "name"})),
        annotations=others("annotations", _CLICK_KEYS),
    )

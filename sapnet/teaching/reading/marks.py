"""Masks of a file, whoever made it: ground truth, corrections of a review, pinned objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sapnet.data.clicked_images import is_listed_as_stored, turn_click, turn_mask
from sapnet.data.clicks import clicks_of
from sapnet.data.coco import instances_of
from sapnet.data.coco_json import CocoFile, read_bands, read_coco
from sapnet.data.corrections import corrections_of
from sapnet.data.image_files.address import with_bands
from sapnet.data.image_files.header import ImageHeader, read_header
from sapnet.data.image_files.inside import image_path
from sapnet.structures.clicks import RLE, Click, ImageRecord

NUM_NAMED = 3  # missing images that a message names


@dataclass(frozen=True)
class Mark:
    """A mask of an object, and the click that asked for it where somebody clicked.

    Attributes:
        rle: upright frame.
        category_id: of the object.
        click: with its further points and its box, upright frame; no box that was only estimated.
            None where nobody clicked.
    """

    rle: RLE
    category_id: int
    click: Click | None = None


def read_marks(
    path: Path, images: Path, bands: Sequence[int] | None = None
) -> Iterator[tuple[ImageRecord, list[Mark]]]:
    """Read the images of a file that have masks, with these masks.

    Args:
        path: a COCO instance file, a file of `sapnet review`, or a clicks file, of which the
            objects with a mask are read.
        images: folder of the images.
        bands: numbers of the bands that are read, from 1 on; None for those that the file notes.

    Yields:
        Images in the order of the file, of upright size, their names with the bands; each with at
        least one mask.

    Raises:
        FileNotFoundError: the file or some of its images are missing.
        ValueError: the file is malformed, or an image has another size than listed.
    """
    coco = read_coco(path)
    bands = read_bands(coco) if bands is None else bands
    grouped: dict[int, list[Mark]] = {}
    for image_id, mark in _marks(coco):
        grouped.setdefault(image_id, []).append(mark)
    marked = [image for image in coco.images if image.image_id in grouped]
    _check_present(path, [image.file_name for image in marked], images)
    for image in marked:
        file = image_path(images, image.file_name)
        header, marks = read_header(file), grouped[image.image_id]
        if is_listed_as_stored(image, header, file):
            marks = [_turned(mark, header) for mark in marks]
        height, width = header.upright_size
        name = str(with_bands(image.file_name, bands))
        yield replace(image, file_name=name, width=width, height=height), marks


def _marks(coco: CocoFile) -> Iterator[tuple[int, Mark]]:
    """Image id and mask of every object that has one."""
    if any("correction" in record for record in coco.annotations) or "deleted" in coco.further:
        clicks = [entry.click for entry in corrections_of(coco).fixed.values()]
    elif any("point" in record for record in coco.annotations):
        clicks = list(clicks_of(coco).clicks)
    else:
        for instance in instances_of(coco).instances:
            if not instance.is_crowd:
                yield instance.image_id, Mark(instance.rle(), instance.category_id)
        return
    for click in clicks:
        if click.mask is not None:
            # An estimated box is no fact about the object; it is not learned from.
            asked = replace(click, box=click.known_box, box_score=None, mask=None)
            yield click.image_id, Mark(click.mask, click.category_id, asked)


def _turned(mark: Mark, header: ImageHeader) -> Mark:
    click = None if mark.click is None else turn_click(mark.click, header)
    return replace(mark, rle=turn_mask(mark.rle, header.orientation), click=click)


def _check_present(path: Path, names: list[str], folder: Path) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        more = f" and {len(missing) - NUM_NAMED} more" if len(missing) > NUM_NAMED else ""
        raise FileNotFoundError(
            f"{path}: {len(missing)} of its images are not in {folder}: "
            f"{', '.join(missing[:NUM_NAMED])}{more}. Name their folder, as --images DIR or "
            f"`--data {path.name},images=DIR`."
        )

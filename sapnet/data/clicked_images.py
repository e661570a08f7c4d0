"""Checking of clicks against their image files, and conversion to the upright frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from sapnet.data.click_annotations import Point
from sapnet.data.image_files.address import file_of
from sapnet.data.image_files.header import ImageHeader, read_header
from sapnet.data.image_files.inside import image_path
from sapnet.data.image_files.raster import raster_size
from sapnet.data.orientation import UPRIGHT, orient_box, orient_mask, orient_points
from sapnet.data.problems import RecordError
from sapnet.geometry.rle import decode_masks, encode_masks
from sapnet.structures.clicks import RLE, Click, ClickSet, Coverage, ImageRecord
from sapnet.structures.coverage import only_images

_NUM_FILES_NAMED = 5  # missing files that a message names


def check_images(clicks: ClickSet, images_dir: Path | str) -> ClickSet:
    """Check clicks against their image files, and convert them to the upright frame.

    If the EXIF orientation of a file swaps its sides, and the image is listed with the size before
    the turn, then its clicks are in the frame before the turn and are turned too. (Orientations
    that keep the size cannot be recognized this way; then coordinates count as upright, as usual.)

    Args:
        clicks: the clicks.
        images_dir: the folder that the file names are relative to.

    Returns:
        The clicks, with the sizes and coordinates of the upright images.

    Raises:
        FileNotFoundError: image files are missing; the message names the first few.
        ValueError: a file cannot be read, or has another size than listed.
    """
    folder = Path(images_dir)
    _check_present(clicks.images, folder)
    images: list[ImageRecord] = []
    turned: dict[int, ImageHeader] = {}
    for image in clicks.images:
        path = image_path(folder, image.file_name)
        header = read_header(path)
        if is_listed_as_stored(image, header, path):
            turned[image.image_id] = header
        height, width = header.upright_size
        images.append(replace(image, width=width, height=height))
    return replace(
        clicks,
        images=tuple(images),
        clicks=tuple(
            turn_click(click, turned[click.image_id]) if click.image_id in turned else click
            for click in clicks.clicks
        ),
        coverage=turn_coverage(clicks.coverage, turned),
    )


def check_whole_images(clicks: ClickSet, folder: Path) -> ClickSet:
    """Check clicks of images of any size against their files, and turn them upright.

    Args:
        clicks: of whole images.
        folder: that the file names are relative to.

    Raises:
        FileNotFoundError, ValueError: as in `check_images`; the limit of pixels does not hold for
            files whose windows can be read alone.
    """
    _check_present(clicks.images, folder)
    found: dict[int, tuple[int, int] | None] = {}
    for image in clicks.images:
        path = image_path(folder, image.file_name)
        size = found[image.image_id] = raster_size(path)
        if size is not None:
            is_listed_as_stored(
                image, ImageHeader(size, UPRIGHT), image_path(folder, image.file_name)
            )
    others = tuple(image for image in clicks.images if found[image.image_id] is None)
    rest = tuple(click for click in clicks.clicks if found[click.image_id] is None)
    coverage = only_images(clicks.coverage, [image.image_id for image in others])
    checked = check_images(ClickSet(others, clicks.categories, rest, coverage), folder)
    images = {image.image_id: image for image in checked.images}
    turned = {click.annotation_id: click for click in checked.clicks}
    return replace(
        clicks,
        images=tuple(images.get(image.image_id, image) for image in clicks.images),
        clicks=tuple(turned.get(click.annotation_id, click) for click in clicks.clicks),
        coverage={**clicks.coverage, **checked.coverage},
    )


def is_listed_as_stored(image: ImageRecord, header: ImageHeader, path: Path) -> bool:
    """Return True if an image is listed with its size before an EXIF quarter turn.

    Args:
        image: the image as listed.
        header: header of its file.
        path: the file, for the message.

    Returns:
        False if it is listed with the size of the upright image.

    Raises:
        RecordError: it is listed with neither size.
    """
    listed = (image.height, image.width)
    height, width = header.upright_size
    if listed == (height, width):
        return False
    if listed != header.stored_size:
        raise RecordError(
            path,
            f"expected {image.width} x {image.height} px as listed, found {width} x {height} px. "
            "Name the folder of images that were clicked on, or export the clicks again.",
            kind="sizes disagree",
            image_id=image.image_id,
        )
    return True


def turn_click(click: Click, header: ImageHeader) -> Click:
    """Convert a click of the stored frame to the upright frame of its image."""
    frame = (header.stored_size, header.orientation)

    def turn(points: tuple[Point, ...]) -> tuple[Point, ...]:
        return tuple((x, y) for x, y in orient_points(points, *frame).tolist())

    return replace(
        click,
        points=turn(click.points),
        negative_points=turn(click.negative_points),
        box=None if click.box is None else orient_box(click.box, *frame),
        mask=None if click.mask is None else turn_mask(click.mask, header.orientation),
    )


def turn_coverage(
    coverage: Mapping[int, Coverage], turned: Mapping[int, ImageHeader]
) -> dict[int, Coverage]:
    """Convert regions of the stored frame to the upright frame of their image.

    Args:
        coverage: by image id.
        turned: header by image id, of the images that are in the stored frame.
    """
    found = dict(coverage)
    for image_id in coverage.keys() & turned.keys():
        regions = tuple(
            replace(region, mask=turn_mask(region.mask, turned[image_id].orientation))
            for region in coverage[image_id].ignored
        )
        found[image_id] = replace(coverage[image_id], ignored=regions)
    return found


def _check_present(images: Iterable[ImageRecord], folder: Path) -> None:
    missing = [
        image.file_name
        for image in images
        if not file_of(image_path(folder, image.file_name)).is_file()
    ]
    if missing:
        named = ", ".join(missing[:_NUM_FILES_NAMED])
        more = len(missing) - _NUM_FILES_NAMED
        rest = f" and {more} more" if more > 0 else ""
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of the listed images are missing: {named}{rest}. "
            "Name the folder that the file names are relative to."
        )


def turn_mask(mask: RLE, orientation: int) -> RLE:
    """Convert a mask of the stored frame to the upright frame of its image."""
    return encode_masks(orient_mask(decode_masks([mask])[0], orientation)[None])[0]

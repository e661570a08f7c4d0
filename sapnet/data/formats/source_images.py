"""The images of a foreign file, found in the image folder, with their sizes."""

from __future__ import annotations

from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Source, SourceImage
from sapnet.structures.clicks import ImageRecord
from sapnet.system.outside import MAX_PIXELS, shown


def find_images(source: Source, folder: ImageFolder, findings: Findings) -> dict[str, ImageRecord]:
    """Find the images of a source in the image folder.

    Args:
        source: the images and marks that a reader found.
        folder: the folder of the images.
        findings: collects the images that are left out.

    Returns:
        The images by reference.

    Raises:
        ValueError: a marked image has no size, or two references lead to one file.
    """
    marked = {mark.reference for mark in source.marks}
    found: dict[str, ImageRecord] = {}
    reference_of_name: dict[str, str] = {}
    for image in source.images:
        name = folder.file_name(image.reference)
        if name is None:
            findings.skip(f"images that are not in {folder.folder}", image.reference)
            continue
        if image.reference == reference_of_name.get(name):
            raise ValueError(
                f"{image.place}: expected one entry per image, but {image.reference!r} is listed "
                "twice. Join the entries, or drop one."
            )
        if name in reference_of_name:
            raise ValueError(
                f"{image.place}: expected one entry per image, but {image.reference!r} and "
                f"{reference_of_name[name]!r} both lead to {name}. Tell them apart with --path-map."
            )
        if image.size is None and folder.folder is None and image.reference not in marked:
            # Label Studio, for example, gives the size only with the regions.
            findings.skip("images without an object and without a size; see --images", name)
            continue
        size = _size(image, name, folder, findings)
        if size is not None:
            reference_of_name[name] = image.reference
            image_id = len(found) + 1 if image.image_id is None else image.image_id
            found[image.reference] = ImageRecord(image_id, name, size[1], size[0])
    return found


def _size(
    image: SourceImage, name: str, folder: ImageFolder, findings: Findings
) -> tuple[int, int] | None:
    """Return the listed size of an image, else its upright size; None if it is unusable.

    A listed size must be the stored or the upright size of the image.
    """
    try:
        header = folder.header(name)
    except ValueError as error:
        findings.skip("images that cannot be read", str(error))
        return None
    if header is None:
        if image.size is None:
            raise ValueError(
                f"{image.place}: expected the size of {image.reference!r}, but the source does not "
                "hold it. Name the folder of the images with --images."
            )
        if not (0 < min(image.size) and image.size[0] * image.size[1] <= MAX_PIXELS):
            height, width = image.size
            raise ValueError(
                f"{image.place}: expected an image of 1 to {MAX_PIXELS} pixels, found "
                f"{shown(width)} x {shown(height)}. Correct its size, or name the folder of the "
                "images with --images."
            )
        return image.size
    if image.size in (None, header.upright_size):
        return header.upright_size
    if image.size == header.stored_size:  # `check_images` turns the clicks later
        findings.note("images listed with their size before the EXIF turn", name)
        return image.size
    listed, real = (f"{w} x {h}" for h, w in (image.size, header.upright_size))
    findings.skip("images of another size than listed", f"{name}: {listed} listed, {real} found")
    return None

"""The bit depth of a data set whose images may be remote."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from sapnet.data.image_files.depth import find_depth
from sapnet.data.images import is_deep_file
from sapnet.proposals.sources import ImageSource
from sapnet.structures.clicks import ClickSet
from sapnet.system.locations import Location, local_file

logger = logging.getLogger(__name__)

NUM_SAMPLED = 32
"""Remote images that are fetched to see whether there are any of more than 8 bits."""

_BYTE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".mpo"})
"""Endings of formats with 8 bits, which need not be fetched."""

_READERS = 8


def find_source_depth(source: ImageSource, clicks: ClickSet) -> int | None:
    """Find the bit depth of a data set from the largest value of its images.

    Files in a local folder are all looked at. Elsewhere, fetching all of them would take as long as
    the proposing: some are fetched, spread evenly, and the others only if one of these has more
    than 8 bits. `require_depth` refuses an image that the sample does not speak for.

    Args:
        source: locations of the images.
        clicks: names of the images.

    Returns:
        The depth, see `find_depth`; None if no image that was looked at has more than 8 bits.
    """
    names = [image.file_name for image in clicks.images]
    folder = source.local_folder
    if folder is not None:
        return find_depth(folder / name for name in names)
    deep = [name for name in names if PurePosixPath(name).suffix.lower() not in _BYTE_SUFFIXES]
    sample = deep[:: max(1, len(deep) // NUM_SAMPLED)]
    found = _largest(source, sample)
    if found is None or len(sample) == len(deep):
        return found
    logger.info(
        "looking for the bit depth of %d images, which --bits would save; each is fetched",
        len(deep),
    )
    return _largest(source, deep)


def require_depth(path: Path, bits: int | None) -> None:
    """Raise a ValueError for an image of more than 8 bits in a data set of unknown bit depth.

    Args:
        path: the image.
        bits: bit depth of the data set; None if images of 8 bits alone are expected.
    """
    if bits is None and is_deep_file(path):
        raise ValueError(
            "has more than 8 bits per channel, unlike the images that were looked at for the bit "
            "depth of the data set. Name it with --bits, such as --bits 16, and a new store."
        )


def _largest(source: ImageSource, names: Sequence[str]) -> int | None:
    with ThreadPoolExecutor(_READERS) as pool:
        depths = pool.map(lambda name: _depth_of(source, name), names)
        return max((depth for depth in depths if depth is not None), default=None)


def _depth_of(source: ImageSource, name: str) -> int | None:
    """Return the depth of one image; None if it has 8 bits or cannot be fetched."""
    try:
        place: Location = source.locate(name)
        with local_file(place) as path:
            return find_depth([path])
    except Exception as error:  # each protocol's client raises its own; proposing names the image
        logger.debug("%s: %s", name, error)
        return None

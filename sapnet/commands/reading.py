"""Options and messages of the commands that read many images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from sapnet.structures.left_out import LeftOutImage


def add_skip_argument(parser: ArgumentParser) -> None:
    """Add the option that leaves out images that cannot be read."""
    parser.add_argument(
        "--skip-errors",
        action="store_true",
        help="leave out images that cannot be read; the exit status is then 3",
    )


def add_reading_arguments(parser: ArgumentParser, *, with_bits: bool = True) -> None:
    """Add the options for images of more than 8 bits and for large ones."""
    if with_bits:
        parser.add_argument(
            "--bits",
            type=int | None,
            help="bit depth of images of more than 8 bits, the same for all; by default that of "
            "the run or of the largest value of all images",
        )
    parser.add_argument(
        "--max-pixels",
        type=int | None,
        help="most pixels of an image (default: 179 million, Pillow's limit)",
    )


def add_tile_arguments(parser: ArgumentParser) -> None:
    """Add the options for windows of large images, and for bands."""
    parser.add_argument(
        "--tile",
        type=int | None,
        help="side of the windows that larger images are cut into, pixels; 0 keeps them whole; by "
        "default as in the training, else for images of more than 100 million pixels",
    )
    parser.add_argument(
        "--overlap",
        type=int | None,
        help="pixels that neighbouring windows share; by default a quarter of their side",
    )
    add_bands_argument(parser)


def add_bands_argument(parser: ArgumentParser) -> None:
    """Add the option that chooses the bands of images of more than three."""
    parser.add_argument(
        "--bands",
        type=tuple[int, ...] | None,
        help="numbers of the bands that are read, from 1 on: red, green and blue, or one for gray",
    )


def print_left_out(images: Sequence[LeftOutImage]) -> None:
    """Print which images were left out, and why."""
    if not images:
        return
    print(f"{len(images)} {'image was' if len(images) == 1 else 'images were'} left out:")
    for image in images:
        print(f"  {image.file_name}: {image.reason}")

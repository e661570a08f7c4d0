"""Reading of the images of a report, with those that cannot be read left out on request."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.image_files.address import with_bands
from sapnet.data.image_files.inside import image_path
from sapnet.data.images import load_image
from sapnet.structures.left_out import LeftOutImage, UnusableImageError

if TYPE_CHECKING:
    import numpy as np


@dataclass
class ReadingOptions:
    """Settings with which the images of a report are read.

    Attributes:
        bits: bit depth of images of more than 8 bits.
        skip_errors: leave out images that cannot be read, instead of stopping.
        bands: numbers of the bands that are shown, from 1 on; empty for those of the run.
        left_out: the images that were left out so far.
    """

    bits: int | None = None
    skip_errors: bool = False
    bands: tuple[int, ...] = ()
    left_out: list[LeftOutImage] = field(default_factory=list)

    def read(self, folder: Path, file_name: str, size: tuple[int, int] | None) -> np.ndarray | None:
        """Return the pixels of an image, (H, W, 3) uint8 RGB; None if it is left out.

        Args:
            folder: the folder of the images.
            file_name: of the image.
            size: (height, width) of its masks; None if it has none.

        Raises:
            UnusableImageError: it is missing, cannot be read or has another size, and none is to be
                left out.
        """
        path = image_path(folder, file_name)
        try:
            pixels = load_image(with_bands(path, self.bands), self.bits)
            if size not in (None, pixels.shape[:2]):
                raise ValueError(
                    f"{path}: expected {size[1]} x {size[0]} px, as its masks have, found "
                    f"{pixels.shape[1]} x {pixels.shape[0]} px. Name the folder of images that the "
                    "masks were made for."
                )
            return pixels
        except (OSError, ValueError) as error:
            if not self.skip_errors:
                raise UnusableImageError(
                    f"{error} --skip-errors leaves such images out."
                ) from error
            reason = str(error).removeprefix(f"{path}: ")
            entry = LeftOutImage(file_name, reason)
            if entry not in self.left_out:
                self.left_out.append(entry)
            return None

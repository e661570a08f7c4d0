"""Common parts of the writers: options, image files, and names of label files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sapnet.data.image_files.inside import image_path
from sapnet.structures.clicks import ImageRecord


@dataclass(frozen=True)
class ExportOptions:
    """Settings of an export.

    Attributes:
        images: folder of the images, None to write only labels.
        simplify: largest distance in pixels between a mask's outline and its polygon; 0 keeps every
            corner.
        url_prefix: prefix of the images' addresses in Label Studio.
        model_version: origin of the predictions that Label Studio shows.
        overwrite: replace the file, or what an earlier export wrote into the folder.
    """

    images: Path | None = None
    simplify: float = 0.0
    url_prefix: str = "/data/local-files/?d="
    model_version: str = "sapnet"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.simplify < 0:
            raise ValueError(f"expected simplify >= 0 pixels, found {self.simplify}")


def place_image(image: ImageRecord, images: Path | None, folder: Path) -> None:
    """Put an image file into an exported folder, as a hard link if possible, else as a copy.

    Args:
        image: the image.
        images: folder of the image; None does nothing.
        folder: folder to put it into, under the same name.

    Raises:
        FileNotFoundError: there is no such image.
    """
    if images is None:
        return
    source, target = (image_path(place, image.file_name) for place in (images, folder))
    if not source.is_file():
        raise FileNotFoundError(
            f"{source}: no such image file. Name the folder that the file names are relative to."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def label_name(image: ImageRecord, suffix: str) -> str:
    """Return the name of an image's label file, relative to the folder of labels."""
    return PurePosixPath(image.file_name).with_suffix(suffix).as_posix()


def check_label_names(images: Iterable[ImageRecord]) -> None:
    """Check that no two images would share one label file, such as `a.jpg` and `a.png`.

    Raises:
        ValueError: two images would; the message names both.
    """
    seen: dict[str, str] = {}
    for image in images:
        name = label_name(image, "")
        if name in seen:
            raise ValueError(
                f"{seen[name]} and {image.file_name} would share one label file in this format. "
                "Rename one of them, or export to COCO or Label Studio."
            )
        seen[name] = image.file_name

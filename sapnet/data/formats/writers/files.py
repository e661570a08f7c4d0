"""What the writers of several formats share: options, image files beside the labels, names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sapnet.structures.clicks import ImageRecord


@dataclass(frozen=True)
class ExportOptions:
    """How masks are written.

    Attributes:
        images: folder of the images, None to write labels alone.
        simplify: greatest distance in pixels between a mask's outline and its polygon; 0 keeps
            every corner.
        url_prefix: what Label Studio finds the images under.
        model_version: what Label Studio shows as the predictions' origin.
    """

    images: Path | None = None
    simplify: float = 0.0
    url_prefix: str = "/data/local-files/?d="
    model_version: str = "sapnet"

    def __post_init__(self) -> None:
        if self.simplify < 0:
            raise ValueError(f"expected simplify >= 0 pixels, found {self.simplify}")


def place_image(image: ImageRecord, images: Path | None, folder: Path) -> None:
    """Puts an image file into an exported folder: a hard link where the disk allows, else a copy.

    Args:
        image: the image.
        images: where it lies; None does nothing.
        folder: where it goes, under the same name.

    Raises:
        FileNotFoundError: if it is not there.
    """
    if images is None:
        return
    source, target = images / image.file_name, folder / image.file_name
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
    """The name of an image's label file, relative to the folder of labels."""
    return PurePosixPath(image.file_name).with_suffix(suffix).as_posix()


def check_label_names(images: Iterable[ImageRecord]) -> None:
    """Refuses images whose label files would have one name (`a.jpg` and `a.png`).

    Raises:
        ValueError: naming both.
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

"""Common parts of the writers: options, image files, and names of label files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from sapnet.data.choices import ImagesAs
from sapnet.data.image_files.inside import image_path
from sapnet.structures.clicks import ImageRecord
from sapnet.structures.split import Split, parse_split

HIDDEN = "objects without a pixel of their own, under smaller ones"
"""Finding where a pixel belongs to one object only."""


class ExportSettings(Protocol):
    """Settings of a command that writes masks, see `LabelConfig`."""

    @property
    def simplify(self) -> float:
        """Largest distance of polygons from the outline."""

    @property
    def url_prefix(self) -> str:
        """Prefix of the images' addresses in Label Studio."""

    @property
    def images_as(self) -> ImagesAs:
        """Way to put images into a folder."""

    @property
    def split(self) -> str | None:
        """Shares of the parts."""

    @property
    def split_seed(self) -> int:
        """Seed of the split."""

    @property
    def group_by(self) -> str | None:
        """Images that stay together."""

    @property
    def overwrite(self) -> bool:
        """True to replace an earlier export."""


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
        images_as: put images into the folder as hard links (as copies where the disk does not allow
            links), as copies, or leave them where they are.
        split: shares of train, val and test; None writes one part.
    """

    images: Path | None = None
    simplify: float = 0.0
    url_prefix: str = "/data/local-files/?d="
    model_version: str = "sapnet"
    overwrite: bool = False
    images_as: ImagesAs = "link"
    split: Split | None = None

    def __post_init__(self) -> None:
        if self.simplify < 0:
            raise ValueError(f"expected simplify >= 0 pixels, found {self.simplify}")

    @property
    def places_images(self) -> bool:
        """True if images are put into the exported folder."""
        return self.images is not None and self.images_as != "leave"

    @classmethod
    def of(cls, settings: ExportSettings, images: Path | None) -> ExportOptions:
        """Return the options that the settings of a command name.

        Raises:
            ValueError: one makes no sense.
        """
        return cls(
            images,
            settings.simplify,
            settings.url_prefix,
            overwrite=settings.overwrite,
            images_as=settings.images_as,
            split=parse_split(settings.split, settings.split_seed, settings.group_by),
        )


def place_image(image: ImageRecord, options: ExportOptions, folder: Path) -> None:
    """Put an image file into an exported folder, if the options say so.

    Args:
        image: the image.
        options: `images` and `images_as` are used.
        folder: folder to put it into, under the same name.

    Raises:
        FileNotFoundError: there is no such image.
    """
    if options.images is None or not options.places_images:
        return
    source, target = (image_path(place, image.file_name) for place in (options.images, folder))
    if not source.is_file():
        raise FileNotFoundError(
            f"{source}: no such image file. Name the folder that the file names are relative to."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if options.images_as == "copy":
        shutil.copyfile(source, target)
        return
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def part_file(out: Path, part: str, options: ExportOptions) -> Path:
    """Return the json file of a part: the one named, or one beside it with the part's name."""
    return out if options.split is None else out.with_name(f"{out.stem}-{part}{out.suffix}")


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

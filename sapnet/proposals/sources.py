"""Locations of the images of a data set: a folder, object storage, or a manifest."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from sapnet.system.locations import Location, as_location, is_remote, join, local_file

MANIFEST_SUFFIX = ".csv"
COLUMNS = ("file_name", "location")


@dataclass(frozen=True)
class ImageSource:
    """The locations of images by the names that the clicks file uses.

    Attributes:
        folder: folder that the names are relative to, local or a URL.
        places: location of each name in a manifest; None for a plain folder.
    """

    folder: Location
    places: dict[str, Location] | None = None

    @property
    def local_folder(self) -> Path | None:
        """The folder if the images are plain files in a folder of this machine, else None."""
        folder = as_location(self.folder)
        return folder if self.places is None and isinstance(folder, Path) else None

    def locate(self, file_name: str) -> Location:
        """Return the location of an image.

        Raises:
            FileNotFoundError: the manifest does not list it.
        """
        if self.places is None:
            return join(self.folder, file_name)
        if file_name not in self.places:
            raise FileNotFoundError(
                f"{file_name}: not in the manifest of images, which lists {len(self.places)} names."
            )
        return self.places[file_name]


def open_images(images: Location) -> ImageSource:
    """Open the source that `--images` names.

    Args:
        images: a folder, its URL, or a manifest: a `.csv` with the columns `file_name` (as in the
            clicks file) and `location` (a path relative to the manifest, or a URL).

    Raises:
        FileNotFoundError: there is no such manifest.
        ValueError: the manifest has other columns, or lists a name twice.
    """
    place = as_location(images)
    if not str(place).lower().endswith(MANIFEST_SUFFIX):
        return ImageSource(place)
    folder = str(place).rpartition("/")[0] if is_remote(place) else Path(place).parent
    places: dict[str, Location] = {}
    with local_file(place) as path, path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if not set(COLUMNS) <= set(rows.fieldnames or ()):
            raise ValueError(
                f"{place}: expected the columns {', '.join(COLUMNS)}, found "
                f"{', '.join(rows.fieldnames or ()) or 'none'}."
            )
        for row in rows:
            if row["file_name"] in places:
                raise ValueError(f"{place}: the name {row['file_name']} occurs twice. Keep one.")
            places[row["file_name"]] = join(folder, row["location"])
    return ImageSource(place, places)

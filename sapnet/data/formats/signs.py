"""Signs by which the formats of files and folders are recognized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = Any

DATA_FILE, CLASSES_FILE, OBJ_DATA, OBJ_NAMES = "data.yaml", "classes.txt", "obj.data", "obj.names"
"""Files with the names of the classes of a YOLO data set; the last two are those of YOLO 1.1."""

VIA_METADATA = "_via_img_metadata"
"""Key of the images of a VIA 2 project."""

VIA_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")
"""Columns of VIA's csv that are read; VIA 1 writes a # before the first."""


LABEL_KEYS = (
    "keypointlabels", "rectanglelabels", "polygonlabels", "brushlabels", "bitmasklabels",
    "ellipselabels", "vectorlabels", "labels",
)  # fmt: skip
"""Keys of a value of Label Studio that hold its labels."""

CREATEML_IMAGE, CREATEML_BOXES = ("image", "imagefilename"), ("annotations", "annotation")
"""Keys of a record of CreateML: those of today, and those of Apple's first tools."""


def is_labelme(content: Json) -> bool:
    """Return True if a json value is a LabelMe or X-AnyLabeling file."""
    return isinstance(content, dict) and "shapes" in content and "imagePath" in content


def is_via(content: Json) -> bool:
    """Return True if a json value is a VIA 2 project or annotation export."""
    if not isinstance(content, dict):
        return False
    return VIA_METADATA in content or any(
        isinstance(entry, dict) and "filename" in entry and "regions" in entry
        for entry in content.values()
    )


def is_via_header(header: Sequence[str]) -> bool:
    """Return True if the first row of a table is that of VIA's csv export."""
    return set(VIA_COLUMNS) <= {name.lstrip("#") for name in header}


def yolo_root(path: Path) -> Path | None:
    """Return the folder of a YOLO data set, given it or the file that names it; else None."""
    if path.is_file():
        names_it = path.suffix in (".yaml", ".yml", ".data") or path.name == OBJ_NAMES
        return path.parent if names_it else None
    files = (DATA_FILE, CLASSES_FILE, OBJ_DATA, OBJ_NAMES)
    return path if any((path / name).is_file() for name in files) else None


def voc_files(path: Path) -> list[Path]:
    """List the annotation files of a path: the file itself, or those of a folder, sorted."""
    if path.is_file():
        return [path]
    return sorted(
        (path / "Annotations" if (path / "Annotations").is_dir() else path).rglob("*.xml")
    )

"""Reader of Pascal VOC: boxes of the xml files, masks of `SegmentationObject`."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Box
from sapnet.data.formats.signs import voc_files
from sapnet.data.formats.xml_values import parse_xml
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import RLE


def read_voc(path: Path, findings: Findings) -> Source:
    """Read Pascal VOC annotations.

    Pixel numbers in boxes count from 1 and include the last pixel, as in VOC's own files. If
    `SegmentationObject` contains a png of the same name, the mask of object number k (from 1, in
    the order of the xml) consists of the pixels with value k.

    Args:
        path: a folder with `Annotations`, a folder of xml files, or one file.
        findings: collects objects that cannot be read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is not xml, or there is none.
    """
    files = voc_files(path)
    if not files:
        raise ValueError(f"{path}: expected Pascal VOC xml files, found none. Check the folder.")
    images, marks = [], []
    for file in files:
        root = parse_xml(file)
        if root.tag != "annotation":
            findings.skip("xml files that are not Pascal VOC's", file.name)
            continue
        reference = _reference(root, file, path)
        images.append(SourceImage(reference, _size(root), file.name))
        values = _segmentation(file)
        for number, element in enumerate(root.iter("object"), start=1):
            place = f"{file.name}, object {number}"
            box = _box(element)
            mask = None if values is None else _mask(values, number)
            if box is None and mask is None:
                findings.skip("objects without a box", place)
                continue
            name = element.findtext("name", "").strip()
            marks.append(Mark(place, reference, name, box=box, mask=mask))
    return Source(tuple(images), (), tuple(marks))


def _reference(root: ElementTree.Element, file: Path, path: Path) -> str:
    """Return the file name in the xml, prefixed by the sub-folder of the xml file."""
    base = path / "Annotations" if (path / "Annotations").is_dir() else path
    folder = file.parent.relative_to(base).as_posix() if path.is_dir() else "."
    name = root.findtext("filename") or f"{file.stem}.jpg"
    return name if folder == "." or "/" in name else f"{folder}/{name}"


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    height, width = (root.findtext(f"size/{side}", "0") for side in ("height", "width"))
    size = (int(float(height)), int(float(width)))
    return size if min(size) > 0 else None


def _box(element: ElementTree.Element) -> Box | None:
    try:
        x1, y1, x2, y2 = (
            float(element.findtext(f"bndbox/{side}", ""))
            for side in ("xmin", "ymin", "xmax", "ymax")
        )
    except ValueError:
        return None
    return x1 - 1, y1 - 1, x2, y2


def _segmentation(file: Path) -> np.ndarray | None:
    """Return the palette numbers of the file's `SegmentationObject` png, None without one."""
    parts = file.parts
    if "Annotations" not in parts:
        return None
    index = len(parts) - 1 - parts[::-1].index("Annotations")
    below = Path(*parts[index + 1 :]).with_suffix(".png")
    png = Path(*parts[:index]) / "SegmentationObject" / below
    if not png.is_file():
        return None
    with Image.open(png) as image:
        return np.asarray(image) if image.mode in ("P", "L") else None


def _mask(values: np.ndarray, number: int) -> RLE | None:
    mask = values == number
    return encode_masks(mask[None])[0] if mask.any() else None

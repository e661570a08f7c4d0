"""Reader of Pascal VOC: boxes of the xml files, masks of `SegmentationObject`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Box
from sapnet.data.formats.readers.voc.labels import (
    LABELMAP,
    NO_LABELS,
    VOC_CLASSES,
    ClassLabels,
    read_class_labels,
)
from sapnet.data.formats.readers.voc.masks import (
    SEGMENTATION_CLASS,
    SEGMENTATION_OBJECT,
    join_to_objects,
    read_masks,
)
from sapnet.data.formats.signs import voc_files
from sapnet.data.formats.xml_values import parse_xml
from sapnet.data.image_files.listing import list_images

_ANNOTATIONS, _IMAGES, _LISTS = "Annotations", "JPEGImages", "ImageSets/Segmentation"


@dataclass(frozen=True)
class _Xml:
    """An annotation file: reference and size of its image, names and raw boxes of its objects."""

    file: Path
    reference: str
    size: tuple[int, int] | None
    names: list[str]
    boxes: list[Box | None]
    difficult: list[bool]


def read_voc(
    path: Path,
    findings: Findings,
    folder: ImageFolder | None = None,
    default_label: str | None = None,
) -> Source:
    """Read Pascal VOC annotations.

    Pixel numbers in boxes count from 1 and include the last pixel, as in VOC's own files; they
    count from 0 if one of them is 0, as in those of Datumaro and CVAT. Masks are those of
    `SegmentationObject`, see `join_to_objects`; their classes, where no xml names them, are those
    of `SegmentationClass` (CVAT's and Datumaro's "Segmentation mask").

    Args:
        path: a folder with `Annotations` or `SegmentationObject`, a folder of xml files, or one.
        findings: collects objects that cannot be read.
        folder: the folder of the images, to find the images of masks without an xml.
        default_label: category of objects without a name; None leaves them out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is not xml, there is none and no mask, or only masks of classes.
    """
    files = voc_files(path) if path.is_file() or _has_xml(path) else []
    root = _root(path, files)
    labels = None if root is None else read_class_labels(root)
    if not files and (root is None or not (root / SEGMENTATION_OBJECT).is_dir()):
        raise ValueError(_nothing(path))
    annotations = [
        found for file in files if (found := _read_xml(file, path, findings)) is not None
    ]
    if labels is not None and labels.is_assumed and not _are_voc(annotations):
        labels = NO_LABELS  # other classes than VOC's, and no file that names their colors
    first = _first_pixel(annotations, findings)
    images, marks = [], []
    for found in annotations:
        images.append(SourceImage(found.reference, found.size, found.file.name))
        marks += _marks_of_xml(found, first, _Masks(root, labels), findings, default_label)
    if root is not None and labels is not None:
        known = {_below(found.file) for found in annotations}
        more = _without_xml(root, known, folder, findings, labels)
        images += more.images
        marks += more.marks
    return Source(tuple(images), (), tuple(marks))


@dataclass(frozen=True)
class _Masks:
    """Places of the masks of a data set; none if there is no root."""

    root: Path | None
    labels: ClassLabels | None


def _has_xml(path: Path) -> bool:
    return next((path / _ANNOTATIONS).rglob("*.xml"), None) is not None or (
        next(path.rglob("*.xml"), None) is not None
    )


def _root(path: Path, files: list[Path]) -> Path | None:
    """Return the folder of the data set, which holds the masks; None if there is none."""
    if path.is_dir() and (path / SEGMENTATION_OBJECT).is_dir():
        return path
    for file in files[:1]:
        if _ANNOTATIONS in file.parts:
            index = len(file.parts) - 1 - file.parts[::-1].index(_ANNOTATIONS)
            return Path(*file.parts[:index])
    return None


def _are_voc(annotations: list[_Xml]) -> bool:
    return {name for found in annotations for name in found.names} <= set(VOC_CLASSES)


def _nothing(path: Path) -> str:
    if (path / SEGMENTATION_CLASS).is_dir():
        return (
            f"{path}: expected {SEGMENTATION_OBJECT}, found {SEGMENTATION_CLASS} alone, which does "
            "not tell the objects of a class apart. Export instances as well."
        )
    return f"{path}: expected Pascal VOC xml files or masks, found none. Check the folder."


def _read_xml(file: Path, path: Path, findings: Findings) -> _Xml | None:
    root = parse_xml(file)
    if root.tag != "annotation":
        findings.skip("xml files that are not Pascal VOC's", file.name)
        return None
    elements = list(root.iter("object"))
    return _Xml(
        file,
        _reference(root, file, path),
        _size(root),
        [(element.findtext("name") or "").strip() for element in elements],
        [_box(element) for element in elements],
        [(element.findtext("difficult") or "").strip() == "1" for element in elements],
    )


def _marks_of_xml(
    found: _Xml, first: float, masks: _Masks, findings: Findings, default_label: str | None
) -> list[Mark]:
    boxes = [None if b is None else (b[0] - first, b[1] - first, b[2], b[3]) for b in found.boxes]
    held = []
    if masks.root is not None and masks.labels is not None:
        held = read_masks(masks.root, _below(found.file), masks.labels, findings)
    own, others, is_renumbered = join_to_objects(held, boxes, found.names)
    if is_renumbered:
        findings.note("masks joined to boxes by their place, not by number", found.file.name)
    marks = []
    for number, (box, mask, name) in enumerate(zip(boxes, own, found.names, strict=True), start=1):
        place = f"{found.file.name}, object {number}"
        label = name or default_label
        if box is None and mask is None:
            findings.skip("objects without a box", place)
        elif not label:
            findings.skip("objects without a name; see --default-label", place)
        else:
            rle = None if mask is None else mask.rle
            is_difficult = found.difficult[number - 1]
            marks.append(
                Mark(place, found.reference, label, box=box, mask=rle, ignored=is_difficult)
            )
    for mask in others:
        place = f"{found.file.name}, mask {mask.number}"
        if mask.label is None:
            findings.skip("masks without an object in the xml and without a class", place)
        else:
            marks.append(Mark(place, found.reference, mask.label, mask=mask.rle))
    return marks


def _without_xml(
    root: Path,
    known: set[Path],
    folder: ImageFolder | None,
    findings: Findings,
    labels: ClassLabels,
) -> Source:
    """Read the masks of images that have no xml, and list the images without a mask."""
    pngs = root / SEGMENTATION_OBJECT
    names = {png.relative_to(pngs) for png in pngs.rglob("*.png")}
    lists = sorted((root / _LISTS).glob("*.txt"))
    listed = [line.strip() for file in lists for line in _text(file).splitlines()]
    names |= {Path(f"{name}.png") for name in listed if name}
    endings = _endings(root, folder)
    images, marks = [], []
    for name in sorted(names - known):
        stem = name.with_suffix("").as_posix()
        reference = endings.get(stem, f"{stem}.jpg")
        found = read_masks(root, name, labels, findings)
        size = found[0].rle["size"] if found else None
        place = f"{SEGMENTATION_OBJECT}/{name.as_posix()}"
        images.append(SourceImage(reference, None if size is None else (size[0], size[1]), place))
        for mask in found:
            where = f"{place}, mask {mask.number}"
            if mask.label is None:
                findings.skip(f"masks without a class in {SEGMENTATION_CLASS}", where)
            else:
                marks.append(Mark(where, reference, mask.label, mask=mask.rle))
    if marks and labels.is_assumed:
        findings.note(f"classes named as VOC's 20, because there is no {LABELMAP}", root.name)
    return Source(tuple(images), (), tuple(marks))


def _endings(root: Path, folder: ImageFolder | None) -> dict[str, str]:
    """Return the names of the images by their names without an ending."""
    given = None if folder is None else folder.folder
    places = [place for place in (given, root / _IMAGES) if place is not None and place.is_dir()]
    found: dict[str, str] = {}
    for place in places:
        for image in _images(place):
            name = image.relative_to(place)
            found.setdefault(name.with_suffix("").as_posix(), name.as_posix())
    return found


def _images(folder: Path) -> list[Path]:
    try:
        return list_images(folder)
    except ValueError:  # an empty folder, as Datumaro makes one without images
        return []


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _below(file: Path) -> Path:
    """Return the name of the mask image of an xml file, relative to `SegmentationObject`."""
    parts = file.parts
    if _ANNOTATIONS not in parts:
        return Path(f"{file.stem}.png")
    index = len(parts) - 1 - parts[::-1].index(_ANNOTATIONS)
    return Path(*parts[index + 1 :]).with_suffix(".png")


def _reference(root: ElementTree.Element, file: Path, path: Path) -> str:
    """Return the file name in the xml, prefixed by the sub-folder of the xml file."""
    base = path / _ANNOTATIONS if (path / _ANNOTATIONS).is_dir() else path
    folder = file.parent.relative_to(base).as_posix() if path.is_dir() else "."
    name = (root.findtext("filename") or "").strip() or f"{file.stem}.jpg"
    return name if folder == "." or "/" in name else f"{folder}/{name}"


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    """Return (height, width); None if the xml has no size, or 0 x 0."""
    sides = [_number(root.findtext(f"size/{side}")) for side in ("height", "width")]
    if any(side is None or side < 1 for side in sides):
        return None
    return int(sides[0] or 0), int(sides[1] or 0)


def _box(element: ElementTree.Element) -> Box | None:
    sides = [
        _number(element.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
    ]
    x1, y1, x2, y2 = sides
    if x1 is None or y1 is None or x2 is None or y2 is None:
        return None
    return x1, y1, x2, y2


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _first_pixel(annotations: list[_Xml], findings: Findings) -> float:
    """Return the number of the first pixel in boxes: 1, or 0 if a box begins there."""
    for found in annotations:
        for box in found.boxes:
            if box is not None and (0 <= box[0] < 1 or 0 <= box[1] < 1):
                findings.note("boxes that count pixels from 0, as Datumaro's", found.file.name)
                return 0.0
    return 1.0

"""Reading of what was just written, by which the loss of an export is measured."""

from __future__ import annotations

from pathlib import Path

from sapnet.data.choices import MaskFormat
from sapnet.data.coco import InstanceSet
from sapnet.data.formats.assemble import AssembleOptions, assemble
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, SourceImage
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.readers.yolo.read import YoloOptions, read_yolo
from sapnet.data.formats.source_images import find_images
from sapnet.data.formats.writers.coco import ROBOFLOW_FILE, ROBOFLOW_FOLDERS
from sapnet.data.formats.writers.cvat import ANNOTATIONS
from sapnet.data.formats.writers.files import ExportOptions, part_file
from sapnet.data.formats.writers.huggingface import FOLDERS, read_imagefolder, read_mask2former
from sapnet.data.formats.writers.label_studio import TASKS_FILE
from sapnet.data.formats.writers.split import Parts
from sapnet.structures.clicks import RLE, ClickSet

Masks = dict[str, list[RLE | None]]
"""Masks by file name of the image, in the order of writing; None for one that is not there."""


def read_back(parts: Parts, name: MaskFormat, out: Path, options: ExportOptions) -> Masks:
    """Read the written files.

    Args:
        parts: what was written.
        name: the format.
        out: the file or folder.
        options: those of the export.
    """
    match name:
        case "label-studio":
            prefix = ((options.url_prefix, ""),)
            reading = ReadOptions("label-studio", path_map=prefix, predictions=True)
            return _masks(read_any(out / TASKS_FILE, Findings(), reading))
        case "voc":
            return _masks(read_any(out, Findings(), ReadOptions(name)))
        case "cvat":
            return _unplaced(read_any(out / ANNOTATIONS, Findings(), ReadOptions(name)), parts)
        case "labelme" | "labelme-mask":
            left = None if options.places_images else options.images
            return _unplaced(read_any(out, Findings(), ReadOptions("labelme", left)), parts)
        case _:
            found: Masks = {}
            for part, inside in parts.items():
                found |= _read_part(part, inside, name, out, options)
            return found


def _read_part(
    part: str, inside: InstanceSet, name: MaskFormat, out: Path, options: ExportOptions
) -> Masks:
    """Read one part of a format whose parts are apart."""
    match name:
        case "yolo-seg":
            return _masks(_read_yolo(part, inside, out))
        case "imagefolder":
            return read_imagefolder(out / FOLDERS[part], inside)
        case "mask2former":
            return read_mask2former(out / FOLDERS[part], inside)
        case "roboflow":
            path = out / ROBOFLOW_FOLDERS[part] / ROBOFLOW_FILE
        case _:
            path = part_file(out, part, options)
    return _masks(read_any(path, Findings(), ReadOptions("coco"))) if inside.images else {}


def _read_yolo(part: str, inside: InstanceSet, out: Path) -> ClickSet:
    unheard = Findings()
    listed = [
        SourceImage(f"images/{part}/{i.file_name}", (i.height, i.width), i.file_name)
        for i in inside.images
    ]
    source = read_yolo(out, listed, unheard, YoloOptions("outline"))
    images = find_images(source, ImageFolder(None, [(f"images/{part}/", "")]), unheard)
    return assemble(source, images, unheard, AssembleOptions())


def _masks(clicks: ClickSet) -> Masks:
    names = {image.image_id: image.file_name for image in clicks.images}
    found: Masks = {}
    for click in clicks.clicks:
        found.setdefault(names[click.image_id], []).append(click.mask)
    return found


def _unplaced(clicks: ClickSet, parts: Parts) -> Masks:
    """Return the masks under the names that images have without the folders of the parts."""
    name_of = {
        f"{part}/{image.file_name}": image.file_name
        for part, inside in parts.items()
        for image in inside.images
    }
    return {name_of.get(name, name): masks for name, masks in _masks(clicks).items()}

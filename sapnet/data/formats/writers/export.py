"""Export of masks to other tools' formats, with the loss measured on the files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from sapnet.data.choices import MaskFormat
from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.formats.assemble import AssembleOptions, assemble
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, SourceImage
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.readers.yolo.read import YoloOptions, read_yolo
from sapnet.data.formats.source_images import find_images
from sapnet.data.formats.writers.coco import (
    ROBOFLOW_FILE,
    ROBOFLOW_FOLDERS,
    write_coco,
    write_roboflow,
)
from sapnet.data.formats.writers.cvat import ANNOTATIONS, write_cvat
from sapnet.data.formats.writers.files import ExportOptions, part_file
from sapnet.data.formats.writers.geo import read_geo_masks, write_geo
from sapnet.data.formats.writers.huggingface import (
    FOLDERS,
    read_imagefolder,
    read_mask2former,
    write_imagefolder,
    write_mask2former,
)
from sapnet.data.formats.writers.label_studio import TASKS_FILE, write_label_studio
from sapnet.data.formats.writers.labelme import write_labelme
from sapnet.data.formats.writers.split import Parts, split_instances
from sapnet.data.formats.writers.voc import write_voc
from sapnet.data.formats.writers.yolo import write_yolo
from sapnet.data.image_files.inside import image_path
from sapnet.geometry.rle import rle_areas, rle_iou
from sapnet.structures.clicks import RLE, ClickSet
from sapnet.structures.split import TRAIN, VAL
from sapnet.system.lock import locked
from sapnet.system.written_files import check_new_file, replacing_files

FILE_FORMATS = {
    "coco-rle": ".json",
    "coco-polygons": ".json",
    "geojson": ".geojson",
    "gpkg": ".gpkg",
}
"""Endings of the formats of one file per part; the others are folders."""

GEO_FORMATS = ("geojson", "gpkg")
"""Formats of polygons on the map."""

HOLD_REGIONS = ("coco-rle", "coco-polygons", "voc", "labelme", "labelme-mask")
"""Formats with room for regions to ignore."""

HOLD_MARKS = ("coco-rle", "coco-polygons", "roboflow")
"""Formats with room for marks of partial images."""

NEED_VAL = {"roboflow": "RF-DETR wants valid", "yolo-seg": "val repeats train"}
"""Formats whose trainers want images to validate, and what happens without."""

NEED_IMAGES = ("roboflow", "yolo-seg", "imagefolder", "mask2former")
"""Formats that are read with the images beside the labels only."""


Masks = dict[str, list[RLE | None]]
"""Masks by file name of the image, in the order of writing; None for one that is not there."""


@dataclass(frozen=True)
class ExportedPart:
    """One part of a split.

    Attributes:
        name: train, val or test.
        num_images: number of its images.
        num_masks: number of its masks.
    """

    name: str
    num_images: int
    num_masks: int


@dataclass(frozen=True)
class ExportReport:
    """Summary of an export, with the IoUs of the masks and their written forms.

    Attributes:
        path: the file or folder.
        num_images: number of images listed.
        num_masks: number of masks written.
        mean_iou: mean IoU of the masks with the masks read back from the files; NaN without masks.
        worst_iou: the smallest of these IoUs.
        worst_place: image and object of the smallest IoU.
        parts: the parts of the split; none without one.
    """

    path: Path
    num_images: int
    num_masks: int
    mean_iou: float
    worst_iou: float
    worst_place: str
    parts: tuple[ExportedPart, ...] = ()


def export_masks(
    instances: InstanceSet,
    name: MaskFormat,
    out: Path | str,
    findings: Findings,
    options: ExportOptions | None = None,
) -> ExportReport:
    """Write masks in a format, and read them back to measure the loss.

    Args:
        instances: the masks; empty ones are left out, and crowds where the format has no room.
        name: the format.
        out: the json file of a COCO format, else the folder.
        findings: collects what the format cannot hold.
        options: images, split, simplification, names for Label Studio.

    Returns:
        A summary, with the IoUs of the masks and their written forms. Polygons of COCO and LabelMe
        are filled as COCO's own tools fill them, those of YOLO as ultralytics does.

    Raises:
        FileNotFoundError: an image is missing.
        FileExistsError: a file exists, or the folder holds an earlier export or other files.
        InUseError: another process writes there.
        ValueError: the format cannot hold these images or categories, or a split, or there are too
            few images to split.
    """
    out, options = Path(out), options or ExportOptions()
    for image in instances.images:
        image_path(out, image.file_name)  # nothing is written outside
    kept = replace(instances, instances=tuple(_with_pixels(instances, name, findings)))
    check_split(name, options)
    parts = split_instances(kept, options.split, findings)
    _note_missing(name, parts, out, options, findings)
    with locked(out):
        if name in FILE_FORMATS:
            check_new_files(out, options)
            for part, inside in parts.items():
                path = part_file(out, part, options)
                if name in GEO_FORMATS:
                    write_geo(inside, path, options)
                else:
                    write_coco(inside, path, options, polygons=name == "coco-polygons")
        else:
            with replacing_files(out, options.overwrite) as folder:
                _write(kept, parts, name, folder, findings, options)
        report = _report(kept, _read_back(parts, name, out, options), out)
    if options.split is None:
        return report
    counted = (
        ExportedPart(part, len(inside.images), sum(not o.is_crowd for o in inside.instances))
        for part, inside in parts.items()
    )
    return replace(report, parts=tuple(counted))


def check_new_files(path: Path, options: ExportOptions) -> None:
    """Raise a FileExistsError if a part's file exists and may not be replaced.

    Args:
        path: file of an export that is not split.
        options: its split, and whether files may be replaced.
    """
    for part in options.split.names if options.split else (TRAIN,):
        check_new_file(part_file(path, part, options), options.overwrite)


def check_split(name: str, options: ExportOptions) -> None:
    """Raise a ValueError if a split is asked for that the format cannot hold."""
    if name == "label-studio" and options.split is not None:
        raise ValueError(f"{name}: its tasks hold no split. Leave out --split")


def _write(
    kept: InstanceSet,
    parts: Parts,
    name: MaskFormat,
    folder: Path,
    findings: Findings,
    options: ExportOptions,
) -> None:
    match name:
        case "roboflow":
            write_roboflow(parts, folder, options)
        case "yolo-seg":
            write_yolo(parts, folder, options)
        case "imagefolder":
            write_imagefolder(parts, folder, options, findings)
        case "mask2former":
            write_mask2former(parts, folder, options, findings)
        case "voc":
            write_voc(kept, parts, folder, options, findings)
        case "cvat":
            write_cvat(parts, folder, options)
        case "labelme" | "labelme-mask":
            write_labelme(parts, folder, options, masks=name == "labelme-mask")
        case "label-studio":
            write_label_studio(kept, folder, options)


def _note_missing(
    name: MaskFormat, parts: Parts, out: Path, options: ExportOptions, findings: Findings
) -> None:
    """Note what the tools of a format want and the export does not have."""
    if name in NEED_VAL and VAL not in parts:
        findings.note(
            f"exports without images to validate: {NEED_VAL[name]}; see --split", out.name
        )
    if name in NEED_IMAGES and not options.places_images and parts[TRAIN].images:
        findings.note("exports without the images, which belong beside the labels", out.name)


def _with_pixels(instances: InstanceSet, name: MaskFormat, findings: Findings) -> list[Instance]:
    kept = []
    for image in instances.images:
        if instances.partial.get(image.image_id) and name not in HOLD_MARKS:
            findings.note("partial images, which look complete there", image.file_name)
    for instance in instances.instances:
        place = f"{instance.image.file_name}, object {instance.annotation_id}"
        if instance.is_crowd and name not in HOLD_REGIONS:
            findings.note("regions to ignore, left out", place)
        elif not rle_areas([instance.rle()])[0]:
            findings.skip("masks without a pixel", place)
        else:
            kept.append(instance)
    return kept


def _read_back(parts: Parts, name: MaskFormat, out: Path, options: ExportOptions) -> Masks:
    """Read the written files, by which the loss is measured."""
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
        case "geojson" | "gpkg":
            return read_geo_masks(inside, part_file(out, part, options), options)
        case "roboflow":
            path = out / ROBOFLOW_FOLDERS[part] / ROBOFLOW_FILE
        case _:
            path = part_file(out, part, options)
    reading = ReadOptions("coco", crowds="crowd")
    return _masks(read_any(path, Findings(), reading)) if inside.images else {}


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


def _report(instances: InstanceSet, read: Masks, out: Path) -> ExportReport:
    ious: list[float] = []
    places: list[str] = []
    grouped = instances.instances_by_image()
    for image in instances.images:
        written = [one for one in grouped[image.image_id] if not one.is_crowd]
        for instance, mask in zip_longest(written, read.get(image.file_name, [])):
            if instance is None:
                raise RuntimeError(f"{out}: more objects of {image.file_name} than were written")
            ious.append(0.0 if mask is None else float(rle_iou([instance.rle()], [mask])[0, 0]))
            places.append(f"{image.file_name}, object {instance.annotation_id}")
    worst = int(np.argmin(ious)) if ious else None
    return ExportReport(
        path=out,
        num_images=len(instances.images),
        num_masks=len(ious),
        mean_iou=float(np.mean(ious)) if ious else float("nan"),
        worst_iou=float("nan") if worst is None else ious[worst],
        worst_place="" if worst is None else places[worst],
    )

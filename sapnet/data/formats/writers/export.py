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
from sapnet.data.formats.writers.coco import write_coco
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.formats.writers.label_studio import TASKS_FILE, write_label_studio
from sapnet.data.formats.writers.labelme import write_labelme
from sapnet.data.formats.writers.voc import write_voc
from sapnet.data.formats.writers.yolo import SPLIT, write_yolo
from sapnet.data.image_files.inside import image_path
from sapnet.geometry.rle import rle_areas, rle_iou
from sapnet.structures.clicks import Click
from sapnet.system.lock import locked
from sapnet.system.written_files import check_new_file, replacing_files

FILE_FORMATS = ("coco-rle", "coco-polygons")
"""Formats of masks that are one json file; the others are folders."""


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
    """

    path: Path
    num_images: int
    num_masks: int
    mean_iou: float
    worst_iou: float
    worst_place: str


def export_masks(
    instances: InstanceSet,
    name: MaskFormat,
    out: Path | str,
    findings: Findings,
    options: ExportOptions | None = None,
) -> ExportReport:
    """Write masks in a format, and read them back to measure the loss.

    Args:
        instances: the masks; crowds and empty masks are left out.
        name: the format.
        out: the json file of a COCO format, else the folder.
        findings: collects what the format cannot hold.
        options: images, simplification, names for Label Studio.

    Returns:
        A summary, with the IoUs of the masks and their written forms. Polygons of COCO and LabelMe
        are filled as COCO's own tools fill them, those of YOLO as ultralytics does.

    Raises:
        FileNotFoundError: an image is missing.
        FileExistsError: the file exists, or the folder holds an earlier export or other files.
        InUseError: another process writes there.
        ValueError: the format cannot hold these images or categories.
    """
    out, options = Path(out), options or ExportOptions()
    for image in instances.images:
        image_path(out, image.file_name)  # nothing is written outside
    kept = replace(instances, instances=tuple(_with_pixels(instances, findings)))
    with locked(out):
        if name in FILE_FORMATS:
            check_new_file(out, options.overwrite)
            _write(kept, name, out, findings, options)
        else:
            with replacing_files(out, options.overwrite) as folder:
                _write(kept, name, folder, findings, options)
        return _report(kept, _read_back(kept, name, out, options), out)


def _write(
    kept: InstanceSet, name: MaskFormat, out: Path, findings: Findings, options: ExportOptions
) -> None:
    match name:
        case "coco-rle" | "coco-polygons":
            write_coco(kept, out, options, polygons=name == "coco-polygons")
        case "yolo-seg":
            write_yolo(kept, out, options)
        case "labelme":
            write_labelme(kept, out, options)
        case "label-studio":
            write_label_studio(kept, out, options)
        case "voc":
            write_voc(kept, out, options, findings)


def _with_pixels(instances: InstanceSet, findings: Findings) -> list[Instance]:
    kept = []
    for instance in instances.instances:
        place = f"{instance.image.file_name}, object {instance.annotation_id}"
        if instance.is_crowd:
            findings.note("crowd regions, left out", place)
        elif not rle_areas([instance.rle()])[0]:
            findings.skip("masks without a pixel", place)
        else:
            kept.append(instance)
    return kept


def _read_back(
    instances: InstanceSet, name: MaskFormat, out: Path, options: ExportOptions
) -> dict[str, list[Click]]:
    """Read the written files; return the objects by image name, in the order of writing."""
    unheard = Findings()
    match name:
        case "coco-rle" | "coco-polygons":
            clicks = read_any(out, unheard, ReadOptions("coco"))
        case "yolo-seg":
            listed = [
                SourceImage(f"images/{SPLIT}/{i.file_name}", (i.height, i.width), i.file_name)
                for i in instances.images
            ]
            source = read_yolo(out, listed, unheard, YoloOptions("outline"))
            folder = ImageFolder(None, [(f"images/{SPLIT}/", "")])
            images = find_images(source, folder, unheard)
            clicks = assemble(source, images, unheard, AssembleOptions())
        case "label-studio":
            prefix = ((options.url_prefix, ""),)
            reading = ReadOptions("label-studio", path_map=prefix, predictions=True)
            clicks = read_any(out / TASKS_FILE, unheard, reading)
        case "labelme" | "voc":
            clicks = read_any(out, unheard, ReadOptions(name))
    names = {image.image_id: image.file_name for image in clicks.images}
    found: dict[str, list[Click]] = {}
    for click in clicks.clicks:
        found.setdefault(names[click.image_id], []).append(click)
    return found


def _report(instances: InstanceSet, read: dict[str, list[Click]], out: Path) -> ExportReport:
    ious: list[float] = []
    places: list[str] = []
    grouped = instances.instances_by_image()
    for image in instances.images:
        written = grouped[image.image_id]
        for instance, click in zip_longest(written, read.get(image.file_name, [])):
            if instance is None:
                raise RuntimeError(f"{out}: more objects of {image.file_name} than were written")
            mask = None if click is None else click.mask
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

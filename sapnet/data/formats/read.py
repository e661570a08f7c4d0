"""Conversion of any known source to clicks: the common entry point of all readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sapnet.data.choices import SourceFormat
from sapnet.data.coco_json import is_number
from sapnet.data.formats.assemble import AssembleOptions, assemble
from sapnet.data.formats.detect import JSON_FORMATS, detect_format, format_of_json
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Source
from sapnet.data.formats.readers.coco import Crowds, read_coco_marks
from sapnet.data.formats.readers.createml import read_createml
from sapnet.data.formats.readers.cvat import read_cvat
from sapnet.data.formats.readers.detectron2 import read_detectron2
from sapnet.data.formats.readers.folders import json_files, read_folder
from sapnet.data.formats.readers.geo import read_geo
from sapnet.data.formats.readers.label_studio.tasks import LabelStudioOptions, read_label_studio
from sapnet.data.formats.readers.labelme import read_labelme
from sapnet.data.formats.readers.results import read_results
from sapnet.data.formats.readers.table.columns import SizeColumns
from sapnet.data.formats.readers.table.read import TableOptions, read_table
from sapnet.data.formats.readers.via import read_via
from sapnet.data.formats.readers.voc.read import read_voc
from sapnet.data.formats.readers.yolo.lines import FourCorners
from sapnet.data.formats.readers.yolo.read import YoloOptions, listed_images, read_yolo
from sapnet.data.formats.signs import yolo_root
from sapnet.data.formats.source_images import find_images
from sapnet.structures.clicks import ClickSet
from sapnet.system.files import read_json


@dataclass(frozen=True)
class ReadOptions:
    """Settings for reading a foreign file.

    Attributes:
        source_format: the format; None detects it.
        images: folder of the images, None if they are not available.
        path_map: (from, to) prefixes of the references to images.
        label_key: VIA's region attribute, or the attribute of features on the map, with the
            category; None detects it.
        default_label: category of objects without one, in formats where it can be absent; None
            leaves such objects out.
        size_columns: meaning of a table's columns `width` and `height`.
        four_corners: meaning of YOLO's lines with four corners.
        key_frames: True to read the key frames of CVAT's tracks.
        crowds: meaning of COCO's `iscrowd: 1`.
        categories: COCO-style json that names the categories of results and of Detectron2's lists.
        min_score: least score of results to keep.
        predictions: True to read Label Studio's predictions instead of its annotations.
        assembling: choices of the conversion to clicks.
    """

    source_format: SourceFormat | None = None
    images: Path | None = None
    path_map: Sequence[tuple[str, str]] = ()
    label_key: str | None = None
    default_label: str | None = None
    size_columns: SizeColumns = "ask"
    four_corners: FourCorners = "auto"
    key_frames: bool = False
    crowds: Crowds = "ask"
    categories: Path | None = None
    min_score: float = 0.0
    predictions: bool = False
    assembling: AssembleOptions = field(default_factory=AssembleOptions)


def read_any(path: Path | str, findings: Findings, options: ReadOptions | None = None) -> ClickSet:
    """Read clicks, with known boxes and masks, from a file of any known tool.

    Args:
        path: a file or folder.
        findings: collects what is lost or changed.
        options: settings for reading.

    Returns:
        The clicks, with coordinates in pixels of the image as the source lists it.

    Raises:
        FileNotFoundError: the source or the image folder is missing.
        CrowdQuestionError: COCO's `iscrowd: 1` occurs and `crowds` is "ask".
        SizeQuestionError: a table's `width` and `height` may be the image's or a box's, and
            `size_columns` is "ask".
        ValueError: the source cannot be read at all, or lists no image.
    """
    path, options = Path(path), options or ReadOptions()
    folder = ImageFolder(options.images, options.path_map)
    name = options.source_format or detect_format(path).name
    source = _read(path, name, folder, findings, options)
    if not source.images:
        found = "; ".join(findings.lines())[:300] or "none"
        raise ValueError(f"{path}: expected at least one image, found {found}. Check the export.")
    if name == "yolo" and folder.folder is None:
        folder = ImageFolder(yolo_root(path) or path, options.path_map)
    images = find_images(source, folder, findings)
    return assemble(source, images, findings, options.assembling)


def _read(
    path: Path, name: SourceFormat, folder: ImageFolder, findings: Findings, options: ReadOptions
) -> Source:
    if path.is_dir() and name in JSON_FORMATS:
        return read_folder(
            json_files(path, name, format_of_json),
            path,
            folder.folder,
            lambda file: _read(file, name, folder, findings, options),
            findings,
        )
    match name:
        case "coco":
            return read_coco_marks(path, findings, options.crowds)
        case "detectron2":
            return read_detectron2(path, findings, options.categories, options.crowds)
        case "results":
            return read_results(path, findings, options.categories, options.min_score)
        case "labelme":
            return read_labelme(path, findings, options.default_label)
        case "voc":
            return read_voc(path, findings, folder, options.default_label)
        case _:
            return _read_with_default(path, name, folder, findings, options)


def _read_with_default(
    path: Path, name: SourceFormat, folder: ImageFolder, findings: Findings, options: ReadOptions
) -> Source:
    """Read one of the formats whose objects may lack a category."""
    default = options.default_label
    match name:
        case "label-studio":
            choices = LabelStudioOptions(options.predictions, default)
            return read_label_studio(path, findings, choices, folder)
        case "via":
            return read_via(path, findings, options.label_key, default)
        case "csv":
            table = TableOptions(options.size_columns, default)
            return read_table(path, findings, table, folder)
        case "yolo":
            yolo = YoloOptions(options.four_corners, default)
            return read_yolo(path, listed_images(path, folder), findings, yolo)
        case "createml":
            return read_createml(path, findings, default)
        case "geo":
            return read_geo(path, findings, folder, options.label_key, default)
        case "cvat":
            return read_cvat(path, findings, folder, key_frames=options.key_frames)
        case _:
            raise ValueError(f"expected a known format, found {name!r}")


def read_scores(path: Path, name: SourceFormat | None) -> dict[int, float]:
    """Read the scores of COCO-style json or results, by annotation id.

    Args:
        path: the source.
        name: its format.

    Returns:
        Scores by the id that `read_any` gives to the object; empty for other formats, and for
        folders whose files use one id for different objects.
    """
    if name not in ("coco", "results"):
        return {}
    if path.is_dir():
        parts = [read_scores(file, name) for file in json_files(path, name, format_of_json)]
        scores = {number: score for part in parts for number, score in part.items()}
        return scores if len(scores) == sum(map(len, parts)) else {}
    content = read_json(path)
    records = content["annotations"] if isinstance(content, dict) else content
    return {
        record.get("id", number): float(record["score"])
        for number, record in enumerate(records, start=1)
        if is_number(record.get("score"))
    }

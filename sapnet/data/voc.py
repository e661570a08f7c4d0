"""Conversion of the mask files of Pascal VOC 2012 and SBD to one COCO instance file.

The training split known as VOC2012SBD has 10,582 images. They are the images of SBD (Hariharan et
al., Semantic Contours from Inverse Detectors, ICCV 2011) and of VOC's own segmentation `train` that
are not in VOC's segmentation `val`; the 1,449 images of `val` are the other split. If both data
sets have an image of `train`, VOC's masks are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from sapnet.data.formats.readers.voc.colors import (
    BACKGROUND,
    VOID,
    object_numbers,
    read_mask_image,
)
from sapnet.data.formats.readers.voc.labels import VOC_CLASSES
from sapnet.geometry.rle import encode_masks, rle_areas, rle_boxes, rle_to_json
from sapnet.system.files import write_json_atomic

Split = Literal["train", "val"]


@dataclass(frozen=True)
class VocSources:
    """Folders of the data sets.

    Attributes:
        devkit: VOC's folder of the year (`VOCdevkit/VOC2012`), with JPEGImages, Annotations,
            ImageSets/Segmentation, SegmentationClass and SegmentationObject.
        sbd: SBD's folder `dataset`, with train.txt, val.txt and inst; None to use VOC alone.
    """

    devkit: Path
    sbd: Path | None = None


@dataclass(frozen=True)
class VocSummary:
    """Summary of `write_voc`: the file, and the numbers of images and objects in it."""

    out: Path
    num_images: int
    num_from_sbd: int
    num_objects: int


@dataclass(frozen=True)
class _Objects:
    """Objects of an image: (N, H, W) bool masks, class indices from 1, and VOC's `difficult`."""

    masks: np.ndarray
    classes: list[int]
    difficult: list[bool]


def write_voc(sources: VocSources, split: Split, out: Path | str) -> VocSummary:
    """Write a split as COCO instance json; file names are relative to JPEGImages.

    The id of an image is the number in its name (2007_000032 becomes 2007000032). VOC's flag
    `difficult` is kept as a key. COCO has no such flag, and sapnet does not read it.

    Args:
        sources: the data sets.
        split: "train" (of VOC alone if SBD is not given) or "val".
        out: the json file.

    Returns:
        A summary of the written file.

    Raises:
        FileNotFoundError: a list, image or mask file is missing.
        ValueError: the files of an image disagree in size, or a mask has no class.
    """
    from tqdm import tqdm

    own, added = _names(sources, split)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for name in tqdm([*own, *added], desc=f"VOC {split}", unit="image"):
        found = _read_sbd(sources, name) if name in added else _read_voc(sources.devkit, name)
        image_id = int(name.replace("_", ""))
        images.append(_image_entry(sources.devkit, name, image_id, found.masks.shape[1:]))
        annotations += _annotations(found, image_id, len(annotations) + 1)
    content = {
        "images": images,
        "categories": [{"id": i, "name": name} for i, name in enumerate(VOC_CLASSES, start=1)],
        "annotations": annotations,
    }
    path = write_json_atomic(out, content, indent=None)
    return VocSummary(path, len(images), len(added), len(annotations))


def _names(sources: VocSources, split: Split) -> tuple[list[str], dict[str, None]]:
    """Return the names of images with VOC's masks, and (an ordered set) of those with SBD's."""
    lists = sources.devkit / "ImageSets" / "Segmentation"
    own = _read_list(lists / f"{split}.txt")
    if split == "val" or sources.sbd is None:
        return own, {}
    taken = {*own, *_read_list(lists / "val.txt")}
    both = [*_read_list(sources.sbd / "train.txt"), *_read_list(sources.sbd / "val.txt")]
    return own, {name: None for name in sorted(both) if name not in taken}


def _read_list(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected a list of image names, found no such file. Name the folder that "
            "holds it (VOCdevkit/VOC2012, or benchmark_RELEASE/dataset for SBD)."
        )
    return path.read_text(encoding="utf-8").split()


def _read_voc(devkit: Path, name: str) -> _Objects:
    """Read the objects of an image from VOC's two palette images and its xml file."""
    objects_path = devkit / "SegmentationObject" / f"{name}.png"
    indices = _palette_indices(objects_path)
    classes = _palette_indices(devkit / "SegmentationClass" / f"{name}.png")
    if indices.shape != classes.shape:
        raise ValueError(
            f"{objects_path}: expected the size of its class file, {classes.shape[1]} x "
            f"{classes.shape[0]} px, found {indices.shape[1]} x {indices.shape[0]} px. Unpack the "
            "devkit again."
        )
    numbers = [int(n) for n in np.unique(indices) if n not in (BACKGROUND, VOID)]
    masks = indices == np.array(numbers, indices.dtype)[:, None, None]
    listed = _difficult_by_place(devkit / "Annotations" / f"{name}.xml")
    return _Objects(
        masks=masks,
        classes=[
            _class_of(classes[mask], objects_path, n)
            for mask, n in zip(masks, numbers, strict=True)
        ],
        difficult=[listed.get(number, False) for number in numbers],
    )


def _palette_indices(path: Path) -> np.ndarray:
    """Read the numbers of a mask file, (H, W) integers; colors are those of VOC's color map."""
    numbers = object_numbers(read_mask_image(path))
    if numbers.max(initial=0) > VOID:
        raise ValueError(
            f"{path}: expected the numbers of objects or classes, or the colors of VOC's color "
            "map, found other colors. Unpack the devkit again; do not resize its masks."
        )
    return numbers


def _class_of(classes: np.ndarray, path: Path, number: int) -> int:
    """Return the most frequent class of an object's pixels."""
    counts = np.bincount(classes, minlength=VOID + 1)[1 : len(VOC_CLASSES) + 1]
    if counts.sum() == 0:
        raise ValueError(
            f"{path}, object {number}: expected a class from 1 to {len(VOC_CLASSES)} in the class "
            "file under its mask, found none. Unpack the devkit again."
        )
    return int(counts.argmax()) + 1


def _difficult_by_place(path: Path) -> dict[int, bool]:
    """Read the flag `difficult` by object number: the position in the xml file, from 1."""
    root = ElementTree.parse(path).getroot()
    return {
        place: entry.findtext("difficult", "0").strip() == "1"
        for place, entry in enumerate(root.iter("object"), start=1)
    }


def _read_sbd(sources: VocSources, name: str) -> _Objects:
    """Read the objects of an image from SBD's MATLAB file."""
    from scipy.io import loadmat

    path = (sources.sbd or Path()) / "inst" / f"{name}.mat"
    record = loadmat(path)["GTinst"][0, 0]
    indices, classes = record["Segmentation"], record["Categories"].ravel().astype(int).tolist()
    numbers = [number for number in range(1, len(classes) + 1) if (indices == number).any()]
    if indices.max(initial=0) > len(classes):
        raise ValueError(
            f"{path}: expected a category for each of {int(indices.max())} objects, found "
            f"{len(classes)}. Unpack SBD again."
        )
    return _Objects(
        masks=indices == np.array(numbers, indices.dtype)[:, None, None],
        classes=[classes[number - 1] for number in numbers],
        difficult=[False] * len(numbers),
    )


def _image_entry(devkit: Path, name: str, image_id: int, size: tuple[int, ...]) -> dict[str, Any]:
    path = devkit / "JPEGImages" / f"{name}.jpg"
    with Image.open(path) as image:
        width, height = image.size
    if (height, width) != size:
        raise ValueError(
            f"{path}: expected the size of its masks, {size[1]} x {size[0]} px, found {width} x "
            f"{height} px. Unpack VOC and SBD again."
        )
    return {"id": image_id, "file_name": path.name, "width": width, "height": height}


def _annotations(found: _Objects, image_id: int, first_id: int) -> list[dict[str, Any]]:
    if not len(found.masks):
        return []
    rles = encode_masks(found.masks)
    rows = zip(rles, rle_areas(rles), rle_boxes(rles), found.classes, found.difficult, strict=True)
    return [
        {
            "id": first_id + place,
            "image_id": image_id,
            "category_id": class_index,
            "segmentation": rle_to_json(rle),
            "area": int(area),
            "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
            "iscrowd": 0,
            "difficult": int(difficult),
        }
        for place, (rle, area, (x1, y1, x2, y2), class_index, difficult) in enumerate(rows)
    ]

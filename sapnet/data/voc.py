"""Pascal VOC 2012 and SBD: their mask files brought into one COCO instance file.

The training split known as VOC2012SBD has 10,582 images: those of SBD (Hariharan et al., Semantic
Contours from Inverse Detectors, ICCV 2011) and of VOC's own segmentation `train` that are not in
VOC's segmentation `val`, whose 1,449 images are the other split. Where both data sets have an image
of `train`, VOC's masks are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from sapnet.geometry.rle import encode_masks, rle_areas, rle_boxes
from sapnet.system.files import write_json_atomic

Split = Literal["train", "val"]

VOC_CLASSES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike "
    "person pottedplant sheep sofa train tvmonitor"
).split()
"""Names by class index, which in the files starts at 1."""

VOID = 255
"""Pixels of VOC's mask files that nobody assigned, mostly object borders."""

BACKGROUND = 0


@dataclass(frozen=True)
class VocSources:
    """Where the data sets lie.

    Attributes:
        devkit: VOC's folder of the year: with JPEGImages, Annotations, ImageSets/Segmentation,
            SegmentationClass and SegmentationObject (`VOCdevkit/VOC2012`).
        sbd: SBD's folder `dataset`, with train.txt, val.txt and inst; None without.
    """

    devkit: Path
    sbd: Path | None = None


@dataclass(frozen=True)
class VocSummary:
    """What `write_voc` wrote: the file, and how much of it comes from where."""

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
    """Writes a split as COCO instance json; file names are relative to JPEGImages.

    The number of an image's name is its id (2007_000032 is 2007000032). VOC's flag `difficult` is
    kept as a key; COCO has no such thing and nothing here reads it.

    Args:
        sources: the data sets.
        split: "train" (of VOC alone where SBD is not given) or "val".
        out: the json file.

    Returns:
        How much was written.

    Raises:
        FileNotFoundError: a list, image or mask file is missing.
        ValueError: files of one image disagree in size, or a mask has no class.
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
    """Image names whose masks are VOC's, and those (an ordered set) whose masks are SBD's."""
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
    """Objects of an image from VOC's two palette images and its xml file."""
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
    """(H, W) uint8 palette indices of a mask file."""
    with Image.open(path) as image:
        if image.mode not in ("P", "L"):
            raise ValueError(
                f"{path}: expected an image with a palette, whose numbers are objects or classes, "
                f"found mode {image.mode}. Unpack the devkit again; do not convert its masks."
            )
        return np.asarray(image)


def _class_of(classes: np.ndarray, path: Path, number: int) -> int:
    """The class that most of an object's pixels have."""
    counts = np.bincount(classes, minlength=VOID + 1)[1 : len(VOC_CLASSES) + 1]
    if counts.sum() == 0:
        raise ValueError(
            f"{path}, object {number}: expected a class from 1 to {len(VOC_CLASSES)} in the class "
            "file under its mask, found none. Unpack the devkit again."
        )
    return int(counts.argmax()) + 1


def _difficult_by_place(path: Path) -> dict[int, bool]:
    """VOC's flag by an object's number, which is its place in the xml file, counted from 1."""
    root = ElementTree.parse(path).getroot()
    return {
        place: entry.findtext("difficult", "0").strip() == "1"
        for place, entry in enumerate(root.iter("object"), start=1)
    }


def _read_sbd(sources: VocSources, name: str) -> _Objects:
    """Objects of an image from SBD's MATLAB file: a map of numbers, and a class by number."""
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
            "segmentation": {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")},
            "area": int(area),
            "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
            "iscrowd": 0,
            "difficult": int(difficult),
        }
        for place, (rle, area, (x1, y1, x2, y2), class_index, difficult) in enumerate(rows)
    ]

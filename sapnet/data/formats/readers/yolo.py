"""Reader of YOLO label files (boxes, outlines, poses)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.signs import CLASSES_FILE, DATA_FILE, yolo_root
from sapnet.data.images import list_images, upright_size
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import RLE, Category

_BOX_VALUES = 4
_MIN_POLYGON_VALUES = 6


def listed_images(path: Path, folder: ImageFolder) -> list[SourceImage]:
    """List the images of a YOLO data set with their sizes, in the image folder or its own."""
    root = folder.folder or yolo_root(path) or path
    references = [image.relative_to(root).as_posix() for image in list_images(root)]
    return [SourceImage(name, upright_size(root / name), name) for name in references]


def read_yolo(path: Path, images: Sequence[SourceImage], findings: Findings) -> Source:
    """Read the label files of a YOLO data set.

    A line with a class and four numbers is a box, with six or more numbers an outline, and with
    `kpt_shape` in `data.yaml` a box with keypoints. Outlines are filled as ultralytics fills them:
    corners are truncated to pixel numbers, and border pixels are included. An image without a label
    file has no object.

    Args:
        path: the folder with `data.yaml` (or `classes.txt`), or that file.
        images: the data set's images, with their sizes.
        findings: collects lines that cannot be read and labels without an image.

    Raises:
        FileNotFoundError: there is no such data set.
        ValueError: its names cannot be read.
    """
    root = yolo_root(path)
    if root is None:
        raise FileNotFoundError(f"{path}: expected {DATA_FILE} or {CLASSES_FILE} there.")
    names, keypoints = _names(path, root)
    labels = {
        file.relative_to(root).with_suffix("").as_posix(): file for file in _label_files(root)
    }
    names_by_stem: dict[str, list[str]] = {}
    for label in labels:
        names_by_stem.setdefault(PurePosixPath(label).name, []).append(label)
    marks = []
    for image in images:
        found = _label_of(image.reference, labels, names_by_stem)
        if found is None or image.size is None:
            continue
        file = labels.pop(found)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            words, where = line.split(), f"{file.relative_to(root).as_posix()}, line {number}"
            if not words:
                continue
            geometry = _geometry(words, image.size, keypoints, where, findings)
            if geometry is not None:
                name = names.get(int(words[0]), words[0])
                marks.append(Mark(where, image.reference, name, **geometry))
    for file in labels.values():
        findings.skip("label files without an image", file.relative_to(root).as_posix())
    categories = tuple(Category(label + 1, name) for label, name in sorted(names.items()))
    return Source(tuple(images), categories, tuple(marks))


def _names(path: Path, root: Path) -> tuple[dict[int, str], tuple[int, int]]:
    """Return the names by label, and the shape of keypoints.

    The shape is (number of keypoints, values per keypoint), (0, 0) for none.
    """
    file = path if path.is_file() else root / DATA_FILE
    if not file.is_file():
        words = (root / CLASSES_FILE).read_text(encoding="utf-8-sig").splitlines()
        return {i: word.strip() for i, word in enumerate(words) if word.strip()}, (0, 0)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{file}: cannot be read as yaml ({error}). Correct it.") from error
    names = content.get("names") if isinstance(content, dict) else None
    if not isinstance(names, list | dict):
        raise ValueError(f"{file}: expected 'names' as a list or a map, found {names!r}.")
    pairs = enumerate(names) if isinstance(names, list) else names.items()
    shape = content.get("kpt_shape") or (0, 0)
    return {int(label): str(name) for label, name in pairs}, (shape[0], shape[1])


def _label_files(root: Path) -> list[Path]:
    """Return the text files under `labels`, else all text files."""
    under_labels = sorted(f for f in root.rglob("*.txt") if "labels" in f.relative_to(root).parts)
    every = (f for f in sorted(root.rglob("*.txt")) if f.name != CLASSES_FILE)
    return under_labels or list(every)


def _label_of(
    reference: str, labels: dict[str, Path], names_by_stem: dict[str, list[str]]
) -> str | None:
    """Return the label file of an image.

    Its path is that of the image with `images` replaced by `labels`, else it is the file with the
    longest common ending.
    """
    parts = PurePosixPath(reference).with_suffix("").parts
    swapped = "/".join("labels" if part == "images" else part for part in parts)
    if swapped in labels:
        return swapped
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        same_stem = [name for name in names_by_stem.get(parts[-1], []) if name in labels]
        found = [name for name in same_stem if name == end or name.endswith("/" + end)]
        if len(found) == 1:
            return found[0]
    return None


def _geometry(
    words: list[str],
    size: tuple[int, int],
    keypoint_shape: tuple[int, int],
    where: str,
    findings: Findings,
) -> dict[str, Any] | None:
    try:
        int(words[0])
        values = [float(word) for word in words[1:]]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)):
        findings.skip("lines that are not a class and numbers", where)
        return None
    num_keypoints, width = keypoint_shape
    if num_keypoints and len(values) == _BOX_VALUES + num_keypoints * width:
        keypoints = _keypoints(values[_BOX_VALUES:], width, size)
        return {"box": _box(values, size), "points": keypoints}
    if len(values) in (_BOX_VALUES, _BOX_VALUES + 1):  # the fifth is a score
        return {"box": _box(values, size)}
    if len(values) < _MIN_POLYGON_VALUES or len(values) % 2:
        findings.skip("lines that are no box and no outline", where)
        return None
    return {"mask": fill_outline(np.array(values).reshape(-1, 2), size)}


def _box(values: list[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    (height, width), (x, y, w, h) = size, values[:_BOX_VALUES]
    return (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height


def _keypoints(
    values: list[float], keypoint_width: int, size: tuple[int, int]
) -> tuple[tuple[float, float], ...]:
    """Return the labelled keypoints; (0, 0) and visibility 0 mean not labelled."""
    height, width = size
    triples = [values[i : i + keypoint_width] for i in range(0, len(values), keypoint_width)]
    return tuple(
        (x * width, y * height) for x, y, *seen in triples if (x or y) and (not seen or seen[0])
    )


def fill_outline(outline: np.ndarray, size: tuple[int, int]) -> RLE:
    """Fill a YOLO outline in the way of ultralytics.

    Args:
        outline: (V, 2) x, y as shares of the width and height.
        size: (height, width) of the image.

    Returns:
        Run lengths of the image's size.
    """
    import cv2

    height, width = size
    corners = (outline.astype(np.float32) * np.array([width, height], np.float32)).astype(np.int32)
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [corners], 1)
    return encode_masks(mask[None])[0]

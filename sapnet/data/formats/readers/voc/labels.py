"""The classes of Pascal VOC data sets, by the colors and numbers of `SegmentationClass`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sapnet.data.formats.readers.voc.colors import GRAY_MODES, color_codes, color_map

LABELMAP, LABELS = "labelmap.txt", "labels.txt"
"""Files of class names: CVAT's and Datumaro's with colors, ours and others' without."""

VOC_CLASSES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike "
    "person pottedplant sheep sofa train tvmonitor"
).split()
"""Names by class number; in the files, the numbers start at 1."""

_BACKGROUND_NAMES = frozenset(("background", "_background_", "__ignore__", "ignored", "void"))


@dataclass(frozen=True)
class ClassLabels:
    """Names of classes.

    Attributes:
        by_color: the name of each `color_codes` number; the background has none.
        by_number: the name of each number, for gray images; None for the background.
        is_assumed: True if there is no file of names, so that they are VOC's own.
    """

    by_color: Mapping[int, str]
    by_number: Sequence[str | None]
    is_assumed: bool = False

    def values_of(self, image: Image.Image) -> tuple[np.ndarray, Mapping[int, str]]:
        """Return the class image as one value per pixel (H, W), and the names of the values."""
        if image.mode not in GRAY_MODES:
            return color_codes(np.asarray(image.convert("RGB"))), self.by_color
        numbers = np.asarray(image).astype(np.int64)
        if image.mode == "P":
            palette = color_codes(np.reshape(image.getpalette("RGB") or [], (-1, 3))).tolist()
            names = {
                number: self.by_color[code]
                for number, code in enumerate(palette)
                if code in self.by_color
            }
            if names.keys() & set(np.unique(numbers).tolist()):
                return numbers, names
        # Gray, or with a palette for the eye alone: the numbers are the classes.
        return numbers, {number: name for number, name in enumerate(self.by_number) if name}


NO_LABELS = ClassLabels({}, [])
"""Labels of a data set whose class images cannot be understood."""


def most_frequent(values: np.ndarray, names: Mapping[int, str]) -> str | None:
    """Return the most frequent class among values, None if none of them has a name."""
    found, counts = np.unique(values, return_counts=True)
    named = [
        (count, names[value])
        for count, value in zip(counts.tolist(), found.tolist(), strict=True)
        if value in names
    ]
    return max(named)[1] if named else None


def read_class_labels(root: Path) -> ClassLabels:
    """Read the names of the classes of a data set.

    They stand in `labelmap.txt` (`name:r,g,b:parts:actions`), else in `labels.txt` (a name per
    line, the background first), else they are VOC's 20.

    Args:
        root: folder of the data set.

    Raises:
        ValueError: a line cannot be read, or two names have one color.
    """
    if (root / LABELMAP).is_file():
        return _of_labelmap(root / LABELMAP)
    is_assumed = not (root / LABELS).is_file()
    names = ["background", *VOC_CLASSES] if is_assumed else _lines(root / LABELS)
    kept = [None if name.lower() in _BACKGROUND_NAMES else name for name in names]
    codes = color_codes(color_map()).tolist()
    by_color = {code: name for code, name in zip(codes, kept, strict=False) if name}
    return ClassLabels(by_color, kept, is_assumed)


def _of_labelmap(path: Path) -> ClassLabels:
    names: list[str | None] = []
    by_color: dict[int, str] = {}
    default = color_map()
    for number, line in enumerate(_lines(path)):
        name, _, rest = line.partition(":")
        color = _color(rest.partition(":")[0], path, line) or default[number % len(default)]
        if name.lower() in _BACKGROUND_NAMES:
            names.append(None)
            continue
        code = int(color_codes(np.asarray(color)))
        if code in by_color:
            raise ValueError(
                f"{path}: expected a color for each class, but {by_color[code]!r} and {name!r} "
                "share one. Export the data set with different colors."
            )
        by_color[code] = name
        names.append(name)
    return ClassLabels(by_color, names)


def _color(text: str, path: Path, line: str) -> list[int] | None:
    if not text.strip():
        return None
    values = [part.strip() for part in text.split(",")]
    if len(values) != 3 or not all(v.isascii() and v.isdigit() and int(v) < 256 for v in values):
        raise ValueError(
            f"{path}: expected 'name:r,g,b:parts:actions' with numbers up to 255, found "
            f"{line[:60]!r}. Correct the line."
        )
    return [int(value) for value in values]


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8, found other bytes ({error}).") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]

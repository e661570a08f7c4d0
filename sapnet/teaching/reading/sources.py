"""Sources of a training by the names of the command line: folders and json files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sapnet.teaching.config import SourceConfig

LAYOUTS = (
    ("images", "instances.json"),
    ("images/train", "instances_train.json"),
    ("train2017", "annotations/instances_train2017.json"),
)
"""Images and masks inside of a folder; held-out images (`val`) are never read."""

KEYS = ("images", "weight", "whole")
"""Further values of a source, written after its path as `,key=value`."""


def find_sources(data: Sequence[str], images: Path | None = None) -> tuple[SourceConfig, ...]:
    """Find images and masks of some sources.

    Args:
        data: each a folder or a json file, `,images=DIR`, `,weight=NUMBER` and `,whole=ID` behind
            it where wanted.
        images: folder of the images of json files that name none.

    Raises:
        FileNotFoundError: a folder or a file is missing.
        ValueError: a value makes no sense.
    """
    return tuple(find_source(entry, images) for entry in data)


def find_source(text: str, images: Path | None = None) -> SourceConfig:
    """Find images and masks of a source; see `find_sources`."""
    path, values = split_source(text)
    folder = Path(values["images"]) if "images" in values else images
    if path.is_dir():
        found, truth = _inside(path)
        folder = Path(values["images"]) if "images" in values else found
    elif path.is_file():
        truth = path
        folder = _beside(path) if folder is None else folder
    else:
        raise FileNotFoundError(
            f"{path}: no such folder or file. Name a folder of images with masks, a COCO json, or "
            "a file of sapnet review or sapnet annotate."
        )
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of the images of {truth}")
    whole = values.get("whole")
    return SourceConfig(
        str(folder),
        str(truth),
        _number(text, "weight", values.get("weight", "1")),
        None if whole is None else int(_number(text, "whole", whole)),
    )


def split_source(text: str) -> tuple[Path, dict[str, str]]:
    """Part a source into its path and the values behind it.

    Raises:
        ValueError: a key occurs twice.
    """
    values: dict[str, str] = {}
    path = text
    while True:
        before, comma, last = path.rpartition(",")
        key, equals, value = last.partition("=")
        if not comma or not equals or key not in KEYS:
            return Path(path), values
        if key in values:
            raise ValueError(f"{text}: expected '{key}' once, found it twice. Drop one.")
        values[key], path = value, before


def _inside(folder: Path) -> tuple[Path, Path]:
    """Images and masks of a folder in one of the known layouts."""
    for images, truth in LAYOUTS:
        if (folder / truth).is_file():
            return folder / images, folder / truth
    known = "; ".join(f"{images}/ with {truth}" for images, truth in LAYOUTS)
    raise FileNotFoundError(
        f"{folder}: expected images and masks ({known}), found neither. Name the json file itself, "
        "and its images as `FILE.json,images=DIR`."
    )


def _beside(truth: Path) -> Path:
    """Folder of the images of a json file: `images` beside it, else its own."""
    split = truth.stem.rpartition("_")[2]
    for folder in (truth.parent / "images" / split, truth.parent / "images"):
        if folder.is_dir():
            return folder
    return truth.parent


def _number(text: str, key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise ValueError(f"{text}: expected '{key}' as a number, found {value!r}") from error

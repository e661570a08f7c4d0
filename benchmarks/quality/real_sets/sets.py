"""Sets of photographs with ground truth: where their files are, and the clicks on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.trial import sapnet
from sapnet.system.files import write_json_atomic

SPLITS = ("train", "val")


@dataclass(frozen=True)
class Split:
    """One half of a set.

    Attributes:
        images: folder of the images.
        truth: COCO instance json with masks.
        clicks: clicks that come with the set; None if there are none, then they are drawn.
    """

    images: Path
    truth: Path
    clicks: Path | None = None


@dataclass(frozen=True)
class RealSet:
    """A set with its two splits.

    Attributes:
        name: of its folder; the key of its figures.
        train: clicked images.
        val: held-out images.
    """

    name: str
    train: Split
    val: Split

    def split(self, name: str) -> Split:
        """Return the split of a name of `SPLITS`."""
        return self.train if name == "train" else self.val


def find_sets(folders: list[Path]) -> list[RealSet]:
    """Find the sets of some folders: each one is a set, or holds sets.

    A set is laid out as `images/train`, `images/val`, `instances_train.json` and
    `instances_val.json`, or as COCO: `train2017`, `val2017` and `annotations`.

    Raises:
        SystemExit: a folder is no set and holds none, or two sets have one name.
    """
    found = []
    for folder in folders:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        sets = [one for one in map(_read_set, (folder, *inside)) if one is not None]
        if not sets:
            raise SystemExit(
                f"{folder}: expected images/train, images/val, instances_train.json and "
                "instances_val.json in it or in its folders, or a folder of COCO; found neither"
            )
        found += sets
    names = [one.name for one in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SystemExit(f"--sets: two folders are named {', '.join(sorted(twice))}; rename one")
    return found


def _read_set(folder: Path) -> RealSet | None:
    """Return the set of a folder; None if the folder is none."""
    own = [Split(folder / "images" / s, folder / f"instances_{s}.json") for s in SPLITS]
    coco = []
    for split in SPLITS:
        truth = folder / "annotations" / f"instances_{split}2017.json"
        clicks = folder / f"points_{split}2017.json"
        coco.append(Split(folder / f"{split}2017", truth, clicks if clicks.is_file() else None))
    for train, val in (own, coco):
        if all(split.truth.is_file() and split.images.is_dir() for split in (train, val)):
            return RealSet(folder.resolve().name, train, val)
    return None


def clicks_of(split: Split, folder: Path) -> Path:
    """Return the clicks of a split; draws them into a folder with seed 0 if it has none."""
    if split.clicks is not None:
        return split.clicks
    clicks = folder / "clicks.json"
    if not clicks.is_file():
        words = ("--truth", split.truth, "--out", clicks, "--seed", 0)
        sapnet(folder / "points.log", "points", *words)
    return clicks


def limit_set(real: RealSet, number: int, folder: Path) -> RealSet:
    """Return a set with at most this number of images in each split, drawn with seed 0.

    Args:
        real: the whole set; its own clicks are left out.
        number: images of a split.
        folder: for links to the images and the files of their masks.
    """
    for split in SPLITS:
        whole = real.split(split)
        content = some_images(json.loads(whole.truth.read_text(encoding="utf-8")), number)
        images = folder / "images" / split
        images.mkdir(parents=True, exist_ok=True)
        for name in (str(image["file_name"]) for image in content["images"]):
            if not (images / name).is_symlink():
                (images / name).parent.mkdir(parents=True, exist_ok=True)
                (images / name).symlink_to((whole.images / name).resolve())
        write_json_atomic(folder / f"instances_{split}.json", content)
    train, val = (Split(folder / "images" / s, folder / f"instances_{s}.json") for s in SPLITS)
    return RealSet(real.name, train, val)


def some_images(truth: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the part of a COCO instance json that holds some of its images with objects.

    Args:
        truth: content of the file.
        number: images to draw, with seed 0; all where there are fewer.
    """
    with_objects = {annotation["image_id"] for annotation in truth["annotations"]}
    images = [image for image in truth["images"] if image["id"] in with_objects]
    places = np.random.default_rng(0).permutation(len(images))[:number]
    chosen = [images[place] for place in sorted(places.tolist())]
    ids = {image["id"] for image in chosen}
    annotations = [one for one in truth["annotations"] if one["image_id"] in ids]
    return {**truth, "images": chosen, "annotations": annotations}

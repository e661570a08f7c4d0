"""What other tools write, as sapnet reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mask_ious import MaskIous
from other_tools import needed

from sapnet.data.coco import InstanceSet
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.writers.export import export_masks
from sapnet.geometry.rle import decode_masks
from sapnet.structures.clicks import ClickSet

DataSet = tuple[InstanceSet, Path]

LOSSLESS = 0.999
"""Least mean IoU of a pair that loses nothing."""


Masks = dict[tuple[str, str], list[np.ndarray]]
"""Masks (H, W) bool by name of the image, without its ending, and name of the class."""


def drawn_masks(data_set: DataSet) -> Masks:
    names = {c.category_id: c.name for c in data_set[0].categories}
    found: Masks = {}
    for instance in data_set[0].instances:
        key = (Path(instance.image.file_name).stem, names[instance.category_id])
        found.setdefault(key, []).append(decode_masks([instance.rle()])[0].astype(bool))
    return found


def read_masks(clicks: ClickSet) -> Masks:
    kinds = {c.category_id: c.name for c in clicks.categories}
    names = {image.image_id: Path(image.file_name).stem for image in clicks.images}
    found: Masks = {}
    for click in clicks.clicks:
        if click.mask is not None:
            key = (names[click.image_id], kinds[click.category_id])
            found.setdefault(key, []).append(decode_masks([click.mask])[0].astype(bool))
    return found


def compare(expected: Masks, found: Masks, name: str) -> MaskIous:
    """Compare each mask with the read one of its image and class that fits best."""
    ious = MaskIous()
    for key, masks in expected.items():
        for mask in masks:
            others = found.get(key, [np.zeros_like(mask)])
            best = max(others, key=lambda other: (other & mask).sum() / (other | mask).sum())
            ious.add([mask], [best])
    ious.show(name)
    return ious


@pytest.fixture
def held_by_datumaro(drawn: DataSet, tmp_path: Path) -> Any:  # noqa: ANN401  # a Dataset
    datumaro = needed("datumaro")
    (tmp_path / "in" / "annotations").mkdir(parents=True)
    (tmp_path / "in" / "images").symlink_to(drawn[1])
    out = tmp_path / "in" / "annotations" / "instances_train.json"
    export_masks(drawn[0], "coco-rle", out, Findings())
    return datumaro.Dataset.import_from(str(tmp_path / "in"), "coco_instances")


def test_voc_of_datumaro(drawn: DataSet, held_by_datumaro: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """In color, with masks that the xml does not list; what is under another mask is lost."""
    held_by_datumaro.export(str(tmp_path / "voc"), "voc", save_media=False)
    clicks = read_any(tmp_path / "voc", Findings(), ReadOptions(images=drawn[1]))
    assert compare(drawn_masks(drawn), read_masks(clicks), "Datumaro's VOC").mean >= 0.9
    assert {i.file_name for i in clicks.images} == {i.file_name for i in drawn[0].images}


def test_coco_of_datumaro(drawn: DataSet, held_by_datumaro: Any, tmp_path: Path) -> None:  # noqa: ANN401
    held_by_datumaro.export(
        str(tmp_path / "coco"), "coco_instances", save_media=False, segmentation_mode="mask"
    )
    clicks = read_any(tmp_path / "coco" / "annotations", Findings(), ReadOptions(crowds="object"))
    assert compare(drawn_masks(drawn), read_masks(clicks), "Datumaro's COCO").mean >= LOSSLESS


@pytest.fixture
def held_by_supervision(drawn: DataSet, tmp_path: Path) -> Any:  # noqa: ANN401  # a data set
    sv = needed("supervision")
    export_masks(drawn[0], "coco-rle", tmp_path / "in.json", Findings())
    return sv.DetectionDataset.from_coco(str(drawn[1]), str(tmp_path / "in.json"), force_masks=True)


def test_coco_of_supervision(held_by_supervision: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Its polygons are filled as pycocotools fills them, and not as supervision does itself."""
    coco = needed("pycocotools.coco")
    held_by_supervision.as_coco(annotations_path=str(tmp_path / "out.json"))
    clicks = read_any(tmp_path / "out.json", Findings(), ReadOptions(crowds="object"))
    read = coco.COCO(str(tmp_path / "out.json"))
    expected: Masks = {}
    for annotation in read.loadAnns(read.getAnnIds()):
        if not annotation["segmentation"]:  # of single pixels, supervision writes no outline
            continue
        image, kind = read.loadImgs(annotation["image_id"])[0], annotation["category_id"]
        key = (Path(image["file_name"]).stem, read.loadCats(kind)[0]["name"])
        mask = read.annToMask(annotation).astype(bool)
        if mask.any():
            expected.setdefault(key, []).append(mask)
    assert compare(expected, read_masks(clicks), "supervision's COCO").mean >= LOSSLESS


def test_labelme_saves_what_we_read(drawn: DataSet, tmp_path: Path) -> None:
    """Through LabelMe's own file class and back."""
    module = needed("labelme._label_file")
    export_masks(drawn[0], "labelme", tmp_path / "out", Findings())
    for path in sorted((tmp_path / "out").glob("*.json")):
        (tmp_path / "out" / f"{path.stem}.jpg").write_bytes(
            (drawn[1] / f"{path.stem}.jpg").read_bytes()
        )
        loaded = module.LabelFile(str(path))
        loaded.save(
            filename=str(path), shapes=loaded.shapes, image_path=loaded.image_path,
            image_height=60, image_width=100, image_data=None, other_data=loaded.other_data,
            flags=loaded.flags,
        )  # fmt: skip
    clicks = read_any(tmp_path / "out", Findings())
    assert compare(drawn_masks(drawn), read_masks(clicks), "LabelMe's own file").mean >= LOSSLESS

"""What other tools write, as sapnet reads it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from mask_ious import MaskIous

from sapnet.data.coco import InstanceSet
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.writers.export import export_masks
from sapnet.geometry.rle import decode_masks
from sapnet.structures.clicks import ClickSet

DataSet = tuple[InstanceSet, Path]

LOSSLESS = 0.999
"""Least mean IoU of a pair that loses nothing."""


def needed(name: str) -> ModuleType:
    return pytest.importorskip(name, reason=f"{name} is not installed; see `make interop`")


def compare(data_set: DataSet, clicks: ClickSet, name: str) -> MaskIous:
    """Compare each mask with the read one of its class that fits best."""
    kinds = {c.category_id: c.name for c in clicks.categories}
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for image in clicks.images:
        for click in clicks.clicks:
            if click.image_id == image.image_id and click.mask is not None:
                key = (Path(image.file_name).stem, kinds[click.category_id])
                found.setdefault(key, []).append(decode_masks([click.mask])[0].astype(bool))
    names = {c.category_id: c.name for c in data_set[0].categories}
    ious = MaskIous()
    for instance in data_set[0].instances:
        truth = decode_masks([instance.rle()])[0].astype(bool)
        key = (Path(instance.image.file_name).stem, names[instance.category_id])
        others = found.get(key, [np.zeros_like(truth)])
        ious.add(
            [truth], [max(others, key=lambda other: (other & truth).sum() / (other | truth).sum())]
        )
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
    assert compare(drawn, clicks, "Datumaro's VOC").mean >= 0.9
    assert {i.file_name for i in clicks.images} == {i.file_name for i in drawn[0].images}


def test_coco_of_datumaro(drawn: DataSet, held_by_datumaro: Any, tmp_path: Path) -> None:  # noqa: ANN401
    held_by_datumaro.export(str(tmp_path / "coco"), "coco_instances", save_media=False)
    clicks = read_any(tmp_path / "coco" / "annotations", Findings(), ReadOptions(crowds="object"))
    assert compare(drawn, clicks, "Datumaro's COCO").mean >= LOSSLESS


@pytest.fixture
def held_by_supervision(drawn: DataSet, tmp_path: Path) -> Any:  # noqa: ANN401  # a data set
    sv = needed("supervision")
    export_masks(drawn[0], "coco-rle", tmp_path / "in.json", Findings())
    return sv.DetectionDataset.from_coco(str(drawn[1]), str(tmp_path / "in.json"), force_masks=True)


def test_coco_of_supervision(drawn: DataSet, held_by_supervision: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Its polygons run through pixel numbers, which COCO's tools fill smaller."""
    held_by_supervision.as_coco(annotations_path=str(tmp_path / "out.json"))
    clicks = read_any(tmp_path / "out.json", Findings(), ReadOptions(crowds="object"))
    assert compare(drawn, clicks, "supervision's COCO").mean >= 0.5


def test_yolo_of_supervision(drawn: DataSet, held_by_supervision: Any, tmp_path: Path) -> None:  # noqa: ANN401
    held_by_supervision.as_yolo(
        str(tmp_path / "yolo" / "images"), str(tmp_path / "yolo" / "labels"),
        str(tmp_path / "yolo" / "data.yaml"),
    )  # fmt: skip
    clicks = read_any(
        tmp_path / "yolo", Findings(), ReadOptions(images=tmp_path / "yolo" / "images")
    )
    assert compare(drawn, clicks, "supervision's YOLO").mean >= 0.5


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
    assert compare(drawn, clicks, "LabelMe's own file").mean >= LOSSLESS

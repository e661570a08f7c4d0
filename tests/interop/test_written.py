"""Our exports, filled by the tools that they are for."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from mask_ious import MaskIous
from other_tools import needed

from sapnet.data.choices import MaskFormat
from sapnet.data.coco import InstanceSet
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.export import export_masks
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.geometry.rle import decode_masks

DataSet = tuple[InstanceSet, Path]

LOSSLESS = 0.999
"""Least mean IoU of a pair that loses nothing."""


def export(data_set: DataSet, name: MaskFormat, out: Path) -> Path:
    instances, images = data_set
    export_masks(instances, name, out, Findings(), ExportOptions(images=images))
    return out


def masks_of(instances: InstanceSet, name: str) -> list[np.ndarray]:
    """The masks (H, W) bool of an image, in file order."""
    rles = [i.rle() for i in instances.instances if i.image.file_name == name]
    return [decode_masks([rle])[0].astype(bool) for rle in rles]


@pytest.mark.parametrize("name", ["coco-rle", "coco-polygons"])
def test_coco_by_pycocotools(name: MaskFormat, data_set: DataSet, tmp_path: Path) -> None:
    coco = needed("pycocotools.coco").COCO(str(export(data_set, name, tmp_path / "labels.json")))
    ious = MaskIous()
    for instance in data_set[0].instances:
        (annotation,) = coco.loadAnns([instance.annotation_id])
        assert annotation["category_id"] == instance.category_id
        ious.add(decode_masks([instance.rle()]), [coco.annToMask(annotation)])
    ious.show(f"{name}, pycocotools")
    assert min(ious.values) == 1


def test_coco_by_torchvision(data_set: DataSet, tmp_path: Path) -> None:
    needed("pycocotools")
    datasets = needed("torchvision.datasets")
    out = export(data_set, "coco-polygons", tmp_path / "labels.json")
    read = datasets.CocoDetection(str(data_set[1]), str(out))
    ious = MaskIous()
    for index, image_id in enumerate(read.ids):
        image, annotations = read[index]
        name = read.coco.loadImgs(image_id)[0]["file_name"]
        masks = [read.coco.annToMask(annotation) for annotation in annotations]
        ious.add(masks_of(data_set[0], name), masks)
        assert image.size == masks[0].shape[::-1] if masks else True
    ious.show("coco-polygons, torchvision")
    assert len(ious.values) == len(data_set[0].instances)
    assert min(ious.values) == 1


@pytest.mark.parametrize(("name", "least"), [("coco-rle", LOSSLESS), ("coco-polygons", 0.5)])
def test_coco_by_supervision(
    name: MaskFormat, least: float, data_set: DataSet, tmp_path: Path
) -> None:
    """Of polygons, supervision rounds the corners and draws the border: it loses."""
    sv = needed("supervision")
    out = export(data_set, name, tmp_path / "labels.json")
    read = sv.DetectionDataset.from_coco(str(data_set[1]), str(out), force_masks=True)
    ious = MaskIous()
    for path, detections in read.annotations.items():
        truth = masks_of(data_set[0], Path(path).name)
        ious.add(truth, [] if detections.mask is None else np.asarray(detections.mask))
    ious.show(f"{name}, supervision")
    assert len(ious.values) == len(data_set[0].instances)
    assert ious.mean >= least


@pytest.mark.parametrize("name", ["coco-rle", "coco-polygons"])
def test_coco_by_datumaro(name: MaskFormat, data_set: DataSet, tmp_path: Path) -> None:
    datumaro = needed("datumaro")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").symlink_to(data_set[1])
    export(data_set, name, tmp_path / "annotations" / "instances_train.json")
    read = datumaro.Dataset.import_from(str(tmp_path), "coco_instances")
    labels = read.categories()[datumaro.AnnotationType.label]
    kinds = {c.category_id: c.name for c in data_set[0].categories}
    objects = {i.annotation_id: i for i in data_set[0].instances}
    parts: dict[int, np.ndarray] = {}
    for item in read:
        for annotation in item.annotations:
            if not isinstance(annotation, datumaro.Mask | datumaro.Polygon):
                continue  # a box, beside each of them
            number = annotation.group
            instance = objects[number]
            assert labels[annotation.label].name == kinds[instance.category_id]
            size = instance.image.height, instance.image.width
            mask = datumaro_mask(datumaro, annotation, size)
            parts[number] = parts.get(number, np.zeros(size, bool)) | mask
    ious = MaskIous()
    for number, instance in objects.items():
        ious.add(decode_masks([instance.rle()]), [parts[number]])
    ious.show(f"{name}, Datumaro")
    assert min(ious.values) == 1


def datumaro_mask(datumaro: ModuleType, annotation: Any, size: tuple[int, int]) -> np.ndarray:  # noqa: ANN401
    """Return a mask of Datumaro, or a polygon as it fills one itself."""
    if isinstance(annotation, datumaro.Mask):
        return np.asarray(annotation.image, bool)
    tools = needed("datumaro.util.mask_tools")
    return np.asarray(tools.rles_to_mask([annotation.points], *size[::-1]), bool)


def test_labelme_by_its_own_fill(data_set: DataSet, tmp_path: Path) -> None:
    labelme = needed("labelme.utils.shape")
    out = export(data_set, "labelme", tmp_path / "out")
    ious = MaskIous()
    for image in data_set[0].images:
        content = json.loads((out / image.file_name).with_suffix(".json").read_text("utf-8"))
        joined: dict[object, np.ndarray] = {}
        for number, shape in enumerate(content["shapes"]):
            group = ("alone", number) if shape["group_id"] is None else shape["group_id"]
            size = (image.height, image.width)
            mask = labelme.shape_to_mask(size, shape["points"], shape["shape_type"])
            joined[group] = joined.get(group, np.zeros(size, bool)) | mask
        ious.add(masks_of(data_set[0], image.file_name), joined.values())
    ious.show("labelme, labelme")
    assert ious.mean >= LOSSLESS


def test_labelme_loads_the_file(drawn: DataSet, tmp_path: Path) -> None:
    module = needed("labelme._label_file")
    out = export(drawn, "labelme", tmp_path / "out")
    loaded = module.LabelFile(str(out / "a.json"))
    assert len(loaded.shapes) == len(json.loads((out / "a.json").read_text())["shapes"])


def test_labelme_by_supervision(data_set: DataSet, tmp_path: Path) -> None:
    sv = needed("supervision")
    if not hasattr(sv.DetectionDataset, "from_labelme"):
        pytest.skip("this supervision reads no LabelMe")
    out = export(data_set, "labelme", tmp_path / "out")
    read = sv.DetectionDataset.from_labelme(str(out), str(out), force_masks=True)
    ious = MaskIous()
    for path, detections in read.annotations.items():
        truth = masks_of(data_set[0], Path(path).name)
        ious.add(truth, [] if detections.mask is None else np.asarray(detections.mask))
    ious.show("labelme, supervision")
    assert ious.mean >= 0.5


def test_yolo_by_ultralytics(data_set: DataSet, tmp_path: Path) -> None:
    """Objects of one part keep every pixel; seams between parts fill a line of pixels."""
    needed("ultralytics")
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset, polygon2mask

    out = export(data_set, "yolo-seg", tmp_path / "yolo")
    checked = check_det_dataset(str(out / "data.yaml"), autodownload=False)
    read = YOLODataset(img_path=checked["train"], data=checked, task="segment", augment=False)
    ious = MaskIous()
    for label in read.labels:
        size = label["shape"]
        corners = [segment * np.float32(size[::-1]) for segment in label["segments"]]
        filled = [polygon2mask(size, [corner.ravel()]) for corner in corners]
        ious.add(masks_of(data_set[0], Path(label["im_file"]).name), filled)
    ious.show("yolo-seg, ultralytics")
    assert len(ious.values) == len(data_set[0].instances)
    assert ious.mean >= 0.98
    assert np.median(ious.values) == 1


def test_yolo_by_supervision(data_set: DataSet, tmp_path: Path) -> None:
    sv = needed("supervision")
    out = export(data_set, "yolo-seg", tmp_path / "yolo")
    folders = (str(out / kind / "train") for kind in ("images", "labels"))
    read = sv.DetectionDataset.from_yolo(*folders, str(out / "data.yaml"), True)
    ious = MaskIous()
    for path, detections in read.annotations.items():
        truth = masks_of(data_set[0], Path(path).name)
        ious.add(truth, [] if detections.mask is None else np.asarray(detections.mask))
    ious.show("yolo-seg, supervision")
    assert ious.mean >= 0.98
    assert np.median(ious.values) == 1


def test_voc_by_datumaro(data_set: DataSet, tmp_path: Path) -> None:
    """Masks that overlap lose what lies under another; the others keep every pixel."""
    datumaro = needed("datumaro")
    out = export(data_set, "voc", tmp_path / "voc")
    read = datumaro.Dataset.import_from(str(out), "voc_instance_segmentation")
    labels = read.categories()[datumaro.AnnotationType.label]
    kinds = {c.category_id: c.name for c in data_set[0].categories}
    ious = MaskIous()
    for item in read:
        name = f"{item.id}.jpg"
        objects = [i for i in data_set[0].instances if i.image.file_name == name]
        found = {a.group: a for a in item.annotations if isinstance(a, datumaro.Mask)}
        for number, (truth, instance) in enumerate(
            zip(masks_of(data_set[0], name), objects, strict=True), start=1
        ):
            mask = np.asarray(found[number].image) if number in found else np.zeros_like(truth)
            if number in found:
                assert labels[found[number].label].name == kinds[instance.category_id]
            ious.add([truth], [mask])
    ious.show("voc, Datumaro")
    assert len(ious.values) == len(data_set[0].instances)
    assert ious.mean >= 0.9


def test_voc_by_torchvision(data_set: DataSet, tmp_path: Path) -> None:
    """torchvision looks for VOCdevkit/VOC2012 below its root, and for images named .jpg."""
    datasets = needed("torchvision.datasets")
    export(data_set, "voc", tmp_path / "VOCdevkit" / "VOC2012")
    read = datasets.VOCSegmentation(str(tmp_path), "2012", "train", download=False)
    assert len(read) == len(data_set[0].images)
    ids = sorted(c.category_id for c in data_set[0].categories)
    ious = MaskIous()
    for (image, classes), record in zip(read, data_set[0].images, strict=True):
        assert image.size == (record.width, record.height)
        values = np.asarray(classes)
        objects = [i for i in data_set[0].instances if i.image == record]
        for label, category_id in enumerate(ids, start=1):
            masks = [decode_masks([o.rle()])[0] for o in objects if o.category_id == category_id]
            if masks and (np.any(masks, axis=0) | (values == label)).any():
                ious.add([np.any(masks, axis=0)], [values == label])
    ious.show("voc, torchvision, classes")
    assert ious.mean >= 0.9
    boxes = datasets.VOCDetection(str(tmp_path), "2012", "train", download=False)
    assert len(boxes) == len(read)

"""Our layouts with a split, opened by the trainers and tools that they are for."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mask_ious import MaskIous
from other_tools import needed

from sapnet.data.choices import MaskFormat
from sapnet.data.coco import InstanceSet, load_instances
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.export import export_masks
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.formats.writers.split import split_instances
from sapnet.geometry.rle import decode_masks
from sapnet.structures.split import Split

DataSet = tuple[InstanceSet, Path]

LOSSLESS = 0.999
"""Least mean IoU of a pair that loses nothing."""

PARTS = ("train", "val", "test")


THREE = Split((0.5, 0.25, 0.25))


def export(data_set: DataSet, name: MaskFormat, out: Path, split: Split = THREE) -> Path:
    instances, images = data_set
    options = ExportOptions(images=images, split=split)
    export_masks(instances, name, out, Findings(), options)
    return out


def with_objects(instances: InstanceSet) -> Split:
    """Two parts, each with an object."""
    for seed in range(20):
        split = Split((0.6, 0.4, 0), seed)
        parts = split_instances(instances, split, Findings())
        if all(part.instances for part in parts.values()):
            return split
    raise AssertionError


def masks_of(instances: InstanceSet, name: str) -> list[np.ndarray]:
    """The masks (H, W) bool of an image, in file order."""
    rles = [i.rle() for i in instances.instances if i.image.file_name == name]
    return [decode_masks([rle])[0].astype(bool) for rle in rles]


def check(ious: MaskIous, name: str, data_set: DataSet, least: float) -> None:
    ious.show(name)
    assert len(ious.values) == len(data_set[0].instances)
    assert ious.mean >= least


def test_roboflow_by_rf_detr(data_set: DataSet, tmp_path: Path) -> None:
    """RF-DETR knows the layout, and its own reader gives every mask and a label from 0 on."""
    needed("rfdetr")
    from rfdetr.datasets import detect_roboflow_format
    from rfdetr.datasets.coco import CocoDetection, is_valid_coco_dataset

    out = export(data_set, "roboflow", tmp_path / "out")
    assert is_valid_coco_dataset(str(out))
    assert detect_roboflow_format(out) == "coco"
    label_of = {c.category_id: n for n, c in enumerate(data_set[0].categories)}
    ious, names = MaskIous(), []
    for part in ("train", "valid", "test"):
        read = CocoDetection(
            out / part, out / part / "_annotations.coco.json", transforms=None,
            include_masks=True, remap_category_ids=True,
        )  # fmt: skip
        for index, image_id in enumerate(read.ids):
            _, target = read[index]
            name = read.coco.loadImgs(image_id)[0]["file_name"]
            names.append(name)
            truth = masks_of(data_set[0], name)
            ious.add(truth, list(np.asarray(target["masks"], bool)) if truth else [])
            objects = [i for i in data_set[0].instances if i.image.file_name == name]
            assert target["labels"].tolist() == [label_of[o.category_id] for o in objects]
    assert sorted(names) == sorted(i.file_name for i in data_set[0].images)
    check(ious, "roboflow, RF-DETR", data_set, LOSSLESS)


def test_roboflow_by_supervision(data_set: DataSet, tmp_path: Path) -> None:
    sv = needed("supervision")
    out = export(data_set, "roboflow", tmp_path / "out")
    ious = MaskIous()
    for part in ("train", "valid", "test"):
        read = sv.DetectionDataset.from_coco(
            str(out / part), str(out / part / "_annotations.coco.json"), force_masks=True
        )
        for path, detections in read.annotations.items():
            truth = masks_of(data_set[0], Path(path).name)
            ious.add(truth, [] if detections.mask is None else np.asarray(detections.mask))
    check(ious, "roboflow, supervision", data_set, LOSSLESS)


def test_imagefolder_by_datasets(data_set: DataSet, tmp_path: Path) -> None:
    """As the documentation loads it; the masks are decoded by pycocotools."""
    datasets, tools = needed("datasets"), needed("pycocotools.mask")
    out = export(data_set, "imagefolder", tmp_path / "out", with_objects(data_set[0]))
    read = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "c"))
    assert list(read) == ["train", "validation"]
    name_of = {image.image_id: image.file_name for image in data_set[0].images}
    kinds = {c.category_id: c.name for c in data_set[0].categories}
    ious, seen = MaskIous(), []
    for part in read.values():
        for row in part:
            name = name_of[row["image_id"]]
            seen.append(name)
            assert row["image"].size == (row["width"], row["height"])
            held = row["objects"]
            ious.add(masks_of(data_set[0], name), [tools.decode(s) for s in held["segmentation"]])
            objects = [i for i in data_set[0].instances if i.image.file_name == name]
            assert held["names"] == [kinds[o.category_id] for o in objects]
            assert held["id"] == [o.annotation_id for o in objects]
    assert sorted(seen) == sorted(name_of.values())
    check(ious, "imagefolder, datasets", data_set, LOSSLESS)


def test_maps_by_datasets_and_the_processor(data_set: DataSet, tmp_path: Path) -> None:
    """As transformers' own example of instance segmentation prepares its batches."""
    datasets, transformers = needed("datasets"), needed("transformers")
    out = export(data_set, "mask2former", tmp_path / "out")
    read = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "c"))
    processor = transformers.Mask2FormerImageProcessor(
        do_resize=False, do_reduce_labels=True, ignore_index=255
    )
    ious, count = MaskIous(), 0
    for part in PARTS:
        files = {p.stem for p in (out / {"val": "validation"}.get(part, part) / "images").iterdir()}
        rows = read[{"val": "validation"}.get(part, part)]
        images = [i for i in data_set[0].images if Path(i.file_name).stem in files]
        for row, image in zip(rows, images, strict=True):
            classes = row["semantic_class_to_id"]
            assert classes["background"] == 0
            pixels = np.asarray(row["annotation"])[..., :2]
            pairs = np.unique(pixels.reshape(-1, 2), axis=0)
            batch = processor(
                images=[np.asarray(row["image"].convert("RGB"))],
                segmentation_maps=[pixels[..., 1]],
                instance_id_to_semantic_id={number: kind for kind, number in pairs.tolist()},
                return_tensors="pt",
            )
            found = dict(
                zip(sorted(n for _, n in pairs.tolist() if n), batch["mask_labels"][0], strict=True)
            ) if len(pairs) > 1 else {}  # fmt: skip
            truth = masks_of(data_set[0], image.file_name)
            empty = np.zeros((image.height, image.width), bool)
            shown = [
                np.asarray(found[n])[: image.height, : image.width] if n in found else empty
                for n in range(1, len(truth) + 1)
            ]
            ious.add(truth, shown)
            objects = [i for i in data_set[0].instances if i.image == image]
            kinds = {c.category_id: c.name for c in data_set[0].categories}
            named = {number: name for name, number in classes.items()}
            for number, label in zip(found, batch["class_labels"][0].tolist(), strict=True):
                assert named[label + 1] == kinds[objects[number - 1].category_id]
                count += 1
    assert count >= 0.95 * len(data_set[0].instances)
    check(ious, "mask2former, datasets and transformers", data_set, 0.9)


def test_cvat_by_datumaro(data_set: DataSet, tmp_path: Path) -> None:
    """Datumaro reads the xml of one task, with its masks; subsets it does not know."""
    datumaro = needed("datumaro")
    instances, images = data_set
    out = tmp_path / "out"
    export_masks(instances, "cvat", out, Findings(), ExportOptions(images=images))
    read = datumaro.Dataset.import_from(str(out), "cvat")
    labels = read.categories()[datumaro.AnnotationType.label]
    kinds = {c.category_id: c.name for c in instances.categories}
    ious = MaskIous()
    for item in read:
        name = f"{item.id}.jpg"
        objects = [i for i in instances.instances if i.image.file_name == name]
        found = [a for a in item.annotations if isinstance(a, datumaro.Mask)]
        assert [labels[a.label].name for a in found] == [kinds[o.category_id] for o in objects]
        ious.add(masks_of(instances, name), [np.asarray(a.image, bool) for a in found])
    check(ious, "cvat, Datumaro", data_set, LOSSLESS)


def test_masks_by_labelme(data_set: DataSet, tmp_path: Path) -> None:
    """LabelMe's own file class reads every mask; its place is the corner of the box."""
    module = needed("labelme._label_file")
    out = export(data_set, "labelme-mask", tmp_path / "out")
    ious = MaskIous()
    for part in PARTS:
        for path in sorted((out / part).glob("*.json")):
            loaded: Any = module.LabelFile(str(path))
            content = json.loads(path.read_text("utf-8"))
            size, shown = (content["imageHeight"], content["imageWidth"]), []
            for shape in loaded.shapes:
                (x1, y1), (x2, y2) = (map(int, point) for point in shape["points"])
                mask = np.zeros(size, bool)
                mask[y1 : y2 + 1, x1 : x2 + 1] = shape["mask"]
                shown.append(mask)
            ious.add(masks_of(data_set[0], content["imagePath"]), shown)
    check(ious, "labelme-mask, labelme", data_set, LOSSLESS)


def test_yolo_parts_by_ultralytics(data_set: DataSet, tmp_path: Path) -> None:
    needed("ultralytics")
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    out = export(data_set, "yolo-seg", tmp_path / "out")
    checked = check_det_dataset(str(out / "data.yaml"), autodownload=False)
    names: list[str] = []
    for part in PARTS:
        read = YOLODataset(img_path=checked[part], data=checked, task="segment", augment=False)
        names += [Path(label["im_file"]).name for label in read.labels]
    assert sorted(names) == sorted(i.file_name for i in data_set[0].images)


@pytest.mark.timeout(300)
def test_an_epoch_validates_on_other_images(drawn: DataSet, tmp_path: Path) -> None:
    """Ultralytics trains on one part and validates on the other; nothing is downloaded."""
    ultralytics = needed("ultralytics")
    out = export(drawn, "yolo-seg", tmp_path / "out")
    model = ultralytics.YOLO("yolov8n-seg.yaml")
    model.train(
        data=str(out / "data.yaml"), epochs=1, imgsz=64, batch=2, device="cpu", workers=0,
        amp=False, pretrained=False, plots=False, project=str(tmp_path), name="run",
    )  # fmt: skip
    trained = {Path(f).name for f in model.trainer.train_loader.dataset.im_files}
    validated = {Path(f).name for f in model.trainer.test_loader.dataset.im_files}
    assert trained
    assert validated
    assert not trained & validated
    with (tmp_path / "run" / "results.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 1


def test_parts_by_pycocotools(data_set: DataSet, tmp_path: Path) -> None:
    """As Detectron2's `register_coco_instances` reads them: run lengths, one file per part."""
    coco = needed("pycocotools.coco")
    export(data_set, "coco-rle", tmp_path / "labels.json")
    objects = {i.annotation_id: i for i in data_set[0].instances}
    ious = MaskIous()
    for part in PARTS:
        path = tmp_path / f"labels-{part}.json"
        read = coco.COCO(str(path))
        assert len(read.imgs) == len(load_instances(path).images)
        for number, annotation in read.anns.items():
            assert annotation["iscrowd"] == 0
            assert isinstance(annotation["segmentation"]["counts"], str)
            ious.add(decode_masks([objects[number].rle()]), [read.annToMask(annotation)])
    check(ious, "coco-rle in parts, pycocotools", data_set, LOSSLESS)

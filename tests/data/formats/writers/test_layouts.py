"""Layouts of trainers and of tools for correction, with and without a split."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from other_tools import needed
from PIL import Image

from sapnet.data.choices import ImagesAs
from sapnet.data.coco import InstanceSet, load_instances
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.writers.export import ExportReport, MaskFormat, export_masks
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.geometry.rle import decode_masks, rle_iou
from sapnet.structures.clicks import Category
from sapnet.structures.split import Split

SPLIT = Split((1 / 3, 1 / 3, 1 / 3))

FOLDERS: tuple[MaskFormat, ...] = (
    "roboflow", "yolo-seg", "imagefolder", "mask2former", "voc", "cvat", "labelme", "labelme-mask",
)  # fmt: skip

IN_FOLDER = {
    "roboflow": ("train/{}", "valid/{}", "test/{}"),
    "yolo-seg": ("images/train/{}", "images/val/{}", "images/test/{}"),
    "imagefolder": ("train/{}", "validation/{}", "test/{}"),
    "mask2former": ("train/images/{}", "validation/images/{}", "test/images/{}"),
    "voc": ("JPEGImages/{}",) * 3,
    "cvat": ("images/train/{}", "images/val/{}", "images/test/{}"),
    "labelme": ("train/{}", "val/{}", "test/{}"),
    "labelme-mask": ("train/{}", "val/{}", "test/{}"),
}
"""Places of the images of train, val and test."""

LOSSLESS = ("roboflow", "imagefolder", "cvat", "labelme", "labelme-mask")


@pytest.fixture
def images(instances: InstanceSet, tmp_path: Path) -> Path:
    del instances
    return tmp_path / "images"


def export(
    instances: InstanceSet, name: MaskFormat, out: Path, **options: object
) -> tuple[ExportReport, Findings]:
    findings = Findings()
    return export_masks(instances, name, out, findings, ExportOptions(**options)), findings  # type: ignore[arg-type]


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("images_as", ["link", "copy", "leave"])
def test_images_and_masks_of_a_split(
    name: MaskFormat, images_as: ImagesAs, instances: InstanceSet, images: Path, tmp_path: Path
) -> None:
    """Every image in one part, as a link, a copy or not at all; masks are read back from there."""
    out = tmp_path / "out"
    report, _ = export(instances, name, out, images=images, images_as=images_as, split=SPLIT)
    assert [p.name for p in report.parts] == ["train", "val", "test"]
    assert [p.num_images for p in report.parts] == [1, 1, 1]
    assert sum(p.num_masks for p in report.parts) == report.num_masks == 7
    if name in LOSSLESS:
        assert report.worst_iou == 1
    assert report.mean_iou > 0.9
    for image in instances.images:
        placed = {out / place.format(image.file_name) for place in IN_FOLDER[name]}
        found = [path for path in placed if path.is_file()]
        assert len(found) == (0 if images_as == "leave" else 1)
        for path in found:
            assert path.samefile(images / image.file_name) == (images_as == "link")
            assert path.read_bytes() == (images / image.file_name).read_bytes()


@pytest.mark.parametrize("name", FOLDERS)
def test_the_same_split_in_every_format(
    name: MaskFormat, instances: InstanceSet, images: Path, tmp_path: Path
) -> None:
    export(instances, "coco-rle", tmp_path / "labels.json", split=SPLIT)
    export(instances, name, tmp_path / "out", images=images, split=SPLIT)
    for number, part in enumerate(("train", "val", "test")):
        (image,) = load_instances(tmp_path / f"labels-{part}.json").images
        assert (tmp_path / "out" / IN_FOLDER[name][number].format(image.file_name)).is_file()
    assert not (tmp_path / "labels.json").exists()


def test_roboflow_is_read_as_one(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(instances, "roboflow", out, images=images, split=SPLIT)
    assert {name for name in files(out) if name.endswith("json")} == {
        f"{part}/_annotations.coco.json" for part in ("train", "valid", "test")
    }
    clicks = read_any(out, Findings(), ReadOptions(images=out))
    assert len(clicks.clicks) == 7
    assert {c.annotation_id for c in clicks.clicks} == {
        i.annotation_id for i in instances.instances
    }
    assert clicks.categories == instances.categories


def test_yolo_has_a_true_val(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(instances, "yolo-seg", out, images=images, split=SPLIT)
    content = yaml.safe_load((out / "data.yaml").read_text("utf-8"))
    assert content == {
        "train": "images/train",
        "val": "images/val",
        "test": "images/test",
        "names": {0: "cat", 1: "big dog"},
    }
    assert "do not trust" not in (out / "data.yaml").read_text("utf-8")
    labels = {name.split("/", 2)[2] for name in files(out) if name.startswith("labels/")}
    assert labels == {"a.txt", "sub/b ü.txt", "c.txt"}


def test_voc_lists_of_a_split(instances: InstanceSet, tmp_path: Path) -> None:
    export(instances, "voc", tmp_path / "out", split=SPLIT)
    for task in ("Segmentation", "Main"):
        lists = [
            (tmp_path / "out/ImageSets" / task / f"{part}.txt").read_text("utf-8").split("\n")[0]
            for part in ("train", "val", "test")
        ]
        assert sorted(lists) == ["a", "c", "sub/b ü"]


def test_records_of_an_imagefolder(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(instances, "imagefolder", out, images=images)
    assert files(out) - {".sapnet-files"} == {
        "train/metadata.jsonl", "train/a.jpg", "train/sub/b ü.png", "train/c.jpg"
    }  # fmt: skip
    lines = (out / "train/metadata.jsonl").read_text("utf-8").splitlines()
    first, second, third = map(json.loads, lines)
    assert first["file_name"] == "a.jpg"
    assert (first["width"], first["height"], first["image_id"]) == (100, 60, 7)
    held = second["objects"]
    assert held["id"] == [105, 106]
    assert held["categories"] == [1, 0]
    assert held["names"] == ["big dog", "cat"]
    assert held["bbox"] == [[10, 10, 40, 30], [30, 20, 60, 30]]
    assert held["area"] == [1200, 1800]
    assert held["scores"] == [0.75, 0.8]
    mask = decode_masks([instances.instances[5].rle()])[0]
    assert (decode_masks([held["segmentation"][0]])[0] == mask).all()
    assert third["objects"]["id"] == []


def test_maps_for_mask2former(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    """30 x 40 px at the left, of the class 2, lie on 30 x 60 of the class 1."""
    out = tmp_path / "out"
    report, _ = export(instances, "mask2former", out, images=images)
    assert report.worst_iou == pytest.approx((1800 - 400) / 1800)
    record = json.loads((out / "train/metadata.jsonl").read_text("utf-8").splitlines()[1])
    assert record == {
        "file_name": "images/sub/b ü.png",
        "annotation_file_name": "annotations/sub/b ü.png",
        "semantic_class_to_id": {"background": 0, "cat": 1, "big dog": 2},
    }
    with Image.open(out / "train" / record["annotation_file_name"]) as drawn:
        pixels = np.asarray(drawn)
    assert pixels.shape == (60, 100, 3)
    assert pixels[12, 12].tolist() == [2, 1, 0]
    assert pixels[25, 40].tolist() == [2, 1, 0]
    assert pixels[45, 80].tolist() == [1, 2, 0]
    assert pixels[0, 0].tolist() == [0, 0, 0]


def test_more_objects_than_green_counts(instances: InstanceSet, tmp_path: Path) -> None:
    y, x = np.mgrid[:60, :100]
    from sapnet.geometry.rle import encode_masks, rle_to_json

    squares = [(y // 3 == r) & (x // 3 == c) for r in range(20) for c in range(15)]
    many = tuple(
        replace(instances.instances[0], annotation_id=n, segmentation=rle_to_json(rle))
        for n, rle in enumerate(encode_masks(np.array(squares)), start=1)
    )
    report, findings = export(replace(instances, instances=many), "mask2former", tmp_path / "out")
    assert report.worst_iou == 1
    with Image.open(tmp_path / "out/train/annotations/a.png") as drawn:
        pixels = np.asarray(drawn).astype(int)
    assert np.unique(pixels[..., 1] + 256 * pixels[..., 2]).tolist() == list(range(301))
    assert any("more than 255 objects" in line for line in findings.lines())


@pytest.mark.parametrize("names", [("background", "dog"), ("dog", "dog")])
def test_classes_that_a_map_cannot_tell(
    names: tuple[str, str], instances: InstanceSet, tmp_path: Path
) -> None:
    renamed = replace(instances, categories=(Category(3, names[0]), Category(9, names[1])))
    with pytest.raises(ValueError, match=r"maps for Mask2Former .* found 2"):
        export(renamed, "mask2former", tmp_path / "out")


def test_xml_of_cvat(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    export(instances, "cvat", tmp_path / "out", images=images)
    root = ElementTree.parse(tmp_path / "out/annotations.xml").getroot()
    assert [label.findtext("name") for label in root.iter("label")] == ["cat", "big dog"]
    image = root.findall("image")[1]
    assert image.attrib == {"id": "1", "name": "sub/b ü.png", "width": "100", "height": "60"}
    left = image.findall("mask")[0].attrib
    assert (left["left"], left["top"], left["width"], left["height"]) == ("10", "10", "40", "30")
    assert left["rle"] == "0, 1200"  # all foreground: no background before it
    assert left["label"] == "big dog"
    assert (tmp_path / "out/images/sub/b ü.png").is_file()
    clicks = read_any(tmp_path / "out", Findings(), ReadOptions(images=images))
    assert len(clicks.clicks) == 7
    assert all(c.mask is not None for c in clicks.clicks)


def test_subsets_of_cvat(instances: InstanceSet, tmp_path: Path) -> None:
    export(instances, "cvat", tmp_path / "out", split=SPLIT)
    root = ElementTree.parse(tmp_path / "out/annotations.xml").getroot()
    assert sorted(i.attrib["subset"] for i in root.iter("image")) == ["test", "train", "val"]
    assert [i.attrib["id"] for i in root.iter("image")] == ["0", "1", "2"]
    assert root.find("meta/project/labels/label/name") is not None


def test_masks_of_labelme(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    """The box ends with its last pixel; the png has the pixels of the box."""
    export(instances, "labelme-mask", tmp_path / "out", images=images)
    content = json.loads((tmp_path / "out/sub/b ü.json").read_text("utf-8"))
    shape = content["shapes"][0]
    assert shape["shape_type"] == "mask"
    assert shape["points"] == [[10, 10], [49, 39]]
    assert shape["label"] == "big dog"
    with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as crop:
        assert np.asarray(crop).all()
        assert crop.size == (40, 30)


@pytest.mark.parametrize("split", [None, SPLIT])
def test_labelme_names_images_that_were_left(
    split: Split | None, instances: InstanceSet, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export(instances, "labelme", out, images=images, images_as="leave", split=split)
    for path in out.rglob("*.json"):
        if path.name.startswith("."):
            continue
        named = path.parent / json.loads(path.read_text("utf-8"))["imagePath"]
        assert named.resolve().is_relative_to(images.resolve())
        assert named.is_file()


@pytest.mark.parametrize("name", ["coco-rle", "coco-polygons"])
def test_files_of_a_split(name: MaskFormat, instances: InstanceSet, tmp_path: Path) -> None:
    report, _ = export(instances, name, tmp_path / "l.json", split=SPLIT)
    assert report.worst_iou == 1
    found = [load_instances(tmp_path / f"l-{part}.json") for part in ("train", "val", "test")]
    by_id = {i.annotation_id: i for part in found for i in part.instances}
    assert len(by_id) == 7
    for instance in instances.instances:
        assert rle_iou([instance.rle()], [by_id[instance.annotation_id].rle()])[0, 0] == 1
    assert all(part.categories == instances.categories for part in found)


def test_label_studio_has_no_split(instances: InstanceSet, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"label-studio: its tasks hold no split"):
        export(instances, "label-studio", tmp_path / "out", split=SPLIT)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("roboflow", {}, ["RF-DETR wants valid", "without the images"]),
        ("yolo-seg", {"split": Split((0.5, 0, 0.5))}, ["val repeats train", "without the images"]),
        ("yolo-seg", {"split": SPLIT}, ["without the images"]),
        ("imagefolder", {}, ["without the images"]),
        ("cvat", {}, []),
        ("coco-rle", {}, []),
    ],
)
def test_what_a_trainer_misses_is_noted(
    name: MaskFormat,
    options: dict[str, object],
    said: list[str],
    instances: InstanceSet,
    tmp_path: Path,
) -> None:
    _, findings = export(instances, name, tmp_path / "out", **options)
    found = [line for line in findings.lines() if "exports without" in line]
    assert len(found) == len(said)
    assert all(any(words in line for line in found) for words in said)


def test_roboflow_by_pycocotools_and_supervision(
    instances: InstanceSet, images: Path, tmp_path: Path
) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    sv = needed("supervision")

    out = tmp_path / "out"
    export(instances, "roboflow", out, images=images, split=SPLIT)
    objects = {i.annotation_id: i for i in instances.instances}
    count = 0
    for part in ("train", "valid", "test"):
        path = out / part / "_annotations.coco.json"
        read = coco.COCO(str(path))
        for number, annotation in read.anns.items():
            truth = decode_masks([objects[number].rle()])[0]
            assert (read.annToMask(annotation) == truth).all()
            count += 1
        shown = sv.DetectionDataset.from_coco(str(out / part), str(path), force_masks=True)
        assert shown.classes == ["cat", "big dog"]
        assert sum(map(len, shown.annotations.values())) == len(read.anns)
    assert count == 7


def test_columns_of_an_imagefolder_have_one_type(
    instances: InstanceSet, images: Path, tmp_path: Path
) -> None:
    """As `datasets` reads them: parts with objects agree, and one without is named."""
    import pyarrow.json

    split, out = Split((2 / 3, 1 / 3, 0), 1), tmp_path / "out"
    report, findings = export(instances, "imagefolder", out, images=images, split=split)
    tables = {
        part: pyarrow.json.read_json(out / part / "metadata.jsonl")
        for part in ("train", "validation")
    }
    agree = tables["train"].schema == tables["validation"].schema
    assert agree == all(part.num_masks for part in report.parts)
    noted = [line for line in findings.lines() if "parts without an object" in line]
    assert agree == (not noted)
    assert tables["train"].column("file_name").to_pylist()
    held = [row for table in tables.values() for row in table.column("objects").to_pylist()]
    assert sorted(i for row in held for i in row["id"]) == list(range(100, 107))


def test_maps_by_the_processor_of_mask2former(instances: InstanceSet, tmp_path: Path) -> None:
    """As transformers' own example calls it: a mask and a class for each object that is seen."""
    from transformers import Mask2FormerImageProcessor

    apart = replace(instances, instances=instances.instances[5:])  # 1,200 and 1,400 px are seen
    export(apart, "mask2former", tmp_path / "out")
    with Image.open(tmp_path / "out/train/annotations/sub/b ü.png") as drawn:
        pixels = np.array(drawn)[..., :2]
    pairs = np.unique(pixels.reshape(-1, 2), axis=0).tolist()
    processor = Mask2FormerImageProcessor(do_resize=False, do_reduce_labels=True, ignore_index=255)
    batch = processor(
        images=[np.zeros((60, 100, 3), np.uint8)],
        segmentation_maps=[pixels[..., 1]],
        instance_id_to_semantic_id={number: kind for kind, number in pairs},
        return_tensors="pt",
    )
    assert batch["class_labels"][0].tolist() == [1, 0]
    masks = np.asarray(batch["mask_labels"][0])[:, :60, :100].astype(bool)
    first, second = (decode_masks([i.rle()])[0].astype(bool) for i in apart.instances)
    assert (masks[0] == first).all()
    assert (masks[1] == (second & ~first)).all()

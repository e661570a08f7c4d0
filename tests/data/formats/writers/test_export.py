"""Written files are read by supervision, by pycocotools and by sapnet."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from other_tools import needed
from PIL import Image, ImageDraw

from sapnet.data.coco import InstanceSet, load_instances
from sapnet.data.formats.detect import detect_format
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.readers.voc.colors import color_map
from sapnet.data.formats.writers.export import (
    ExportReport,
    MaskFormat,
    export_masks,
)
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.geometry.rle import decode_masks, encode_masks, rle_to_json
from sapnet.structures.clicks import Category

LOSSLESS: tuple[MaskFormat, ...] = ("coco-rle", "coco-polygons", "labelme", "label-studio")
PARTS = 2  # place of the object of three parts among those of the first image


@pytest.fixture
def images(instances: InstanceSet, tmp_path: Path) -> Path:
    del instances
    return tmp_path / "images"


def export(
    instances: InstanceSet, name: MaskFormat, out: Path, **options: object
) -> tuple[ExportReport, Findings]:
    findings = Findings()
    return export_masks(instances, name, out, findings, ExportOptions(**options)), findings  # type: ignore[arg-type]


def masks_of(instances: InstanceSet, image_id: int) -> np.ndarray:
    objects = instances.instances_by_image()[image_id]
    return decode_masks([instance.rle() for instance in objects]).astype(bool)


@pytest.mark.parametrize("name", LOSSLESS)
def test_formats_that_lose_nothing(
    name: MaskFormat, instances: InstanceSet, tmp_path: Path
) -> None:
    report, findings = export(instances, name, tmp_path / "out")
    assert (report.num_images, report.num_masks) == (3, 7)
    assert (report.mean_iou, report.worst_iou) == (1, 1)
    assert findings.entries == []


def test_yolo_loses_the_seams_between_parts(
    instances: InstanceSet, images: Path, tmp_path: Path
) -> None:
    report, _ = export(instances, "yolo-seg", tmp_path / "out", images=images)
    assert report.worst_place == "a.jpg, object 102"
    parts = masks_of(instances, 7)[PARTS]
    seams = 3 + 9  # pixels between the parts, the shortest ways, diagonals free
    assert report.worst_iou == pytest.approx(parts.sum() / (parts.sum() + seams), abs=0.02)
    assert report.mean_iou == pytest.approx((6 + report.worst_iou) / 7)


def test_voc_loses_what_lies_under_a_smaller_object(instances: InstanceSet, tmp_path: Path) -> None:
    """30 x 40 px at the left, 30 x 60 at the right, 20 x 20 in common: the left one is on top."""
    report, _ = export(instances, "voc", tmp_path / "out")
    assert report.worst_place == "sub/b ü.png, object 106"
    assert report.worst_iou == pytest.approx((1800 - 400) / 1800)


def test_coarser_outlines_lose_more(instances: InstanceSet, tmp_path: Path) -> None:
    reports = [
        export(instances, "coco-polygons", tmp_path / f"{simplify}.json", simplify=simplify)[0]
        for simplify in (0.0, 1.0, 3.0)
    ]
    assert 1 == reports[0].mean_iou > reports[1].mean_iou > reports[2].mean_iou > 0.5
    sizes = [report.path.stat().st_size for report in reports]
    assert sizes[0] > sizes[1] > sizes[2]


def test_readers_find_the_format_and_the_same_objects(
    instances: InstanceSet, images: Path, tmp_path: Path
) -> None:
    names: tuple[MaskFormat, ...] = (*LOSSLESS, "yolo-seg", "voc")
    for name in names:
        out = tmp_path / f"out-{name}"
        export(instances, name, out, images=images)
        if name.startswith("coco"):
            out = out.rename(out.with_suffix(".json"))
        source = out / "tasks.json" if name == "label-studio" else out
        assert detect_format(source).name == {"yolo-seg": "yolo"}.get(
            name, name.split("-r")[0].split("-p")[0]
        )
        root = images if name != "yolo-seg" else out / "images" / "train"
        clicks = read_any(source, Findings(), ReadOptions(images=root, predictions=True))
        files = {i.image_id: i.file_name for i in clicks.images}
        kinds = {c.category_id: c.name for c in clicks.categories}
        found = sorted((files[c.image_id], kinds[c.category_id]) for c in clicks.clicks)
        expected_kinds = {c.category_id: c.name for c in instances.categories}
        assert found == sorted(
            (i.image.file_name, expected_kinds[i.category_id]) for i in instances.instances
        ), name


@pytest.mark.parametrize("name", ["coco-rle", "coco-polygons"])
def test_pycocotools_reads_coco(name: MaskFormat, instances: InstanceSet, tmp_path: Path) -> None:
    coco_module = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    export(instances, name, tmp_path / "labels.json")
    coco = coco_module.COCO(str(tmp_path / "labels.json"))
    for instance in instances.instances:
        annotation = coco.loadAnns([instance.annotation_id])[0]
        mask = decode_masks([instance.rle()])[0]
        assert (coco.annToMask(annotation) == mask).all()
        assert annotation["area"] == mask.sum()
        assert annotation["score"] == instance.score
    assert coco.loadCats([9])[0]["name"] == "big dog"


def flat(instances: InstanceSet) -> InstanceSet:
    """Without the sub-folder, which supervision's readers of folders do not enter."""
    kept = tuple(image for image in instances.images if "/" not in image.file_name)
    objects = tuple(i for i in instances.instances if i.image in kept)
    return replace(instances, images=kept, instances=objects)


def test_supervision_reads_coco(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    sv = needed("supervision")
    for name in ("coco-rle", "coco-polygons"):
        out = tmp_path / f"{name}.json"
        export(flat(instances), name, out)  # type: ignore[arg-type]
        data_set = sv.DetectionDataset.from_coco(str(images), str(out), force_masks=True)
        assert data_set.classes == ["cat", "big dog"]
        detections = data_set.annotations[str(images / "a.jpg")]
        truth = masks_of(instances, 7)
        if name == "coco-rle":  # supervision's own rasteriser includes the borders of polygons
            assert (np.asarray(detections.mask) == truth).all()
        assert len(detections) == len(truth)


def test_supervision_reads_yolo(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    sv = needed("supervision")
    out = tmp_path / "yolo"
    export(flat(instances), "yolo-seg", out, images=images)
    data_set = sv.DetectionDataset.from_yolo(
        str(out / "images" / "train"), str(out / "labels" / "train"), str(out / "data.yaml"), True
    )
    assert data_set.classes == ["cat", "big dog"]
    detections = data_set.annotations[str(out / "images" / "train" / "a.jpg")]
    assert detections.class_id.tolist() == [0, 1, 0, 1, 0]
    for place, truth in enumerate(masks_of(instances, 7)):
        mask = np.asarray(detections.mask)[place]
        assert (mask == truth).all() or (place == PARTS and (mask >= truth).all())


def test_supervision_reads_voc(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    sv = needed("supervision")
    out = tmp_path / "voc"
    export(flat(instances), "voc", out, images=images)
    data_set = sv.DetectionDataset.from_pascal_voc(
        str(out / "JPEGImages"), str(out / "Annotations"), force_masks=True
    )
    detections = data_set.annotations[str(out / "JPEGImages" / "a.jpg")]
    truth = masks_of(instances, 7)
    boxes = [(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) for ys, xs in map(np.nonzero, truth)]
    assert np.allclose(detections.xyxy, boxes)
    assert (np.asarray(detections.mask) == truth).all()


def test_data_yaml_and_layout_of_yolo(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "yolo"
    export(instances, "yolo-seg", out, images=images)
    content = yaml.safe_load((out / "data.yaml").read_text("utf-8"))
    assert content == {
        "train": "images/train",
        "val": "images/train",
        "names": {0: "cat", 1: "big dog"},
    }
    for image in instances.images:
        assert (out / "images/train" / image.file_name).samefile(images / image.file_name)
        assert (out / "labels/train" / image.file_name).with_suffix(".txt").is_file()
    lines = (out / "labels/train/a.txt").read_text().splitlines()
    assert len(lines) == 5
    assert all(len(line.split()) >= 7 and len(line.split()) % 2 for line in lines)
    assert (out / "labels/train/c.txt").read_text() == ""


def test_shapes_of_labelme(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    """Keys and types are those that LabelMe insists on when it loads a file."""
    export(instances, "labelme", tmp_path / "out", images=images)
    content = json.loads((tmp_path / "out" / "sub" / "b ü.json").read_text("utf-8"))
    assert content["imagePath"] == "b ü.png"
    assert (tmp_path / "out" / "sub" / content["imagePath"]).is_file()
    assert (content["imageHeight"], content["imageWidth"]) == (60, 100)
    first = json.loads((tmp_path / "out" / "a.json").read_text("utf-8"))["shapes"]
    assert [shape["group_id"] for shape in first] == [None, None, 3, 3, 3, None, None]
    assert all(isinstance(x, float) for shape in first for point in shape["points"] for x in point)
    assert {shape["shape_type"] for shape in first} == {"polygon"}


def test_tasks_of_label_studio(instances: InstanceSet, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prefix = "/data/local-files/?d=photos/"
    export(instances, "label-studio", out, url_prefix=prefix)
    tasks = json.loads((out / "tasks.json").read_text("utf-8"))
    assert tasks[1]["data"]["image"] == f"{prefix}sub/b%20%C3%BC.png"
    (prediction,) = tasks[0]["predictions"]
    assert prediction["model_version"] == "sapnet"
    assert prediction["score"] == 0.5
    result = prediction["result"][1]
    config = ElementTree.parse(out / "label_config.xml").getroot()
    brush = config.find("BrushLabels")
    assert brush is not None
    assert (brush.get("name"), brush.get("toName")) == (result["from_name"], result["to_name"])
    assert [label.get("value") for label in brush] == ["cat", "big dog"]
    assert result["value"]["brushlabels"] == ["big dog"]
    assert len({r["id"] for r in prediction["result"]}) == 5
    assert tasks[2]["predictions"][0]["result"] == []


def test_pngs_of_voc(instances: InstanceSet, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(instances, "voc", out)
    with Image.open(out / "SegmentationObject" / "sub" / "b ü.png") as image:
        assert image.mode == "P"
        assert image.getpalette() == color_map().ravel().tolist()
        numbers = np.asarray(image)
    assert np.unique(numbers).tolist() == [0, 1, 2]
    with Image.open(out / "SegmentationClass" / "sub" / "b ü.png") as image:
        assert np.unique(np.asarray(image)).tolist() == [0, 1, 2]
    assert (out / "labels.txt").read_text().split("\n")[:3] == ["background", "cat", "big dog"]
    labelmap = (out / "labelmap.txt").read_text("utf-8").splitlines()
    assert labelmap[0] == "# label:color_rgb:parts:actions"
    assert labelmap[1:] == ["background:0,0,0::", "cat:128,0,0::", "big dog:0,128,0::"]
    for task in ("Segmentation", "Main"):
        listed = (out / "ImageSets" / task / "train.txt").read_text("utf-8").splitlines()
        assert listed == ["a", "sub/b ü", "c"]


@pytest.mark.parametrize("name", ["traffic: light", "#1", "background"])
def test_names_that_a_labelmap_cannot_hold(
    name: str, instances: InstanceSet, tmp_path: Path
) -> None:
    renamed = replace(instances, categories=(Category(3, name), Category(9, "dog")))
    with pytest.raises(ValueError, match=r"category 3: Pascal VOC's labelmap\.txt"):
        export(renamed, "voc", tmp_path / "out")


def test_images_that_torchvision_does_not_find_are_named(
    instances: InstanceSet, images: Path, tmp_path: Path
) -> None:
    _, findings = export(instances, "voc", tmp_path / "out", images=images)
    lines = [line for line in findings.lines() if "torchvision" in line]
    assert lines == [
        "noted: 1 x images not named .jpg, which torchvision's reader does not find (sub/b ü.png)"
    ]


def test_labelme_fills_the_exact_masks(instances: InstanceSet, tmp_path: Path) -> None:
    """Pillow's polygon with its border, as `labelme.utils.shape_to_mask` draws it."""
    export(instances, "labelme", tmp_path / "out")
    shapes = json.loads((tmp_path / "out" / "a.json").read_text("utf-8"))["shapes"]
    joined: dict[object, np.ndarray] = {}
    for number, shape in enumerate(shapes):
        image = Image.fromarray(np.zeros((60, 100), np.uint8))
        corners = [tuple(point) for point in shape["points"]]
        ImageDraw.Draw(image).polygon(corners, outline=1, fill=1)
        group = ("alone", number) if shape["group_id"] is None else shape["group_id"]
        joined[group] = joined.get(group, np.zeros((60, 100), np.uint8)) | np.asarray(image)
    assert (np.stack(list(joined.values())) == masks_of(instances, 7)).all()


def test_more_objects_than_a_png_holds(instances: InstanceSet, tmp_path: Path) -> None:
    one = instances.instances[0]
    many = tuple(replace(one, annotation_id=i) for i in range(1, 257))
    findings = Findings()
    report = export_masks(replace(instances, instances=many), "voc", tmp_path / "out", findings)
    assert report.num_masks == 256
    assert findings.num_skipped == 2
    assert sum(entry.kind == "noted" for entry in findings.entries) == 253  # under the last


@pytest.mark.parametrize("name", ["yolo-seg", "labelme", "voc"])
def test_names_that_differ_by_their_ending_only(
    name: MaskFormat, instances: InstanceSet, tmp_path: Path
) -> None:
    twin = replace(instances.images[2], file_name="a.png")
    doubled = replace(instances, images=(instances.images[0], twin), instances=())
    with pytest.raises(ValueError, match=r"a.jpg and a.png would share one label file"):
        export(doubled, name, tmp_path / "out")


def test_a_missing_image_is_an_error(instances: InstanceSet, images: Path, tmp_path: Path) -> None:
    (images / "c.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"c.jpg: no such image file"):
        export(instances, "yolo-seg", tmp_path / "out", images=images)


def test_empty_masks_crowds_and_nothing_at_all(instances: InstanceSet, tmp_path: Path) -> None:
    empty = rle_to_json(encode_masks(np.zeros((1, 60, 100), np.uint8))[0])
    one = instances.instances[0]
    objects = (replace(one, segmentation=empty), replace(one, is_crowd=True))
    report, findings = export(
        replace(instances, instances=objects), "coco-rle", tmp_path / "o.json"
    )
    assert report.num_masks == 0
    assert np.isnan(report.mean_iou)
    assert [entry.kind for entry in findings.entries] == ["skipped"]
    (crowd,) = load_instances(tmp_path / "o.json").instances
    assert crowd.is_crowd


def test_negative_simplification() -> None:
    with pytest.raises(ValueError, match=r"simplify >= 0"):
        ExportOptions(simplify=-1)

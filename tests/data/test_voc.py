"""VOC and SBD are read from a miniature of both, in their real file formats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from sapnet.data.coco import load_instances
from sapnet.data.formats.readers.voc.colors import VOID, color_map
from sapnet.data.formats.readers.voc.labels import VOC_CLASSES
from sapnet.data.voc import VocSources, write_voc
from sapnet.geometry.rle import decode_masks

SIZE = (20, 30)
CAT, DOG, PERSON = (VOC_CLASSES.index(name) + 1 for name in ("cat", "dog", "person"))


def rectangles(*boxes: tuple[int, int, int, int], values: tuple[int, ...]) -> np.ndarray:
    """(H, W) uint8: each xyxy box filled with its value."""
    picture = np.zeros(SIZE, np.uint8)
    for (x1, y1, x2, y2), value in zip(boxes, values, strict=True):
        picture[y1:y2, x1:x2] = value
    return picture


def save_palette(path: Path, indices: np.ndarray) -> None:
    image = Image.fromarray(indices, "P")
    image.putpalette([value % 256 for value in range(3 * 256)])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def save_photo(devkit: Path, name: str, size: tuple[int, int] = SIZE) -> None:
    path = devkit / "JPEGImages" / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size[1], size[0])).save(path)


def save_voc(devkit: Path, name: str, objects: np.ndarray, classes: np.ndarray) -> None:
    save_photo(devkit, name)
    save_palette(devkit / "SegmentationObject" / f"{name}.png", objects)
    save_palette(devkit / "SegmentationClass" / f"{name}.png", classes)
    entries = "".join(
        f"<object><name>cat</name><difficult>{place % 2}</difficult><bndbox><xmin>1</xmin>"
        "<ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>"
        for place in range(3)
    )
    xml = f"<annotation><filename>{name}.jpg</filename>{entries}</annotation>"
    path = devkit / "Annotations" / f"{name}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(xml)


def save_sbd(sbd: Path, name: str, objects: np.ndarray, classes: list[int]) -> None:
    """As SBD's authors saved theirs: one struct with three fields."""
    boundaries = np.empty((len(classes), 1), object)
    boundaries[:] = [[np.zeros(SIZE, bool)] for _ in classes]
    path = sbd / "inst" / f"{name}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = np.array(classes, np.float64).reshape(-1, 1)
    record = {"Segmentation": objects, "Boundaries": boundaries, "Categories": categories}
    savemat(path, {"GTinst": record})


def save_list(path: Path, *names: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}\n" for name in names))


@pytest.fixture
def sources(tmp_path: Path) -> VocSources:
    """VOC: one image to train, one to validate. SBD: both of these and two more."""
    devkit, sbd = tmp_path / "VOC2012", tmp_path / "dataset"
    lists = devkit / "ImageSets" / "Segmentation"
    save_list(lists / "train.txt", "2007_000032")
    save_list(lists / "val.txt", "2007_000033")
    save_list(sbd / "train.txt", "2008_000003", "2007_000032")
    save_list(sbd / "val.txt", "2007_000033", "2008_000002")
    boxes = ((2, 3, 8, 9), (10, 3, 20, 15))
    objects = rectangles(*boxes, values=(1, 3))
    objects[:, 25:] = VOID
    classes = rectangles(*boxes, values=(CAT, PERSON))
    classes[:, 25:] = VOID
    save_voc(devkit, "2007_000032", objects, classes)
    save_voc(devkit, "2007_000033", objects, classes)
    for name in ("2008_000002", "2008_000003"):
        save_photo(devkit, name)
        save_sbd(sbd, name, rectangles((0, 0, 5, 5), (6, 6, 9, 9), values=(2, 1)), [DOG, CAT])
    save_sbd(sbd, "2007_000032", rectangles((0, 0, 1, 1), values=(1,)), [DOG])
    return VocSources(devkit, sbd)


def test_train_joins_both_and_leaves_out_val(sources: VocSources, tmp_path: Path) -> None:
    summary = write_voc(sources, "train", tmp_path / "train.json")
    assert (summary.num_images, summary.num_from_sbd, summary.num_objects) == (3, 2, 6)
    found = load_instances(summary.out)
    names = [image.file_name for image in found.images]
    assert names == ["2007_000032.jpg", "2008_000002.jpg", "2008_000003.jpg"]
    assert [image.image_id for image in found.images] == [2007000032, 2008000002, 2008000003]
    assert [category.name for category in found.categories] == VOC_CLASSES


def test_voc_masks_win_where_both_have_an_image(sources: VocSources, tmp_path: Path) -> None:
    found = load_instances(write_voc(sources, "train", tmp_path / "train.json").out)
    first = found.instances_by_image()[2007000032]
    assert [entry.category_id for entry in first] == [CAT, PERSON]
    assert [entry.box for entry in first] == [(2, 3, 8, 9), (10, 3, 20, 15)]


def test_sbd_numbers_name_its_categories(sources: VocSources, tmp_path: Path) -> None:
    found = load_instances(write_voc(sources, "train", tmp_path / "train.json").out)
    small, large = found.instances_by_image()[2008000002]
    assert (small.category_id, small.area) == (DOG, 9)
    assert (large.category_id, large.area) == (CAT, 25)
    expected = rectangles((6, 6, 9, 9), values=(1,))
    np.testing.assert_array_equal(decode_masks([small.rle()])[0], expected)


def test_val_is_vocs_alone(sources: VocSources, tmp_path: Path) -> None:
    summary = write_voc(sources, "val", tmp_path / "val.json")
    assert (summary.num_images, summary.num_from_sbd) == (1, 0)


def test_without_sbd_train_is_vocs(sources: VocSources, tmp_path: Path) -> None:
    summary = write_voc(VocSources(sources.devkit), "train", tmp_path / "train.json")
    assert (summary.num_images, summary.num_from_sbd) == (1, 0)


def test_difficult_objects_are_found_by_their_place(sources: VocSources, tmp_path: Path) -> None:
    out = write_voc(sources, "val", tmp_path / "val.json").out
    flags = [entry["difficult"] for entry in json.loads(out.read_text())["annotations"]]
    assert flags == [0, 0]  # numbers 1 and 3; the xml file calls the second one difficult


def test_an_object_without_a_class_is_named(sources: VocSources, tmp_path: Path) -> None:
    save_palette(sources.devkit / "SegmentationClass" / "2007_000033.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(ValueError, match=r"2007_000033.png, object 1: expected a class from 1"):
        write_voc(sources, "val", tmp_path / "val.json")
    assert not (tmp_path / "val.json").exists()


def test_a_photograph_of_another_size_is_named(sources: VocSources, tmp_path: Path) -> None:
    save_photo(sources.devkit, "2007_000033", (5, 5))
    with pytest.raises(ValueError, match=r"2007_000033.jpg: expected the size of its masks"):
        write_voc(sources, "val", tmp_path / "val.json")


def test_masks_in_color_are_those_of_the_color_map(sources: VocSources, tmp_path: Path) -> None:
    """Converted to RGB, as CVAT and Datumaro write them, the masks are the same."""
    write_voc(sources, "val", tmp_path / "before.json")
    for folder in ("SegmentationObject", "SegmentationClass"):
        path = sources.devkit / folder / "2007_000033.png"
        with Image.open(path) as image:
            numbers = np.asarray(image)
        Image.fromarray(color_map()[numbers].astype(np.uint8)).save(path)
    write_voc(sources, "val", tmp_path / "after.json")
    assert (tmp_path / "after.json").read_bytes() == (tmp_path / "before.json").read_bytes()


def test_other_colors_are_refused(sources: VocSources, tmp_path: Path) -> None:
    path = sources.devkit / "SegmentationObject" / "2007_000033.png"
    Image.new("RGB", (30, 20), (1, 2, 3)).save(path)
    with pytest.raises(ValueError, match="found other colors"):
        write_voc(sources, "val", tmp_path / "val.json")


def test_a_missing_list_names_the_folder_to_give(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="VOCdevkit/VOC2012"):
        write_voc(VocSources(tmp_path / "nowhere"), "val", tmp_path / "val.json")

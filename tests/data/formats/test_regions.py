"""Partial images and regions to ignore: read from files, and written where there is room."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sapnet.cli import main
from sapnet.data.clicks import load_clicks
from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.formats.assemble import AssembleOptions, assemble
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.writers.export import export_masks
from sapnet.data.formats.writers.instances import masks_of_clicks
from sapnet.geometry.rle import decode_masks, encode_masks, rle_iou, rle_to_json
from sapnet.structures.clicks import Category, Coverage, ImageRecord

if TYPE_CHECKING:
    from sapnet.data.choices import MaskFormat
    from sapnet.structures.clicks import ClickSet
    from tests.data.formats.conftest import MakeImages

IMAGE = ImageRecord(4, "a.jpg", 40, 30)
CAT, DOG = Category(3, "cat"), Category(9, "dog")
REGIONS, PARTIAL = "regions to ignore, left out", "partial images, which look complete there"
SQUARE = ((2.0, 3.0), (12.0, 3.0), (12.0, 9.0), (2.0, 9.0))


def mark(category: str, **fields: Any) -> Mark:  # noqa: ANN401
    return Mark(f"{category} here", "a.jpg", category, **fields)


def assembled(
    *marks: Mark,
    partial: Any = None,  # noqa: ANN401
) -> tuple[ClickSet, Findings]:
    findings = Findings()
    listed = SourceImage("a.jpg", (30, 40), "list", 4, partial)
    source = Source((listed,), (CAT, DOG), marks)
    return assemble(source, {"a.jpg": IMAGE}, findings, AssembleOptions()), findings


def test_regions_are_no_objects_and_keep_their_area() -> None:
    clicks, findings = assembled(
        mark("cat", points=((20.0, 20.0),)),
        mark("dog", polygons=(SQUARE,), ignored=True),
        mark("DontCare", box=(20.0, 3.0, 24.0, 5.0)),
        mark("__ignore__", points=((5.0, 5.0),)),
        mark("cow", box=(1.0, 1.0, 3.0, 3.0), ignored=True),
    )
    assert [click.category_id for click in clicks.clicks] == [3]
    assert clicks.categories == (CAT, DOG)
    (coverage,) = clicks.coverage.values()
    found = [(r.category_id, int(decode_masks([r.mask]).sum())) for r in coverage.ignored]
    assert found == [(9, 60), (3, 8), (9, 8)]  # that of DontCare is of each category
    assert coverage.partial is None
    lost = [entry.place for entry in findings.entries if entry.kind == "skipped"]
    assert lost == ["__ignore__ here", "cow here"]


@pytest.mark.parametrize(
    ("partial", "expected"), [(True, (3, 9)), ((), ()), (("dog", "no such"), (9,)), (None, None)]
)
def test_marks_of_images(partial: object, expected: object) -> None:
    clicks, _ = assembled(mark("cat", points=((20.0, 20.0),)), partial=partial)
    assert clicks.coverage == ({} if expected is None else {4: Coverage(expected)})  # type: ignore[arg-type]


def marked_set() -> InstanceSet:
    """Image 4 with an object of each category and a crowd of dogs; 5 is partial."""
    masks = np.zeros((3, 30, 40), np.uint8)
    masks[0, 3:9, 2:12] = masks[1, 15:25, 5:20] = masks[2, 10:20, 26:36] = 1
    instances = tuple(
        Instance(
            annotation_id=n, image=IMAGE, category_id=category, is_crowd=n == 2,
            segmentation=rle_to_json(rle), source=Path("labels.json"),
        )
        for n, (rle, category) in enumerate(zip(encode_masks(masks), (3, 9, 9), strict=True))
    )  # fmt: skip
    images = (IMAGE, replace(IMAGE, image_id=5, file_name="b.jpg"))
    return InstanceSet(images, (CAT, DOG), instances, {5: (9,), 4: ()})


@pytest.mark.parametrize(
    ("name", "of_category", "marks"),
    [
        ("coco-rle", True, True),
        ("coco-polygons", True, True),
        ("voc", True, False),
        ("labelme", False, False),
        ("labelme-mask", False, False),
    ],
)
def test_written_regions_come_back(
    name: MaskFormat, of_category: bool, marks: bool, make_images: MakeImages, tmp_path: Path
) -> None:
    images = make_images({"a.jpg": (40, 30), "b.jpg": (40, 30)})
    wanted, out = marked_set(), tmp_path / "out"
    report = export_masks(wanted, name, out, Findings())
    assert (report.num_masks, report.mean_iou) == (2, 1.0)
    kind = "coco" if name.startswith("coco") else "labelme" if name.startswith("l") else "voc"
    found = read_any(out, Findings(), ReadOptions(kind, images, crowds="crowd"))  # type: ignore[arg-type]
    assert len(found.clicks) == 2
    ids = {category.name: category.category_id for category in found.categories}
    names = {image.image_id: image.file_name for image in found.images}
    by_name = {names[key]: coverage for key, coverage in found.coverage.items()}
    regions = by_name["a.jpg"].ignored
    crowd = wanted.instances[2].rle()
    assert all(rle_iou([region.mask], [crowd])[0, 0] == 1 for region in regions)
    expected = {ids["dog"]} if of_category else set(ids.values())
    assert {region.category_id for region in regions} == expected
    if marks:
        assert by_name["a.jpg"].partial == ()
        assert by_name["b.jpg"].partial == (ids["dog"],)
    again = masks_of_clicks(found, Findings())
    assert sum(one.is_crowd for one in again.instances) == len(regions)


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("yolo-seg", {REGIONS, PARTIAL}),
        ("label-studio", {REGIONS, PARTIAL}),
        ("cvat", {REGIONS, PARTIAL}),
        ("labelme", {PARTIAL}),
        ("coco-rle", set()),
    ],
)
def test_formats_without_room_say_so(name: MaskFormat, lost: set[str], tmp_path: Path) -> None:
    findings = Findings()
    out = tmp_path / ("out.json" if name == "coco-rle" else "out")
    report = export_masks(marked_set(), name, out, findings)
    assert report.num_masks == 2
    assert {what for what in (REGIONS, PARTIAL) if what in str(findings.lines())} == lost


def test_difficult_objects_of_voc(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    boxes = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x}</xmin>"
        "<ymin>3</ymin><xmax>9</xmax><ymax>8</ymax></bndbox></object>"
        for name, difficult, x in (("cat", 0, 2), ("cat", 1, 5))
    )
    (tmp_path / "Annotations" / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename><size><width>40</width><height>30</height></size>"
        f"{boxes}</annotation>"
    )
    clicks = read_any(tmp_path, Findings(), ReadOptions("voc"))
    assert [click.box for click in clicks.clicks] == [(1, 2, 9, 8)]
    ((region,),) = (one.ignored for one in clicks.coverage.values())
    assert int(decode_masks([region.mask]).sum()) == 5 * 6


def test_a_task_whose_annotators_are_not_done_is_partial(tmp_path: Path) -> None:
    value = {"x": 10, "y": 10, "width": 0.4, "keypointlabels": ["cat"]}
    result = {
        "original_width": 40, "original_height": 30, "value": value, "id": "k", "from_name": "t",
        "to_name": "image", "type": "keypointlabels",
    }  # fmt: skip
    tasks = [
        {"id": n, "is_labeled": done, "annotations": [{"id": n, "result": [result]}],
         "data": {"image": f"/data/{n}.jpg"}}
        for n, done in ((1, False), (2, True))
    ]  # fmt: skip
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks))
    clicks = read_any(path, Findings(), ReadOptions("label-studio"))
    names = {image.image_id: image.file_name for image in clicks.images}
    assert {names[key].rpartition("/")[2]: c.partial for key, c in clicks.coverage.items()} == {
        "1.jpg": (clicks.categories[0].category_id,)
    }


def test_the_command_keeps_them_in_the_clicks_file(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images({"a.jpg": (40, 30), "b.jpg": (40, 30)})
    export_masks(marked_set(), "coco-rle", tmp_path / "in.json", Findings())
    out = tmp_path / "clicks.json"
    words = ["convert", tmp_path / "in.json", "--images", images, "--crowd-as-crowd", "--out", out]
    assert main([*map(str, words)]) == 0
    found = load_clicks(out).coverage
    assert {key: coverage.partial for key, coverage in found.items()} == {4: (), 5: (9,)}
    assert [region.category_id for region in found[4].ignored] == [9]

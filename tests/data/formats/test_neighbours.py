"""Every value of a small, real-shaped file of each tool replaced by every kind of wrong value.

A reader refuses the file with one sentence that names it, or leaves out the object and says so, or
reads what is still right. It raises nothing else, and no value costs seconds or gigabytes.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.choices import SourceFormat
from sapnet.data.formats.brush_rle import encode_brush
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from tests.data.formats.conftest import MakeImages

Json = Any

WRONG = [
    "null", "true", "-1", "0", "1e400", "NaN", "9" * 400, str(2**70), '"text"', '""', '"\\ud800"',
    '"a\\u0000b"', "[]", "{}", "[null]", "[[1]]", '{"a": 1}', "1e8", "[" * 900 + "]" * 900,
]  # fmt: skip
"""Texts of json values that are wrong almost everywhere."""

WRONG_TEXTS = ["", "text", "-1", "1e400", "nan", "9" * 400, "1e8", "\x01", "x" * 200_000, "1,2;3"]
"""The same for cells, attributes and words."""

SLOW = 2.0  # seconds of the processor for one file of a few lines


def label_studio() -> Json:
    mask = np.zeros((24, 32), np.uint8)
    mask[3:9, 4:12] = 1
    shape = {"original_width": 32, "original_height": 24, "image_rotation": 0}
    box = {"x": 10, "y": 10, "width": 30, "height": 30, "rotation": 10, "rectanglelabels": ["car"]}
    vertices = [{"id": i, "x": x, "y": y} for i, (x, y) in enumerate([(1, 1), (50, 1), (50, 60)])]
    values = {
        "keypointlabels": {"x": 20, "y": 20, "width": 1, "keypointlabels": ["car"]},
        "rectanglelabels": box,
        "polygonlabels": {"points": [[10, 10], [50, 10], [50, 50]], "polygonlabels": ["dog"]},
        "brushlabels": {"format": "rle", "rle": encode_brush(mask), "brushlabels": ["dog"]},
        "vectorlabels": {"vertices": vertices, "closed": True, "vectorlabels": ["dog"]},
    }
    results = [{"id": k, "type": k, "value": v, **shape} for k, v in values.items()]
    results[0]["parentID"] = "rectanglelabels"
    annotation = {"id": 1, "was_cancelled": False, "result": results}
    return [{"id": 1, "data": {"image": "/data/a.png"}, "annotations": [annotation]}]


def via() -> Json:
    shapes: list[Json] = [
        {"name": "rect", "x": 3, "y": 2, "width": 9, "height": 8},
        {"name": "polygon", "all_points_x": [3, 12, 12], "all_points_y": [2, 2, 10]},
        {"name": "ellipse", "cx": 8, "cy": 8, "rx": 3, "ry": 4, "theta": 0.3},
        {"name": "point", "cx": 8, "cy": 8},
    ]
    regions = [{"shape_attributes": s, "region_attributes": {"class": "1"}} for s in shapes]
    entry = {"filename": "a.png", "size": 1, "regions": regions, "file_attributes": {}}
    options = {"region": {"class": {"type": "dropdown", "options": {"1": "car"}}}}
    return {"_via_attributes": options, "_via_img_metadata": {"a.png1": entry}}


def createml() -> Json:
    coordinates = {"x": 10, "y": 8, "width": 6, "height": 4}
    return [{"image": "a.png", "annotations": [{"label": "car", "coordinates": coordinates}]}]


POLYGON = [[3, 2, 12, 2, 12, 10]]
RUNS = {"size": [24, 32], "counts": [75, 9, 24 * 32 - 84]}


def coco() -> Json:
    ids = {"image_id": 1, "category_id": 1}
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": 32, "height": 24}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": 1, **ids, "point": [5.5, 4.5], "negative_points": [[20, 20]], "object_id": 3,
             "bbox": [3, 2, 9, 8], "segmentation": POLYGON, "iscrowd": 0},
            {"id": 2, **ids, "point_coords": [[5, 4], [20, 20]], "point_labels": [1, 0],
             "segmentation": RUNS, "keypoints": [5, 4, 2], "true_bbox": [3, 2, 9, 8]},
        ],
    }  # fmt: skip


def detectron2() -> Json:
    polygon = {"bbox": [3, 2, 9, 8], "bbox_mode": 1, "category_id": 0, "segmentation": POLYGON}
    runs = {"bbox": [7, 6, 9, 8, 5], "bbox_mode": 4, "category_id": 1, "segmentation": RUNS}
    image = {"file_name": "a.png", "image_id": 1, "width": 32, "height": 24}
    return [{**image, "annotations": [polygon, {**runs, "keypoints": [5, 4, 2]}]}]


def labelme() -> Json:
    shape = {"label": "car", "points": [[5, 4], [9, 8]]}
    shapes = [
        {**shape, "shape_type": "points", "point_labels": [1, 0]},
        {**shape, "shape_type": "circle", "group_id": 1, "flags": {"q": True}, "attributes": {}},
    ]
    sides = {"imageHeight": 24, "imageWidth": 32}
    return {"version": "5.5.0", "imagePath": "a.png", "shapes": shapes, **sides}


JSONS: dict[SourceFormat, Json] = {
    "coco": coco(),
    "detectron2": detectron2(),
    "labelme": labelme(),
    "label-studio": label_studio(),
    "via": via(),
    "createml": createml(),
}


def ways(value: Json, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a json value; of long lists, the first two entries."""
    yield way
    if isinstance(value, dict):
        for key in value:
            yield from ways(value[key], (*way, key))
    elif isinstance(value, list):
        for index in range(min(len(value), 5 if isinstance(value[0], dict) else 2)):
            yield from ways(value[index], (*way, index))


def changed(value: Json, way: tuple[Any, ...], new: Json) -> Json:
    if not way:
        return new
    value = copy.deepcopy(value)
    inner = value
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = new
    return value


def dropped(value: Json, way: tuple[Any, ...]) -> Json:
    value = copy.deepcopy(value)
    inner = value
    for key in way[:-1]:
        inner = inner[key]
    del inner[way[-1]]
    return value


def check(path: Path, options: ReadOptions, what: str) -> None:
    findings = Findings()
    start = time.process_time()
    try:
        clicks = read_any(path, findings, options)
    except (ValueError, OSError) as error:
        message = str(error)
        assert path.name in message or "a.png" in message, f"{what}: {message}"
        assert len(message) < 1_000, f"{what}: {len(message)} characters"
    except BaseException as error:
        pytest.fail(f"{what}: {error!r}")
    else:
        json.dumps([vars(entry) for entry in findings.entries]).encode()
        "\n".join(findings.lines()).encode()
        for click in clicks.clicks:
            assert all(0 <= x < 32 and 0 <= y < 24 for x, y in click.points), what
    assert time.process_time() - start < SLOW, what


@pytest.mark.parametrize("name", JSONS)
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_json(name: SourceFormat, every: int, tmp_path: Path, make_images: MakeImages) -> None:
    images = make_images({"a.png": (32, 24)})
    path = tmp_path / "export.json"
    good = JSONS[name]
    marker = "<the wrong value>"
    for number, way in enumerate(ways(good)):
        template = json.dumps(changed(good, way, marker))
        options = ReadOptions(name, images=images if number % 2 else None)
        for text in WRONG[number % every :: every]:
            path.write_text(template.replace(json.dumps(marker), text), encoding="utf-8")
            check(path, options, f"{way} = {text[:20]}")
        if way:
            path.write_text(json.dumps(dropped(good, way)))
            check(path, options, f"without {way}")


@pytest.mark.parametrize("name", JSONS)
def test_nothing_and_other_files(name: SourceFormat, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    for content in (b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"images": ' + b"[" * 50_000):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"export\.json"):
            read_any(path, Findings(), ReadOptions(name))


XML = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task>
<labels><label><name>car</name></label></labels><original_size><width>32</width>
<height>24</height></original_size></task></meta>
<image id="0" name="a.png" width="32" height="24">
<points label="car" points="5.5,4.5;6,7" group_id="1"><attribute name="q">1</attribute></points>
<box label="car" xtl="3" ytl="2" xbr="12" ybr="10" rotation="5.0" group_id="1"/>
<polygon label="car" points="3,2;12,2;12,10"/>
<ellipse label="car" cx="8" cy="8" rx="3" ry="2" rotation="3"/>
<mask label="car" rle="2,4,2" left="3" top="3" width="4" height="2"/></image>
<track id="0" label="car"><box frame="3" keyframe="1" outside="0" xtl="1" ytl="1" xbr="4"
ybr="5"/></track></annotations>"""


def test_cvat(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    parts = XML.split('"')
    for index in range(5, len(parts), 2):
        for text in WRONG_TEXTS:
            path.write_text('"'.join([*parts[:index], text, *parts[index + 1 :]]))
            check(path, ReadOptions("cvat", key_frames=True), f"{parts[index - 1]} = {text[:20]}")
    for index in range(5, len(parts) - 1, 2):  # without the attribute
        name = parts[index - 1].rstrip("= ").rpartition(" ")[0]
        path.write_text('"'.join([*parts[: index - 1], name])[:-1] + parts[index + 1])
        check(path, ReadOptions("cvat", key_frames=True), f"without {parts[index - 1]}")


def test_xml_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    bomb = '<!DOCTYPE a [<!ENTITY a "xxxxxxxxxx">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    for content in ("", "text", XML.replace("utf-8", "true"), XML[:-20], f"{bomb}]><a>&j;</a>"):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"annotations.xml: expected"):
            read_any(path, Findings(), ReadOptions("cvat"))


CSV = (
    "image,x,y,category,object,negative,xmin,ymin,xmax,ymax,width,height\n"
    "a.png,5.5,4.5,car,1,0,3,2,12,10,32,24\n"
)


@pytest.mark.parametrize("header", [CSV, "image,x,y,w,h,label\na.png,3,2,9,8,car\n"])
def test_csv(header: str, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    head, row = (line.split(",") for line in header.splitlines())
    for index in range(len(row)):
        for text in [*WRONG_TEXTS, '"', '"a""', '"x\ny"', "a,b"]:
            for lines in (
                [head, [*row[:index], text, *row[index + 1 :]]],
                [[*head[:index], text, *head[index + 1 :]], row],
            ):
                path.write_text("\n".join(map(",".join, lines)) + "\n", encoding="utf-8")
                check(path, ReadOptions("csv"), f"{head[index]} = {text[:20]}")


YAML = {
    "names": ["names: [car, dog]\n", "names:\n  0: car\n", "names: &a [car]\nothers: *a\n"],
    "bad": [
        "", "[", "names: 1\n", "names: [null]\n", "names: [[a]]\n", "names: {car: 0}\n",
        "names: {-1: car}\n", "names: {99999999999999999999: car}\n", "names: [on, off]\n",
        "names: [car]\nkpt_shape: [1, null]\n", "names: [car]\nkpt_shape: [1e9, 2]\n",
        "names: !!timestamp 2020-99-99\n", "names: " + "[" * 20_000, "\x00", "a: !!int x\n",
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n"
            for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
        ) + "names: *k\n",
        "a: &a {x: 1}\n" + "".join(
            f"{b}: &{b} {{<<: [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]}}\n"
            for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
        ) + "names: [car]\n",
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", YAML["bad"], ids=range(len(YAML["bad"])))
def test_yaml(text: str, tmp_path: Path, make_images: MakeImages) -> None:
    images = make_images({"a.png": (32, 24)})
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data.yaml").write_text(text)
    start = time.process_time()
    with pytest.raises(ValueError, match=r"data.yaml") as caught:
        read_any(tmp_path, Findings(), ReadOptions("yolo", images=images))
    assert len(str(caught.value)) < 1_000
    assert len(str(caught.value).splitlines()) == 1
    assert time.process_time() - start < SLOW


def test_yolo_lines(tmp_path: Path, make_images: MakeImages) -> None:
    images = make_images({"a.png": (32, 24)})
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text("names: [car, dog]\n")
    path = tmp_path / "labels" / "a.txt"
    lines = ["0 0.5 0.5 0.2 0.2", "1 0.1 0.1 0.5 0.1 0.5 0.5", "0 .1 .1 .5 .1 .5 .5 .1 .5"]
    for line in lines:
        words = line.split()
        for index in range(len(words)):
            for text in WRONG_TEXTS:
                path.write_text(" ".join([*words[:index], text, *words[index + 1 :]]))
                check(tmp_path, ReadOptions("yolo", images=images), f"{line}: {index} = {text[:9]}")

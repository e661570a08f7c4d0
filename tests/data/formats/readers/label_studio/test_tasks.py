"""Exports in Label Studio's own shape (1.x, "JSON" and "JSON-MIN")."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sapnet.data.formats.brush_rle import encode_brush
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.geometry.rle import decode_masks
from tests.data.formats.conftest import MakeImages

WIDTH, HEIGHT = 200, 100


def region(kind: str, value: dict[str, Any], name: str = "r", **extra: object) -> dict[str, Any]:
    return {
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": value,
        "id": name,
        "from_name": "tag",
        "to_name": "image",
        "type": kind,
        "origin": "manual",
        **extra,
    }


def keypoint(
    x: float, y: float, label: str = "car", name: str = "k", **extra: object
) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 0.4, "keypointlabels": [label]}
    return region("keypointlabels", value, name, **extra)


def task(results: list[dict[str, Any]], number: int = 1, **extra: object) -> dict[str, Any]:
    annotation = {
        "id": 40 + number,
        "completed_by": 1,
        "result": results,
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": 3.2,
    }
    return {
        "id": number,
        "annotations": [annotation],
        "file_upload": f"0a1b2c3d-photo{number}.jpg",
        "drafts": [],
        "predictions": [],
        "data": {"image": f"/data/upload/1/0a1b2c3d-photo{number}.jpg"},
        "meta": {},
        "total_annotations": 1,
        "project": 1,
        **extra,
    }


def read(tmp_path: Path, tasks: list[dict[str, Any]], **options: object) -> tuple[Any, Findings]:
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps(tasks))
    findings = Findings()
    return read_any(path, findings, ReadOptions(**options)), findings


def test_keypoints_in_per_cent(tmp_path: Path, make_images: MakeImages) -> None:
    images = make_images({"photo1.jpg": (WIDTH, HEIGHT)})
    clicks, findings = read(tmp_path, [task([keypoint(25, 10)])], images=images)
    assert [i.file_name for i in clicks.images] == ["photo1.jpg"]
    assert clicks.clicks[0].points == ((50, 10),)
    assert [c.name for c in clicks.categories] == ["car"]
    assert findings.entries == []


def test_image_rotation_is_only_the_view(tmp_path: Path) -> None:
    """The editor turns its stage, and stores regions in the frame of the image as it is."""
    clicks, _ = read(tmp_path, [task([keypoint(25, 10, image_rotation=90)])])
    assert clicks.clicks[0].points == ((50, 10),)


def test_turned_rectangle(tmp_path: Path) -> None:
    """Turned by 90 degrees about its stored corner (100, 20): 40 x 10 px become 10 x 40 px."""
    value = {
        "x": 50,
        "y": 20,
        "width": 20,
        "height": 10,
        "rotation": 90,
        "rectanglelabels": ["car"],
    }
    clicks, findings = read(tmp_path, [task([region("rectanglelabels", value)])])
    assert clicks.clicks[0].box == pytest.approx((90, 20, 100, 60))
    assert any("turned boxes" in line for line in findings.lines())
    assert any("middle of their box" in line for line in findings.lines())


def test_polygon_ellipse_and_brush_are_masks(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[30:50, 60:90] = 1
    polygon = {"points": [[5, 10], [15, 10], [15, 30], [5, 30]], "polygonlabels": ["car"]}
    ellipse = {
        "x": 50,
        "y": 50,
        "radiusX": 10,
        "radiusY": 10,
        "rotation": 0,
        "ellipselabels": ["car"],
    }
    brush = {"format": "rle", "rle": encode_brush(mask), "brushlabels": ["bus"]}
    results = [
        region("polygonlabels", polygon, "p"),
        region("ellipselabels", ellipse, "e"),
        region("brushlabels", brush, "b"),
    ]
    clicks, _ = read(tmp_path, [task(results)])
    areas = [int(decode_masks([click.mask])[0].sum()) for click in clicks.clicks]
    assert areas[0] == 20 * 20
    assert areas[1] == pytest.approx(np.pi * 20 * 10, rel=0.02)
    assert areas[2] == 600
    assert (decode_masks([clicks.clicks[2].mask])[0] == mask).all()
    assert [c.name for c in clicks.categories] == ["car", "bus"]


def test_regions_with_separate_labels_are_one(tmp_path: Path) -> None:
    """The tags <Rectangle> and <Labels>: the same id twice, bare and labelled."""
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0}
    results = [
        region("rectangle", value, "same"),
        region("labels", {**value, "labels": ["car"]}, "same"),
    ]
    clicks, findings = read(tmp_path, [task(results)])
    assert [click.box for click in clicks.clicks] == [(20, 10, 60, 30)]
    assert findings.num_skipped == 0


def test_nested_and_related_regions_are_one_object(tmp_path: Path) -> None:
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["car"]}
    results = [
        region("rectanglelabels", value, "box"),
        keypoint(15, 15, name="in", parentID="box"),
        keypoint(20, 20, name="also"),
        {"type": "relation", "from_id": "also", "to_id": "in", "direction": "right"},
        keypoint(80, 80, name="other"),
    ]
    clicks, _ = read(tmp_path, [task(results)])
    first, second = clicks.clicks
    assert first.points == ((30, 15), (40, 20))
    assert first.box == (20, 10, 60, 30)
    assert second.points == ((160, 80),)


def test_tasks_and_annotations_that_do_not_count(tmp_path: Path, make_images: MakeImages) -> None:
    cancelled = task([keypoint(1, 1)], 2)
    cancelled["annotations"][0]["was_cancelled"] = True
    twice = task([keypoint(1, 1)], 3)
    twice["annotations"].append({"result": [keypoint(50, 50)], "ground_truth": True})
    tasks = [
        task([], 1),
        cancelled,
        twice,
        {"id": 4, "data": {"image": "/data/upload/1/x.jpg"}, "annotations": [], "predictions": []},
        {"id": 5, "data": {"text": "no picture"}, "annotations": []},
        task([region("choices", {"choices": ["good"]}), keypoint(5, 5)], 6),
        task([region("videorectangle", {"sequence": [], "labels": ["car"]})], 7),
    ]
    clicks, findings = read(tmp_path, tasks)  # without images, empty tasks have no size
    assert [i.file_name for i in clicks.images] == [
        f"0a1b2c3d-photo{number}.jpg" for number in (3, 6, 7)
    ]
    assert "1 x images without an object and without a size" in "\n".join(findings.lines())
    images = make_images({f"photo{i}.jpg": (WIDTH, HEIGHT) for i in (1, 3, 6, 7)})
    clicks, findings = read(tmp_path, tasks, images=images)
    assert [click.point for click in clicks.clicks] == [(100, 50), (10, 5)]
    text = "\n".join(findings.lines())
    for what in (
        "1 x annotations that were cancelled (project-1.json, task 2)",
        "2 x tasks that nobody has annotated (project-1.json, task 2; project-1.json, task 4)",
        "1 x further annotations of a task that has one (project-1.json, task 3)",
        "1 x tasks without an image (project-1.json, task 5)",
        "1 x results of type 'choices'",
        "1 x regions of type 'videorectangle'",
    ):
        assert what in text


def test_json_min(tmp_path: Path) -> None:
    entry = {
        "x": 25, "y": 10, "width": 0.4, "keypointlabels": ["car"],
        "original_width": WIDTH, "original_height": HEIGHT,
    }  # fmt: skip
    minimal = {
        "image": "/data/local-files/?d=set/a.jpg", "id": 1, "kp": [entry], "annotator": 1,
        "annotation_id": 2, "created_at": "", "updated_at": "", "lead_time": 1.0,
    }  # fmt: skip
    clicks, _ = read(tmp_path, [minimal])
    assert clicks.images[0].file_name == "a.jpg"
    assert clicks.clicks[0].points == ((50, 10),)


def test_predictions_on_request(tmp_path: Path) -> None:
    entry = task([keypoint(1, 1)], predictions=[{"result": [keypoint(50, 50)], "score": 0.4}])
    clicks, findings = read(tmp_path, [entry])
    assert clicks.clicks[0].points == ((2, 1),)
    assert "predictions, which are left alone" in findings.lines()[0]
    clicks, _ = read(tmp_path, [entry], predictions=True)
    assert clicks.clicks[0].points == ((100, 50),)


def test_no_list_of_tasks(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"expected a list of Label Studio tasks"):
        read_any(tmp_path / "a.json", Findings(), ReadOptions("label-studio"))


def without_size(result: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in result.items() if k not in ("original_width", "original_height")}


def test_keypoints_take_the_size_of_the_other_regions(tmp_path: Path) -> None:
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["car"]}
    bare = without_size(keypoint(25, 10))
    half = {**keypoint(50, 10, name="h"), "original_height": None}
    tasks = [task([bare, half, region("rectanglelabels", value, "box")])]
    clicks, findings = read(tmp_path, tasks)
    assert [click.points[0] for click in clicks.clicks[:2]] == [(50, 10), (100, 10)]
    assert findings.num_skipped == 0


def test_keypoints_take_the_size_of_the_image(tmp_path: Path, make_images: MakeImages) -> None:
    tasks = [task([without_size(keypoint(25, 10))])]
    _, findings = read(tmp_path, tasks)
    assert "regions without original_width and original_height" in findings.lines()[0]
    images = make_images({"photo1.jpg": (WIDTH, HEIGHT)})
    clicks, findings = read(tmp_path, tasks, images=images)
    assert clicks.clicks[0].points == ((50, 10),)
    assert findings.num_skipped == 0


def test_regions_of_two_sizes_in_one_task(tmp_path: Path) -> None:
    other = {**keypoint(50, 50, name="other"), "original_width": WIDTH + 1}
    clicks, findings = read(tmp_path, [task([keypoint(25, 10), other])])
    assert len(clicks.clicks) == 1
    assert "region other: expected 'original_width' as 200" in findings.lines()[0]


def data_url(alpha: np.ndarray, mode: str = "RGBA") -> str:
    pixels = np.zeros((*alpha.shape, 4), np.uint8)
    pixels[..., 3] = alpha
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def test_bitmasks_are_where_the_png_is_not_transparent(tmp_path: Path) -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[30:50, 60:90] = 255
    value = {"imageDataURL": data_url(alpha), "bitmasklabels": ["car"]}
    clicks, findings = read(tmp_path, [task([region("bitmasklabels", value)])])
    assert (decode_masks([clicks.clicks[0].mask])[0] == (alpha > 0)).all()
    assert findings.num_skipped == 0


@pytest.mark.parametrize(
    "url",
    [
        data_url(np.zeros((HEIGHT, WIDTH - 1), np.uint8)),
        "https://example.org/mask.png",
        "data:image/png;base64,####",
        "data:image/png;base64,aGVsbG8=",
        None,
    ],
)
def test_bitmasks_that_are_none(url: str | None, tmp_path: Path) -> None:
    value = {"imageDataURL": url, "bitmasklabels": ["car"]}
    tasks = [task([region("bitmasklabels", value), keypoint(1, 1)])]
    clicks, findings = read(tmp_path, tasks)
    assert len(clicks.clicks) == 1
    assert "as a data URL of a png of 200 x 100 px with transparency" in findings.lines()[0]


def test_an_opaque_bitmask_is_no_mask_of_everything(tmp_path: Path) -> None:
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    stream = io.BytesIO()
    Image.fromarray(white).save(stream, "PNG")
    url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    value = {"imageDataURL": url, "bitmasklabels": ["car"]}
    clicks, findings = read(tmp_path, [task([region("bitmasklabels", value), keypoint(1, 1)])])
    assert len(clicks.clicks) == 1
    assert "this one is opaque" in findings.lines()[0]


def vertex(name: str, x: float, y: float, before: str | None, **extra: object) -> dict[str, Any]:
    return {"id": name, "x": x, "y": y, "prevPointId": before, "isBezier": False, **extra}


def vector(vertices: list[dict[str, Any]], closed: bool = True) -> dict[str, Any]:
    value = {"vertices": vertices, "closed": closed, "vectorlabels": ["car"]}
    return region("vectorlabels", value)


CORNERS = [
    vertex("a", 5, 10, None),
    vertex("b", 15, 10, "a"),
    vertex("c", 15, 30, "b"),
    vertex("d", 5, 30, "c"),
]


def test_closed_vectors_are_masks(tmp_path: Path) -> None:
    clicks, _ = read(tmp_path, [task([vector(CORNERS)])])
    mask = decode_masks([clicks.clicks[0].mask])[0]
    assert mask.sum() == 20 * 20
    assert mask[10:30, 10:30].all()


def test_open_and_branched_vectors_are_named(tmp_path: Path) -> None:
    branched = [*CORNERS[:3], vertex("d", 5, 30, "a")]
    results = [vector(CORNERS, closed=False), vector(branched), keypoint(1, 1)]
    clicks, findings = read(tmp_path, [task(results)])
    assert len(clicks.clicks) == 1
    text = "\n".join(findings.lines())
    assert "1 x regions of type 'vectorlabels'" in text
    assert "vertex 3: expected 'prevPointId' as the vertex before it" in text


def test_curves_of_vectors(tmp_path: Path) -> None:
    """A circle of radius 40 px round (100, 50), of four curves with the usual control points."""
    k = 0.5522847498
    names = ["right", "bottom", "left", "top"]
    vertices = []
    for index, (x, y) in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        along = np.array([-y, x]) * k

        def share(point: np.ndarray) -> dict[str, float]:
            return {"x": 50 + 20 * float(point[0]), "y": 50 + 40 * float(point[1])}

        here = np.array([x, y], float)
        vertices.append(
            {
                **vertex(names[index], **share(here), before=names[index - 1] if index else None),
                "isBezier": True,
                "controlPoint1": share(here - along),
                "controlPoint2": share(here + along),
            }
        )
    clicks, _ = read(tmp_path, [task([vector(vertices)])])
    mask = decode_masks([clicks.clicks[0].mask])[0]
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    disc = (x - 100) ** 2 + (y - 50) ** 2 < 40**2
    assert (mask & disc).sum() / (mask | disc).sum() > 0.99


def test_default_label(tmp_path: Path) -> None:
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0}
    results = [
        region("rectangle", value, "bare"),
        region("rectangle", value, "same"),
        region("labels", {**value, "labels": ["car"]}, "same"),
    ]
    clicks, findings = read(tmp_path, [task(results)])
    assert len(clicks.clicks) == 1
    assert "1 x regions without a label" in findings.lines()[0]
    clicks, findings = read(tmp_path, [task(results)], default_label="thing")
    assert [c.name for c in clicks.categories] == ["thing", "car"]
    assert findings.num_skipped == 0


def test_a_box_without_its_height_is_no_point(tmp_path: Path) -> None:
    value = {"x": 10, "y": 10, "width": 20, "rectanglelabels": ["car"]}
    clicks, findings = read(tmp_path, [task([region("rectanglelabels", value), keypoint(1, 1)])])
    assert len(clicks.clicks) == 1
    assert "expected 'height' as a number within +-1e+09, found no such key" in findings.lines()[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"annotations": 1}, "task 1: expected 'annotations' as a list, found 1"),
        ({"annotations": [None]}, r"task 1: expected 'annotations' as a list of objects"),
        ({"annotations": [{"result": 5}]}, "task 1, annotation 0: expected 'result' as a list"),
        ({"data": 3}, "task 1: expected 'data' as an object, found 3"),
    ],
)
def test_wrong_tasks(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, [{**task([keypoint(1, 1)]), **change}], source_format="label-studio")


def test_one_image_in_two_tasks(tmp_path: Path) -> None:
    twice = [task([keypoint(1, 1)]), {**task([keypoint(1, 1)]), "id": 9}]
    with pytest.raises(ValueError, match=r"task 9: expected one entry per image, .* listed twice"):
        read(tmp_path, twice)


def test_nothing_annotated(tmp_path: Path) -> None:
    tasks = [{**task([]), "annotations": []}]
    with pytest.raises(ValueError, match=r"found skipped: 1 x tasks that nobody has annotated"):
        read(tmp_path, tasks)


def test_the_image_among_other_texts(tmp_path: Path) -> None:
    """Of other keys than `image`, a path or an address is an image; a sentence is none."""
    for value in ("s3://bucket/a b", "/data/upload/1/x", "photos/A.JPG", "http://h/a.png?token=1"):
        data = {"caption": "Two cars. One left/right.", "photo": value}
        clicks, _ = read(tmp_path, [task([keypoint(25, 10)], data=data)])
        assert clicks.clicks[0].points == ((50, 10),)
        assert clicks.images[0].file_name in ("a b", "x", "photos/A.JPG", "a.png")
    with pytest.raises(ValueError, match="tasks without an image"):
        read(tmp_path, [task([keypoint(25, 10)], data={"caption": "Two cars. One left/right."})])


def images_of(clicks: Any) -> dict[str, list[tuple[float, float]]]:  # noqa: ANN401
    """The points of each image by its name."""
    names = {image.image_id: image.file_name for image in clicks.images}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names.values()}
    for click in clicks.clicks:
        found[names[click.image_id]].append(click.point)
    return found


def test_each_image_of_a_list_is_one(tmp_path: Path, make_images: MakeImages) -> None:
    """With `valueList`, one task has several images; its regions say which by `item_index`."""
    data = {"pages": ["s3://b/1.jpg", "s3://b/2.jpg", "s3://b/3.jpg"], "n": [1, 2]}
    other = {"original_width": 400, "original_height": 50, "item_index": 2}
    results = [
        keypoint(25, 10, item_index=0),
        keypoint(50, 50, name="next", **other),
        keypoint(1, 1, name="lost", item_index=3),
        {"type": "relation", "from_id": "k", "to_id": "next", "direction": "right"},
    ]
    sizes = {"1.jpg": (WIDTH, HEIGHT), "2.jpg": (9, 9), "3.jpg": (400, 50)}
    clicks, findings = read(tmp_path, [task(results, data=data)], images=make_images(sizes))
    assert images_of(clicks) == {"1.jpg": [(50, 10)], "2.jpg": [], "3.jpg": [(200, 25)]}
    assert "1 x regions of images that their task does not list" in findings.lines()[0]
    assert len({click.annotation_id for click in clicks.clicks}) == 2


def test_an_index_without_a_list_is_named(tmp_path: Path) -> None:
    for index in (1, -1, "1", 0.5, [1]):
        results = [keypoint(25, 10, item_index=0), keypoint(50, 50, name="n", item_index=index)]
        clicks, findings = read(tmp_path, [task(results)])
        assert [click.points for click in clicks.clicks] == [((50, 10),)]
        assert "1 x regions of images that their task does not list" in findings.lines()[0]


def test_tags_name_the_images_of_a_task(tmp_path: Path) -> None:
    data = {"left": "l.jpg", "right": "r.jpg", "title": "A pair"}
    results = [
        keypoint(25, 10, to_name="right"),
        keypoint(50, 50, name="n", to_name="left", original_width=100),
    ]
    clicks, findings = read(tmp_path, [task(results, data=data)])
    assert images_of(clicks) == {"l.jpg": [(50, 50)], "r.jpg": [(50, 10)]}
    assert findings.entries == []


def test_tags_of_other_names_are_no_guess(tmp_path: Path) -> None:
    data = {"left": "l.jpg", "right": "r.jpg"}
    results = [keypoint(25, 10, to_name="a"), keypoint(50, 50, name="n", to_name="b")]
    both = [task(results, data=data), task([keypoint(5, 5)], 2)]
    clicks, findings = read(tmp_path, both)
    assert images_of(clicks) == {"0a1b2c3d-photo2.jpg": [(10, 5)]}
    assert findings.lines()[0].startswith("skipped: 1 x tasks with several images whose tags")
    assert "images 'left', 'right', tags a, b" in findings.lines()[0]


def test_one_tag_marks_the_likeliest_image(tmp_path: Path) -> None:
    data = {"preview": "p.jpg", "image": "i.jpg"}
    clicks, findings = read(tmp_path, [task([keypoint(25, 10, to_name="tag")], data=data)])
    assert images_of(clicks) == {"i.jpg": [(50, 10)]}
    assert "further images of a task, without a region (key 'preview')" in findings.lines()[0]


def test_lists_in_the_short_form(tmp_path: Path) -> None:
    kept = ("original_width", "original_height", "item_index")
    regions = [keypoint(25, 10, item_index=1), keypoint(50, 50, item_index=0)]
    tag = [{**r["value"], **{key: r[key] for key in kept}} for r in regions]
    clicks, _ = read(tmp_path, [{"id": 1, "pages": ["a.jpg", "b.jpg"], "tag": tag}])
    assert images_of(clicks) == {"a.jpg": [(100, 50)], "b.jpg": [(50, 10)]}

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.geometry.rle import encode_masks, rle_to_json
from sapnet.structures.clicks import RLE, Category, Click, ClickSet, ImageRecord

Content = dict[str, Any]
Write = Callable[[Content], Path]


@pytest.fixture
def content(content: Content) -> Content:
    """A file of clicks alone, without masks."""
    del content["annotations"][0]["segmentation"]
    return content


def rectangle(x1: int, y1: int, x2: int, y2: int, *, height: int, width: int) -> RLE:
    mask = np.zeros((1, height, width), np.uint8)
    mask[0, y1:y2, x1:x2] = 1
    return encode_masks(mask)[0]


def test_one_point(write_json: Write, content: Content) -> None:
    clicks = load_clicks(write_json(content))
    assert clicks.clicks == (Click(17, 5, 7, ((12.5, 20.5),)),)
    assert [category.category_id for category in clicks.categories] == [3, 7]


def test_optional_keys(write_json: Write, content: Content) -> None:
    content["annotations"][0] |= {"negative_points": [[1, 2], [3.5, 4]], "bbox": [600, 0, 50, 10]}
    (click,) = load_clicks(write_json(content)).clicks
    assert click.negative_points == ((1.0, 2.0), (3.5, 4.0))
    assert click.box == (600.0, 0.0, 640.0, 10.0)  # clipped to the image


@pytest.mark.parametrize("form", ["polygons", "uncompressed", "compressed"])
def test_known_masks(write_json: Write, content: Content, form: str) -> None:
    rle = rectangle(10, 20, 14, 26, height=480, width=640)
    runs = [10 * 480 + 20, *[6, 474] * 3, 6, 454 + 480 * (640 - 14)]
    content["annotations"][0]["segmentation"] = {
        "polygons": [[10, 20, 14, 20, 14, 26, 10, 26]],
        "uncompressed": {"size": [480, 640], "counts": runs},
        "compressed": rle_to_json(rle),
    }[form]
    (click,) = load_clicks(write_json(content)).clicks
    assert click.mask == rle


def test_no_mask_as_many_tools_write_it(write_json: Write, content: Content) -> None:
    content["annotations"][0] |= {"segmentation": [], "iscrowd": 0}
    assert load_clicks(write_json(content)).clicks[0].mask is None


@pytest.mark.parametrize(
    ("segmentation", "iscrowd", "message"),
    [
        ([[1, 2, 3, 4]], 0, "expected a segmentation as polygons of at least 3 points"),
        ([[700, 20, 710, 20, 710, 30]], 0, r"some pixels inside a\.jpg \(640 x 480 px\)"),
        ({"size": [640, 480], "counts": "P137"}, 0, r"run lengths of size \[480, 640\]"),
        ({"size": [480, 640], "counts": "P137"}, 0, "cover 307200 pixels, found 42"),
        ({"size": [480, 640], "counts": [5, 6]}, 0, "cover 307200 pixels, found 11"),
        ([[1, 2, 8, 2, 8, 9]], 1, "found iscrowd = 1, which marks a region of many"),
    ],
)
def test_malformed_masks(
    write_json: Write, content: Content, segmentation: object, iscrowd: int, message: str
) -> None:
    content["annotations"][0] |= {"segmentation": segmentation, "iscrowd": iscrowd}
    with pytest.raises(ValueError, match=rf"object 17 \(image 5\): .*{message}.*'segmentation'"):
        load_clicks(write_json(content))


def test_no_clicks_at_all(write_json: Write, content: Content) -> None:
    content["annotations"] = []
    assert load_clicks(write_json(content)).clicks == ()


def test_points_of_one_object_are_merged(write_json: Write, content: Content) -> None:
    first = content["annotations"][0] | {"object_id": "dog"}
    second = {**first, "id": 3, "point": [1, 2], "negative_points": [[9, 9]], "bbox": [1, 1, 2, 2]}
    other = {**first, "id": 4, "object_id": 17}  # 17 is an object id here, not annotation 17
    content["annotations"] = [first, other, second]
    merged, single = load_clicks(write_json(content)).clicks
    assert merged == Click(17, 5, 7, ((12.5, 20.5), (1.0, 2.0)), ((9.0, 9.0),), (1, 1, 3, 3))
    assert single.annotation_id == 4


def test_object_ids_are_per_image(write_json: Write, content: Content) -> None:
    content["images"].append({"id": 6, "file_name": "b.jpg", "width": 640, "height": 480})
    first = content["annotations"][0] | {"object_id": 1}
    content["annotations"] = [first, first | {"id": 18, "image_id": 6}]
    assert len(load_clicks(write_json(content)).clicks) == 2


def test_object_of_two_categories(write_json: Write, content: Content) -> None:
    first = content["annotations"][0] | {"object_id": 1}
    content["annotations"] = [first, first | {"id": 18, "category_id": 3}]
    with pytest.raises(ValueError, match=r"object 18 .*expected the category 7 of object 17"):
        load_clicks(write_json(content))


def test_point_outside_its_image(write_json: Write, content: Content) -> None:
    content["annotations"][0]["point"] = [812.0, 3]
    path = write_json(content)
    with pytest.raises(ValueError, match="clicks") as caught:
        load_clicks(path)
    assert str(caught.value) == (
        f"{path}, object 17 (image 5): x = 812.0, but a.jpg is 640 px wide (0 <= x < 640). "
        "Export the clicks of this image again, or drop the object."
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("point", [0, 480], r"y = 480\.0, but a\.jpg is 480 px high \(0 <= y < 480\)"),
        ("point", [-0.1, 0], r"x = -0\.1"),
        ("point", [float("nan"), 0], r"expected a point as two finite numbers \[x, y\]"),
        ("point", [1, 2, 3], "expected a point as two finite numbers"),
        ("point", "1 2", "expected a point as two finite numbers"),
        ("point", ["1", "2"], "expected a point as two finite numbers"),
        ("negative_points", [[1, 999]], r"y = 999\.0"),
        ("negative_points", {"x": 1}, r"expected 'negative_points' as \[\[x, y\], \.\.\.\]"),
        ("bbox", [1, 2, 3], "expected 'bbox' as 4 finite numbers"),
        ("bbox", [700, 2, 3, 4], r"with some area inside a\.jpg \(640 x 480 px\)"),
        ("bbox", [7, 2, 0, 4], "with some area inside"),
        ("object_id", 1.5, "expected 'object_id' as an integer or a string"),
    ],
)
def test_malformed(
    write_json: Write, content: Content, key: str, value: object, message: str
) -> None:
    content["annotations"][0][key] = value
    with pytest.raises(ValueError, match=rf"clicks\.json, object 17 \(image 5\): .*{message}"):
        load_clicks(write_json(content))


def test_file_of_masks_is_explained(write_json: Write, content: Content) -> None:
    del content["annotations"][0]["point"]
    with pytest.raises(ValueError, match="sample clicks from it with `sapnet points`"):
        load_clicks(write_json(content))


def test_saved_clicks_are_read_again(tmp_path: Path) -> None:
    clicks = ClickSet(
        images=(ImageRecord(5, "ä.jpg", 640, 480), ImageRecord(6, "b.jpg", 20, 10)),
        categories=(Category(3, "cat"), Category(7, "dog")),
        clicks=(
            Click(17, 5, 7, ((1.5, 2.5), (3.5, 4.5), (8.25, 9.0)), ((0.5, 0.5),), (1, 2, 3, 5)),
            Click(2, 6, 3, ((19.999, 9.999),)),
            Click(30, 5, 3, ((1.5, 2.5), (7.5, 7.5))),
            Click(31, 6, 3, ((1.5, 2.5),), mask=rectangle(1, 2, 5, 9, height=10, width=20)),
        ),
    )
    path = save_clicks(tmp_path / "new" / "clicks.json", clicks, {"seed": 0})
    assert load_clicks(path) == clicks
    assert json.loads(path.read_text(encoding="utf-8"))["info"] == {"seed": 0}
    assert [file.name for file in path.parent.iterdir()] == ["clicks.json"]  # nothing left aside


def test_bands(write_json: Write, content: Content, tmp_path: Path) -> None:
    clicks = load_clicks(write_json({**content, "info": {"bands": [4, 2, 5]}}))
    assert clicks.bands == (4, 2, 5)
    path = save_clicks(tmp_path / "saved.json", clicks, {"seed": 0})
    assert load_clicks(path) == clicks
    assert json.loads(path.read_text("utf-8"))["info"] == {"seed": 0, "bands": [4, 2, 5]}
    for info in ("made by hand", {"bands": None}, {"bands": "RGB"}, {}):
        assert load_clicks(write_json({**content, "info": info})).bands == ()


@pytest.mark.parametrize("bands", [[1, 2], [0], [1.0], ["4"], [True]])
def test_malformed_bands(write_json: Write, content: Content, bands: object) -> None:
    path = write_json({**content, "info": {"bands": bands}})
    with pytest.raises(ValueError, match=r"clicks\.json, key info: expected .bands. as"):
        load_clicks(path)


def test_saving_nothing(tmp_path: Path) -> None:
    empty = ClickSet((), (), ())
    assert load_clicks(save_clicks(tmp_path / "clicks.json", empty)) == empty


def test_truth_beside_a_click_is_not_taken(
    write_json: Write, content: Content, caplog: pytest.LogCaptureFixture
) -> None:
    """P2BNet's and SAPNet's files: the box is made up, the mask is the ground truth."""
    content["annotations"][0] |= {
        "true_bbox": [10, 20, 4, 6],
        "bbox": [4, 12, 16, 16],
        "segmentation": [[10, 20, 14, 20, 14, 26, 10, 26]],
    }
    assert load_clicks(write_json(content)).clicks == (Click(17, 5, 7, ((12.5, 20.5),)),)
    assert "1 objects have 'true_bbox'" in caplog.text

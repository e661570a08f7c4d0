"""Projects and exports in VIA 2.0.11's own shape."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.geometry.rle import decode_masks
from sapnet.structures.clicks import ClickSet
from tests.data.formats.conftest import MakeImages


def region(shape: dict[str, Any], **attributes: object) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def export(regions: object, name: str = "a.jpg") -> dict[str, Any]:
    entry = {"filename": name, "size": 1234, "regions": regions, "file_attributes": {}}
    return {f"{name}1234": entry}


def read(
    tmp_path: Path, make_images: MakeImages, content: dict[str, Any], **options: object
) -> tuple[ClickSet, Findings]:
    images = make_images({"a.jpg": (64, 48), "b.jpg": (64, 48)})
    path = tmp_path / "via.json"
    path.write_text(json.dumps(content))
    findings = Findings()
    return read_any(path, findings, ReadOptions(images=images, **options)), findings


def test_all_shapes(tmp_path: Path, make_images: MakeImages) -> None:
    outline = {"name": "polygon", "all_points_x": [5, 25, 25, 5], "all_points_y": [5, 5, 15, 15]}
    ellipse = {"name": "ellipse", "cx": 40, "cy": 24, "rx": 10, "ry": 5, "theta": np.pi / 2}
    regions = [
        region({"name": "point", "cx": 12, "cy": 20}, kind="cat"),
        region({"name": "rect", "x": 10, "y": 20, "width": 20, "height": 4}, kind="cat"),
        region(outline, kind="dog"),
        region({"name": "circle", "cx": 40, "cy": 24, "r": 10.5}, kind="cat"),
        region(ellipse, kind="cat"),
        region({"name": "polyline", "all_points_x": [1, 2], "all_points_y": [1, 2]}, kind="cat"),
        region({"name": "point", "cx": 1, "cy": 1}),
        region({"name": "point"}, kind="cat"),
    ]
    clicks, findings = read(tmp_path, make_images, export(regions))
    point, box, polygon, circle, turned = clicks.clicks
    assert (clicks.images[0].width, clicks.images[0].height) == (64, 48)
    assert point.points == ((12, 20),)
    assert box.box == (10, 20, 30, 24)
    masks = [decode_masks([c.mask])[0] for c in (polygon, circle, turned) if c.mask is not None]
    assert masks[0].sum() == 200
    assert masks[1].sum() == pytest.approx(np.pi * 10.5**2, rel=0.04)
    ys, xs = np.nonzero(masks[2])
    assert np.ptp(ys) > 1.7 * np.ptp(xs)
    text = "\n".join(findings.lines())
    assert "1 x shapes 'polyline' (via.json, a.jpg, region 5)" in text
    assert "1 x regions without the attribute 'kind' (via.json, a.jpg, region 6)" in text
    assert "1 x regions that cannot be read (via.json, a.jpg, region 7" in text


def test_project_with_option_names(tmp_path: Path, make_images: MakeImages) -> None:
    """Options are stored by id; a check box stores all ticked ids."""
    content = {
        "_via_settings": {"project": {"name": "x"}},
        "_via_img_metadata": export(
            [
                region({"name": "point", "cx": 1, "cy": 1}, type="c", note="blurred"),
                region({"name": "point", "cx": 2, "cy": 2}, type={"d": True}, note=""),
            ]
        ),
        "_via_attributes": {
            "region": {
                "type": {"type": "dropdown", "options": {"c": "Cat", "d": ""}},
                "note": {"type": "text"},
            },
            "file": {},
        },
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": ["a.jpg1234"],
    }
    clicks, _ = read(tmp_path, make_images, content)
    assert [c.name for c in clicks.categories] == ["Cat", "d"]


def test_regions_numbered_by_via_1(tmp_path: Path, make_images: MakeImages) -> None:
    regions = {"0": region({"name": "point", "cx": 1, "cy": 2}, label="cat")}
    clicks, _ = read(tmp_path, make_images, export(regions))
    assert clicks.clicks[0].points == ((1, 2),)


def test_the_category_is_asked_for_where_it_is_unclear(
    tmp_path: Path, make_images: MakeImages
) -> None:
    content = export([region({"name": "point", "cx": 1, "cy": 2}, size="big", art="cat")])
    with pytest.raises(ValueError, match=r"found art, size. Say which with --label-key"):
        read(tmp_path, make_images, content)
    clicks, _ = read(tmp_path, make_images, content, label_key="art")
    assert clicks.categories[0].name == "cat"


def test_the_balloon_set(tmp_path: Path, make_images: MakeImages) -> None:
    """VIA 1's export whose regions have no attributes, as the best known of its sets has it."""
    outline = {"name": "polygon", "all_points_x": [5, 25, 25, 5], "all_points_y": [5, 5, 15, 15]}
    content = export({"0": region(outline), "1": region(outline)})
    content["a.jpg1234"] |= {"fileref": "", "base64_img_data": ""}
    with pytest.raises(ValueError, match=r"Name their category with --default-label"):
        read(tmp_path, make_images, content)
    clicks, findings = read(tmp_path, make_images, content, default_label="balloon")
    assert [c.name for c in clicks.categories] == ["balloon"]
    masks = [decode_masks([c.mask])[0] for c in clicks.clicks if c.mask is not None]
    assert [int(mask.sum()) for mask in masks] == [200, 200]
    assert findings.num_skipped == 0


def test_a_default_for_some(tmp_path: Path, make_images: MakeImages) -> None:
    point = {"name": "point", "cx": 1, "cy": 2}
    content = export([region(point, kind="cat"), region(point), region(point, kind="")])
    clicks, findings = read(tmp_path, make_images, content)
    assert len(clicks.clicks) == 1
    assert "noted: 2 x objects without a category; --default-label gives them one" in "\n".join(
        findings.lines()
    )
    clicks, _ = read(tmp_path, make_images, content, default_label="thing")
    assert [c.name for c in clicks.categories] == ["cat", "thing"]
    assert [click.category_id for click in clicks.clicks] == [1, 2, 2]


CSV = (
    "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
    "region_attributes\n"
    'a.jpg,123,"{}",2,0,"{""name"":""rect"",""x"":10,""y"":20,""width"":20,""height"":4}",'
    '"{""kind"":""cat""}"\n'
    'a.jpg,123,"{}",2,1,"{""name"":""point"",""cx"":12,""cy"":20}","{""kind"":""dog""}"\n'
    'b.jpg,99,"{}",0,0,"{}","{}"\n'
)


@pytest.mark.parametrize("mark", ["", "#"])
def test_csv(mark: str, tmp_path: Path, make_images: MakeImages) -> None:
    images = make_images({"a.jpg": (64, 48), "b.jpg": (64, 48)})
    path = tmp_path / "via.csv"
    path.write_text(mark + CSV)
    clicks = read_any(path, Findings(), ReadOptions(images=images))
    box, point = clicks.clicks
    assert box.box == (10, 20, 30, 24)
    assert point.points == ((12, 20),)
    assert [c.name for c in clicks.categories] == ["cat", "dog"]
    assert [i.file_name for i in clicks.images] == ["a.jpg", "b.jpg"]


def test_csv_with_long_outlines(tmp_path: Path, make_images: MakeImages) -> None:
    """One cell of more than 131,072 characters."""
    images = make_images({"a.jpg": (64, 48)})
    xs = [5, 25, 25, 5] + [5] * 50_000
    ys = [5, 5, 15, 15] + [10] * 50_000
    shape = json.dumps({"name": "polygon", "all_points_x": xs, "all_points_y": ys})
    text = shape.replace('"', '""')
    header = CSV.partition("\n")[0]
    path = tmp_path / "via.csv"
    path.write_text(f'{header}\na.jpg,1,"{{}}",1,0,"{text}","{{""kind"":""cat""}}"\n')
    (click,) = read_any(path, Findings(), ReadOptions(images=images)).clicks
    assert click.mask is not None
    assert decode_masks([click.mask])[0].sum() == 200


def test_csv_rows_that_cannot_be_read(tmp_path: Path, make_images: MakeImages) -> None:
    images = make_images({"a.jpg": (64, 48)})
    path = tmp_path / "via.csv"
    rows = ['a.jpg,1,"{}",1,0,name=circle;,"{""kind"":""cat""}"', "a.jpg,1", ',1,{},1,0,"{}","{}"']
    path.write_text(CSV + "\n".join(rows) + "\n")
    clicks, findings = None, Findings()
    clicks = read_any(path, findings, ReadOptions(images=images))
    assert len(clicks.clicks) == 2
    text = "\n".join(findings.lines())
    assert "line 5: expected 'shape_attributes' as an object, found 'name=circle;'" in text
    assert "1 x rows that cannot be read: expected 7 cells (via.csv, line 6: found 2)" in text
    assert "1 x rows without an image (via.csv, line 7)" in text


def test_a_wild_corner_costs_nothing(tmp_path: Path, make_images: MakeImages) -> None:
    far = {"name": "polygon", "all_points_x": [3, 12, 12], "all_points_y": [2, 2, 10**8]}
    clicks, _ = read(tmp_path, make_images, export([region(far, kind="cat")]))
    assert clicks.clicks[0].mask is not None
    mask = decode_masks([clicks.clicks[0].mask])[0]
    assert mask[2:, 4:12].all()  # the triangle fills its columns to the lower border
    assert mask[:, 12:].sum() == 0

"""Exports in the shape that CVAT 2.x writes as "CVAT for images 1.1"."""

from pathlib import Path

import numpy as np
import pytest

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.geometry.rle import decode_masks
from sapnet.structures.clicks import ClickSet
from tests.data.formats.conftest import MakeImages

META = """<meta>
    <task>
      <id>7</id>
      <name>street</name>
      <size>2</size>
      <mode>annotation</mode>
      <labels>
        <label><name>car</name><color>#fa3253</color><type>any</type><attributes></attributes></label>
        <label><name>person</name><color>#24b353</color><type>any</type></label>
      </labels>
    </task>
    <dumped>2026-01-01 10:00:00.000000+00:00</dumped>
  </meta>"""


def read(tmp_path: Path, shapes: str, more: str = "") -> tuple[ClickSet, Findings]:
    (tmp_path / "annotations.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        f"  {META}\n"
        f'  <image id="0" name="sub/a.jpg" width="64" height="48">{shapes}</image>\n'
        f'  <image id="1" name="b.jpg" width="10" height="20"></image>\n{more}</annotations>\n'
    )
    findings = Findings()
    return read_any(tmp_path, findings, ReadOptions()), findings


def test_points_and_labels(tmp_path: Path) -> None:
    shapes = """
    <points label="person" source="manual" occluded="0" points="12.50,20.25" z_order="0">
    </points>
    <points label="car" source="manual" occluded="0" points="1.00,2.00;3.00,4.00" z_order="0">
    </points>"""
    clicks, findings = read(tmp_path, shapes)
    assert [(c.category_id, c.name) for c in clicks.categories] == [(1, "car"), (2, "person")]
    assert [i.file_name for i in clicks.images] == ["sub/a.jpg", "b.jpg"]
    assert [click.points for click in clicks.clicks] == [((12.5, 20.25),), ((1, 2), (3, 4))]
    assert [click.category_id for click in clicks.clicks] == [2, 1]
    assert findings.num_skipped == 0
    assert "shapes of several points, taken for one object" in "".join(findings.lines())


def test_boxes_turn_about_their_centre(tmp_path: Path) -> None:
    shapes = """
    <box label="car" source="manual" occluded="0" xtl="10.0" ytl="20.0" xbr="30.0" ybr="24.0"
      z_order="0"></box>
    <box label="car" source="manual" occluded="0" xtl="10.0" ytl="20.0" xbr="30.0" ybr="24.0"
      rotation="90.0" z_order="0"></box>"""
    clicks, _ = read(tmp_path, shapes)
    assert clicks.clicks[0].box == (10, 20, 30, 24)
    assert clicks.clicks[1].box == pytest.approx((18, 12, 22, 32))


def test_masks_are_rows_of_their_box(tmp_path: Path) -> None:
    """A box of 4 x 3 px at (10, 5): rows 0110, 1111, 0000, background first."""
    shapes = """
    <mask label="car" source="semi-auto" occluded="0" rle="1, 2, 1, 4, 4" left="10" top="5"
      width="4" height="3" z_order="0"></mask>"""
    clicks, _ = read(tmp_path, shapes)
    (click,) = clicks.clicks
    assert click.mask is not None
    mask = decode_masks([click.mask])[0]
    assert mask[5:8, 10:14].tolist() == [[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]]
    assert mask.sum() == 6


def test_polygons_and_ellipses_are_filled(tmp_path: Path) -> None:
    shapes = """
    <polygon label="car" source="manual" occluded="0"
      points="5.00,5.00;25.00,5.00;25.00,15.00;5.00,15.00" z_order="0"></polygon>
    <ellipse label="car" source="manual" occluded="0" cx="40.0" cy="24.0" rx="10.0" ry="5.0"
      z_order="0"></ellipse>"""
    clicks, _ = read(tmp_path, shapes)
    areas = [decode_masks([c.mask])[0].sum() for c in clicks.clicks if c.mask is not None]
    assert areas[0] == 200
    assert areas[1] == pytest.approx(np.pi * 50, rel=0.03)


def test_a_group_of_one_label_is_one_object(tmp_path: Path) -> None:
    shapes = """
    <points label="car" source="manual" occluded="0" points="12.00,20.00" z_order="0" group_id="3">
    </points>
    <box label="car" source="manual" occluded="0" xtl="10.0" ytl="15.0" xbr="30.0" ybr="24.0"
      z_order="0" group_id="3"></box>
    <points label="person" source="manual" occluded="0" points="13.00,21.00" z_order="0"
      group_id="3"></points>"""
    clicks, _ = read(tmp_path, shapes)
    car, person = clicks.clicks
    assert car.points == ((12, 20),)
    assert car.box == (10, 15, 30, 24)
    assert person.points == ((13, 21),)


def test_what_cannot_be_taken_is_named(tmp_path: Path) -> None:
    shapes = """
    <tag label="car" source="manual"></tag>
    <polyline label="car" source="manual" occluded="0" points="1,1;2,2" z_order="0"></polyline>
    <skeleton label="person" source="manual" z_order="0">
      <points label="nose" source="manual" outside="0" occluded="0" points="5.0,5.0"></points>
    </skeleton>
    <cuboid label="car" occluded="0" xtl1="1" ytl1="1"></cuboid>
    <mask label="car" rle="1, 2" left="0" top="0" width="9" height="9"></mask>
    <blob label="car"></blob>
    <points label="car" occluded="1" points="5.0,6.0">
      <attribute name="colour">red</attribute></points>
    """
    track = '<track id="0" label="car"><box frame="0" xtl="1" ytl="1" xbr="2" ybr="2"/></track>'
    clicks, findings = read(tmp_path, shapes, track)
    assert [click.points for click in clicks.clicks] == [((5, 6),)]
    text = "\n".join(findings.lines())
    for what in (
        "1 x shapes <tag> (annotations.xml, image 0 (sub/a.jpg), shape 1)",
        "1 x shapes <polyline>",
        "1 x shapes <skeleton>",
        "1 x shapes <cuboid>",
        "1 x shapes <mask> that cannot be read",
        "1 x unknown shapes <blob>",
        "1 x tracks of a video",
        "noted: 1 x attributes 'colour'",
        "noted: 1 x images without an object, kept as empty (b.jpg)",
    ):
        assert what in text
    assert findings.num_skipped == 7


def test_no_cvat_file(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<annotation/>")
    with pytest.raises(ValueError, match=r"expected CVAT's <annotations>, found <annotation>"):
        read_any(tmp_path / "a.xml", Findings(), ReadOptions("cvat"))
    (tmp_path / "a.xml").write_text("<annotations>")
    with pytest.raises(ValueError, match=r"expected xml"):
        read_any(tmp_path / "a.xml", Findings())


PROJECT = """<annotations><version>1.1</version><meta><project><tasks>
<task><id>1</id><original_size><width>64</width><height>48</height></original_size></task>
<task><id>2</id><original_size><width>32</width><height>24</height></original_size></task>
</tasks></project></meta>{}</annotations>"""


def test_images_of_a_project_lie_in_their_subset(tmp_path: Path, make_images: MakeImages) -> None:
    """Both subsets have an a.jpg; the archive holds images/train/a.jpg and images/val/a.jpg."""
    image = (
        '<image id="{}" name="a.jpg" subset="{}" task_id="{}" width="64" height="48">'
        '<points label="car" points="{},5.0"/></image>'
    )
    both = image.format(0, "train", 1, 11) + image.format(0, "val", 2, 22)
    path = tmp_path / "annotations.xml"
    path.write_text(PROJECT.format(both))
    clicks = read_any(path, Findings(), ReadOptions())
    assert [i.file_name for i in clicks.images] == ["train/a.jpg", "val/a.jpg"]
    images = make_images({"train/a.jpg": (64, 48), "val/a.jpg": (64, 48)})
    clicks = read_any(path, Findings(), ReadOptions(images=images))
    names = {i.image_id: i.file_name for i in clicks.images}
    found = [(names[click.image_id], click.point) for click in clicks.clicks]
    assert found == [("train/a.jpg", (11, 5)), ("val/a.jpg", (22, 5))]


def test_one_file_for_two_subsets_is_refused(tmp_path: Path, make_images: MakeImages) -> None:
    images = "".join(
        f'<image id="0" name="a.jpg" subset="{s}" width="64" height="48"/>' for s in ("t", "v")
    )
    path = tmp_path / "annotations.xml"
    path.write_text(PROJECT.format(images))
    folder = make_images({"a.jpg": (64, 48)})
    with pytest.raises(ValueError, match=r"'v/a.jpg' and 't/a.jpg' both lead to a.jpg"):
        read_any(path, Findings(), ReadOptions(images=folder))


TRACKS = """
<track id="0" label="car" task_id="{task}" subset="{subset}">
  <box frame="0" keyframe="1" outside="0" occluded="0" xtl="1" ytl="2" xbr="11" ybr="12"/>
  <box frame="1" keyframe="0" outside="0" occluded="0" xtl="2" ytl="2" xbr="12" ybr="12"/>
  <box frame="12" keyframe="1" outside="0" occluded="0" xtl="3" ytl="2" xbr="13" ybr="12"/>
  <box frame="13" keyframe="1" outside="1" occluded="0" xtl="4" ytl="2" xbr="14" ybr="12"/>
</track>
<track id="1" label="person" task_id="{task}" subset="{subset}">
  <points frame="12" keyframe="1" outside="0" occluded="0" points="5.0,6.0"/>
</track>"""


def test_key_frames_on_request(tmp_path: Path, make_images: MakeImages) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text(PROJECT.format(TRACKS.format(task=2, subset="train")))
    with pytest.raises(ValueError, match=r"found 2 tracks of a video. Say --key-frames"):
        read_any(path, Findings(), ReadOptions())
    findings = Findings()
    clicks = read_any(path, findings, ReadOptions(key_frames=True))
    assert [(i.file_name, i.width, i.height) for i in clicks.images] == [
        ("train/frame_000000.PNG", 32, 24),
        ("train/frame_000012.PNG", 32, 24),
    ]
    assert [click.box for click in clicks.clicks] == [(1, 2, 11, 12), (3, 2, 13, 12), None]
    assert clicks.clicks[2].points == ((5, 6),)
    assert clicks.clicks[1].image_id == clicks.clicks[2].image_id
    assert findings.num_skipped == 0
    assert "noted: 1 x frames of tracks between the key frames, left out" in findings.lines()[0]
    images = make_images({"train/frame_000000.jpg": (32, 24), "train/frame_000012.jpg": (32, 24)})
    clicks = read_any(path, Findings(), ReadOptions(images=images, key_frames=True))
    assert [i.file_name for i in clicks.images][1] == "train/frame_000012.jpg"


def test_values_that_are_none(tmp_path: Path) -> None:
    shapes = """
    <points label="car" points="1,2;3"/><box label="car" xtl="a" ytl="1" xbr="2" ybr="3"/>
    <box xtl="1" ytl="1" xbr="2" ybr="3"/><box label="car" xtl="1" xbr="2" ybr="3"/>
    <mask label="car" rle="1, 2, 99999999999" left="0" top="0" width="4" height="1"/>
    <ellipse label="car" cx="5" cy="5" rx="2" ry="2" rotation="left"/>
    <mask label="car" rle="0, 900000000" left="0" top="0" width="30000" height="30000"/>"""
    clicks, findings = read(tmp_path, shapes)
    assert clicks.clicks == ()
    text = "\n".join(entry.place for entry in findings.entries if entry.kind == "skipped")
    for what in (
        "shape 1: attribute 'points': expected x,y, found '3'",
        "shape 2: attribute 'xtl': expected a number within +-1e+09, found 'a'",
        "shape 3: expected 'label' as text, found None",
        "shape 4: expected the attribute 'ytl', found none",
        "shape 5: attribute 'rle': expected a whole number from 0 to 4, found ' 99999999999'",
        "shape 6: attribute 'rotation': expected a number within +-1e+09, found 'left'",
        "shape 7: expected a mask of at most 134217728 px, found 30000 x 30000",
    ):
        assert what in text


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ('<image id="3" width="64" height="48"/>', "image 3: expected 'name' as text, found None"),
        ('<image id="3" name="a.jpg" width="64" height="-1"/>', "from 1 to 1000000, found '-1'"),
        ('<image id="3" name="a.jpg" width="x" height="9"/>', "from 1 to 1000000, found 'x'"),
        ('<image id="3" name="a.jpg" width="1000000" height="1000000"/>', "of 1 to 4294967295"),
        (2 * '<image id="3" name="a.jpg" width="64" height="48"/>', "'a.jpg' is listed twice"),
        ("", "expected at least one image"),
    ],
)
def test_wrong_images(image: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text(f"<annotations><version>1.1</version>{image}</annotations>")
    with pytest.raises(ValueError, match=message):
        read_any(path, Findings(), ReadOptions())

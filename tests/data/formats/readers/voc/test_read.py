from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.formats.detect import detect_format
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.readers.voc.colors import color_map
from sapnet.geometry.rle import decode_masks
from sapnet.structures.clicks import ClickSet

XML = """<annotation>
  <folder>VOC2012</folder><filename>a.jpg</filename>
  <size><width>64</width><height>48</height><depth>3</depth></size>
  <segmented>1</segmented>
  <object><name>dog</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>
    <bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30</xmax><ymax>24</ymax></bndbox></object>
  <object><name>cat</name>
    <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>64</xmax><ymax>48</ymax></bndbox></object>
  <object><name>cat</name><bndbox><xmin>one</xmin></bndbox></object>
</annotation>
"""


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text(XML)
    (tmp_path / "Annotations" / "other.xml").write_text("<something/>")
    return tmp_path


def test_boxes_count_from_one(data_set: Path) -> None:
    findings = Findings()
    clicks = read_any(data_set, findings)
    assert [c.name for c in clicks.categories] == ["dog", "cat"]
    assert [click.box for click in clicks.clicks] == [(10, 20, 30, 24), (0, 0, 64, 48)]
    text = "\n".join(findings.lines())
    assert "1 x objects without a box (a.xml, object 3)" in text
    assert "1 x xml files that are not Pascal VOC's (other.xml)" in text


def test_masks_of_segmentation_object(data_set: Path) -> None:
    """Value k is the object with number k; 255 is the border, which belongs to none."""
    numbers = np.zeros((48, 64), np.uint8)
    numbers[20:24, 10:30] = 1
    numbers[40:, :10] = 2
    numbers[0] = 255
    (data_set / "SegmentationObject").mkdir()
    Image.fromarray(numbers).save(data_set / "SegmentationObject" / "a.png")
    clicks = read_any(data_set, Findings())
    areas = [decode_masks([c.mask])[0].sum() for c in clicks.clicks if c.mask is not None]
    assert areas == [80, 80]


def test_one_file(data_set: Path) -> None:
    assert len(read_any(data_set / "Annotations" / "a.xml", Findings()).clicks) == 2


def save_rgb(path: Path, numbers: np.ndarray, colors: np.ndarray | None = None) -> None:
    """As CVAT and Datumaro write mask images: in color, without a palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = (color_map() if colors is None else colors)[numbers]
    Image.fromarray(picture.astype(np.uint8)).save(path)


NUMBERS = np.zeros((48, 64), np.uint8)
NUMBERS[20:24, 10:30] = 1
NUMBERS[40:, :10] = 2
NUMBERS[0] = 255
CVAT_LABELS = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\ndog:4,5,6::\n"
CVAT_COLORS = np.array([[0, 0, 0], [250, 50, 83], [4, 5, 6]])


@pytest.fixture
def cvat_export(tmp_path: Path) -> Path:
    """ "Segmentation mask 1.1" of CVAT: no xml, an image in a list without an object."""
    save_rgb(tmp_path / "SegmentationObject" / "a.png", NUMBERS)
    classes = np.where(NUMBERS == 1, 2, np.where(NUMBERS == 2, 1, 0))
    save_rgb(tmp_path / "SegmentationClass" / "a.png", classes, CVAT_COLORS)
    (tmp_path / "ImageSets" / "Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Segmentation" / "default.txt").write_text("a\nempty\n")
    (tmp_path / "labelmap.txt").write_text(CVAT_LABELS)
    return tmp_path


def areas(clicks: ClickSet) -> list[tuple[str, int]]:
    names = {c.category_id: c.name for c in clicks.categories}
    return [
        (names[c.category_id], 0 if c.mask is None else int(decode_masks([c.mask])[0].sum()))
        for c in clicks.clicks
    ]


def test_masks_in_color_are_those_of_the_color_map(data_set: Path) -> None:
    save_rgb(data_set / "SegmentationObject" / "a.png", NUMBERS)
    assert areas(read_any(data_set, Findings())) == [("dog", 80), ("cat", 80)]


def test_segmentation_masks_of_cvat(cvat_export: Path) -> None:
    assert detect_format(cvat_export).name == "voc"
    images = cvat_export / "images"
    for name in ("a.png", "empty.jpg"):
        images.mkdir(exist_ok=True)
        Image.new("RGB", (64, 48)).save(images / name)
    findings = Findings()
    clicks = read_any(cvat_export, findings, ReadOptions(images=images))
    assert [i.file_name for i in clicks.images] == ["a.png", "empty.jpg"]
    assert areas(clicks) == [("dog", 80), ("cat", 80)]
    assert findings.num_skipped == 0
    without = read_any(cvat_export, Findings())
    assert [(i.file_name, i.height, i.width) for i in without.images] == [("a.jpg", 48, 64)]


def test_an_empty_folder_of_images(cvat_export: Path) -> None:
    """Datumaro makes one if it saves no images."""
    (cvat_export / "JPEGImages").mkdir()
    assert areas(read_any(cvat_export, Findings())) == [("dog", 80), ("cat", 80)]


def test_masks_without_a_class(cvat_export: Path) -> None:
    (cvat_export / "SegmentationClass" / "a.png").unlink()
    findings = Findings()
    assert read_any(cvat_export, findings).clicks == ()
    assert "2 x masks without a class in SegmentationClass" in "\n".join(findings.lines())


def test_classes_without_a_labelmap_are_those_of_voc(cvat_export: Path) -> None:
    (cvat_export / "labelmap.txt").unlink()
    classes = np.where(NUMBERS == 1, 12, np.where(NUMBERS == 2, 8, 0))
    save_rgb(cvat_export / "SegmentationClass" / "a.png", classes)
    findings = Findings()
    assert areas(read_any(cvat_export, findings)) == [("dog", 80), ("cat", 80)]
    assert "classes named as VOC's 20" in "\n".join(findings.lines())


def test_masks_of_classes_alone_are_refused(cvat_export: Path) -> None:
    (cvat_export / "SegmentationObject" / "a.png").rename(cvat_export / "b.png")
    (cvat_export / "SegmentationObject").rmdir()
    with pytest.raises(ValueError, match=r"SegmentationClass alone, which does not tell"):
        read_any(cvat_export, Findings(), ReadOptions("voc"))


def test_masks_beside_an_xml_without_their_objects(data_set: Path) -> None:
    """Datumaro's xml lists boxes alone; its masks have numbers of their own."""
    xml = (data_set / "Annotations" / "a.xml").read_text()
    start, end = xml.index("  <object>"), xml.index("</annotation>")
    (data_set / "Annotations" / "a.xml").write_text(xml[:start] + xml[end:])
    save_rgb(data_set / "SegmentationObject" / "a.png", NUMBERS)
    classes = np.where(NUMBERS == 1, 12, np.where(NUMBERS == 2, 8, 0))
    save_rgb(data_set / "SegmentationClass" / "a.png", classes)
    assert areas(read_any(data_set, Findings())) == [("dog", 80), ("cat", 80)]


def test_masks_of_other_numbers_go_to_the_object_at_their_place(data_set: Path) -> None:
    """Number 1 lies on the second object: the boxes decide, and it is said."""
    numbers = np.zeros((48, 64), np.uint8)
    numbers[:, :] = 1
    numbers[20:24, 10:30] = 2
    save_rgb(data_set / "SegmentationObject" / "a.png", numbers)
    classes = np.where(numbers == 2, 12, 8)
    save_rgb(data_set / "SegmentationClass" / "a.png", classes)
    findings = Findings()
    assert areas(read_any(data_set, findings)) == [("dog", 80), ("cat", 48 * 64 - 80)]
    assert "masks joined to boxes by their place, not by number (a.xml)" in "\n".join(
        findings.lines()
    )


def test_a_mask_beyond_the_objects_is_named(data_set: Path) -> None:
    numbers = NUMBERS.copy()
    numbers[30:34, 40:44] = 7
    save_rgb(data_set / "SegmentationObject" / "a.png", numbers)
    findings = Findings()
    read_any(data_set, findings)
    text = "\n".join(findings.lines())
    assert "1 x masks without an object in the xml and without a class (a.xml, mask 7)" in text


def test_boxes_that_count_from_zero(data_set: Path) -> None:
    """Datumaro and CVAT count pixels from 0; a box that begins there shows it."""
    path = data_set / "Annotations" / "a.xml"
    path.write_text(
        path.read_text().replace("<xmin>1</xmin><ymin>1</ymin>", "<xmin>0</xmin><ymin>0</ymin>")
    )
    findings = Findings()
    boxes = [click.box for click in read_any(data_set, findings).clicks]
    assert boxes == [(11, 21, 30, 24), (0, 0, 64, 48)]
    assert "boxes that count pixels from 0" in "\n".join(findings.lines())


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("<name>dog</name>", "", "objects without a name"),
        ("<name>dog</name>", "<name> </name>", "objects without a name"),
        ("<xmin>11</xmin>", "<xmin>nan</xmin>", "objects without a box"),
        ("<xmin>11</xmin>", "<xmin>1e999</xmin>", "objects without a box"),
        ("<xmin>11</xmin>", "<xmin>999</xmin>", "boxes without area inside"),
        ("<bndbox><xmin>11</xmin>", "<bndbox>", "objects without a box"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, what: str, data_set: Path) -> None:
    path = data_set / "Annotations" / "a.xml"
    path.write_text(path.read_text().replace(old, new))
    findings = Findings()
    read_any(data_set, findings)
    lines = [line for line in findings.lines() if line.startswith("skipped")]
    assert any(what in line and "a.xml, object 1" in line for line in lines)


@pytest.mark.parametrize("size", ["wide", "", "-5", "nan", "1e999"])
def test_a_size_that_is_none(size: str, data_set: Path) -> None:
    path = data_set / "Annotations" / "a.xml"
    path.write_text(path.read_text().replace("<width>64</width>", f"<width>{size}</width>"))
    with pytest.raises(ValueError, match=r"a\.xml: expected the size of 'a\.jpg'.*--images"):
        read_any(data_set, Findings())


def test_a_mask_image_that_cannot_be_read(data_set: Path) -> None:
    (data_set / "SegmentationObject").mkdir()
    (data_set / "SegmentationObject" / "a.png").write_bytes(b"no png")
    findings = Findings()
    clicks = read_any(data_set, findings)
    assert all(click.mask is None for click in clicks.clicks)
    assert "mask images that cannot be read" in "\n".join(findings.lines())

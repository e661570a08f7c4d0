from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import read_any
from sapnet.geometry.rle import decode_masks

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

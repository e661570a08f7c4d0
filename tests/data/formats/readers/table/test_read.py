import re
from pathlib import Path

import pytest

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.structures.clicks import ClickSet

OPTIONS = ReadOptions("csv")


def read(tmp_path: Path, text: str) -> tuple[ClickSet, Findings]:
    path = tmp_path / "clicks.csv"
    path.write_text(text, encoding="utf-8")
    findings = Findings()
    return read_any(path, findings, OPTIONS), findings


def test_plain(tmp_path: Path) -> None:
    text = (
        "image,x,y,category,image_width,image_height\n"
        "a.jpg,1.5,2.5,cat,64,48\nb.jpg,3,4,dog,10,10\n"
    )
    clicks, findings = read(tmp_path, text)
    assert [(i.file_name, i.width, i.height) for i in clicks.images] == [
        ("a.jpg", 64, 48),
        ("b.jpg", 10, 10),
    ]
    assert [click.points for click in clicks.clicks] == [((1.5, 2.5),), ((3, 4),)]
    assert findings.entries == []


def test_other_headers_and_separators(tmp_path: Path) -> None:
    text = (
        "\ufeffFile Name;Class;Point_X;Point_Y;image_width;image_height;who\n"
        "a b.jpg;cat;1;2;64;48;me\n"
    )
    clicks, findings = read(tmp_path, text)
    assert clicks.images[0].file_name == "a b.jpg"
    assert clicks.clicks[0].points == ((1, 2),)
    assert findings.lines() == [
        "noted: 1 x columns that clicks do not hold (clicks.csv, column 'who')"
    ]


def test_objects_negatives_and_boxes(tmp_path: Path) -> None:
    text = (
        "image,width,height,category,object,negative,x,y,xmin,ymin,xmax,ymax\n"
        "a.jpg,64,48,cat,1,0,5,6,2,3,20,30\n"
        "a.jpg,64,48,cat,1,,7,8,,,,\n"
        "a.jpg,64,48,cat,1,1,60,40,,,,\n"
        "a.jpg,64,48,cat,2,0,,,30,30,40,40\n"
    )
    clicks, _ = read(tmp_path, text)
    first, second = clicks.clicks
    assert first.points == ((5, 6), (7, 8))
    assert first.negative_points == ((60, 40),)
    assert first.box == (2, 3, 20, 30)
    assert second.box == (30, 30, 40, 40)
    assert second.points == ((35, 35),)


def test_rows_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    text = (
        "image,width,height,category,x,y,negative\n"
        "a.jpg,64,48,cat,one,2,\n"
        ",64,48,cat,1,2,\n"
        "a.jpg,64,48,cat,1,2,perhaps\n"
        "a.jpg,64,48,cat,1,2,1\n"
        "a.jpg,64,48,cat,nan,2,\n"
        "a.jpg,64,48,cat,100,2,\n"
        "b.jpg,64,48,,,,\n"
    )
    clicks, findings = read(tmp_path, text)
    assert clicks.clicks == ()
    assert [i.file_name for i in clicks.images] == ["a.jpg", "b.jpg"]
    text = "\n".join(findings.lines())
    assert "4 x rows that cannot be read (clicks.csv, line 2: expected a number as 'x'" in text
    assert "1 x rows without an image (clicks.csv, line 3)" in text
    assert "1 x points outside their image (clicks.csv, line 7: (100, 2) on 64 x 48)" in text


@pytest.mark.parametrize("header", ["image,x,y", "x,y,category", "image,category,x", ""])
def test_missing_columns(header: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected the columns image, x, y and category"):
        read(tmp_path, header + "\n")


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    page = Path(__file__).parents[5] / "docs" / "formats.md"
    (example,) = re.findall(r"```text\n(image,x,y.*?)```", page.read_text("utf-8"), re.DOTALL)
    clicks, findings = read(tmp_path, example)
    assert [(len(c.points), len(c.negative_points)) for c in clicks.clicks] == [(1, 1), (1, 0)]
    assert [i.file_name for i in clicks.images] == ["street.jpg", "park/dog.jpg"]
    assert findings.entries == []

import re
from pathlib import Path

import pytest

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.readers.table.columns import SizeQuestionError
from sapnet.structures.clicks import ClickSet
from tests.data.formats.conftest import MakeImages

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


def test_sides_are_boxes(tmp_path: Path) -> None:
    """Never clicks at a corner, never the size of the image."""
    for header in ("image,x,y,w,h,label", "image,x,y,width,height,label"):
        text = f"{header},image_width,image_height\na.jpg,10,5,20,30,cat,64,48\n"
        clicks, _ = read(tmp_path, text)
        (click,) = clicks.clicks
        assert click.box == (10, 5, 30, 35)
        assert click.points == ((20, 20),)
        assert (clicks.images[0].width, clicks.images[0].height) == (64, 48)


def test_boxes_by_their_center(tmp_path: Path) -> None:
    text = "image,label,xc,yc,w,h,img_width,img_height\na.jpg,cat,20,20,10,20,64,48\n"
    clicks, _ = read(tmp_path, text)
    assert clicks.clicks[0].box == (15, 10, 25, 30)


def test_unclear_sizes(tmp_path: Path, make_images: MakeImages) -> None:
    text = "image,x,y,label,width,height\na.jpg,10,5,cat,20,30\n"
    with pytest.raises(SizeQuestionError, match=r"clicks.csv: the columns image, x, y, label"):
        read(tmp_path, text)
    images = make_images({"a.jpg": (64, 48)})
    path = tmp_path / "clicks.csv"
    options = ReadOptions("csv", images=images, size_columns="box")
    assert read_any(path, Findings(), options).clicks[0].box == (10, 5, 30, 35)
    with pytest.raises(SizeQuestionError):
        read_any(path, Findings(), ReadOptions("csv", images=images))
    # Where they are the sizes of the images at hand, nothing is unclear.
    path.write_text("image,x,y,label,width,height\na.jpg,10,5,cat,64,48\na.jpg,9,9,cat,64,48\n")
    clicks = read_any(path, Findings(), ReadOptions("csv", images=images))
    assert [click.points for click in clicks.clicks] == [((10, 5),), ((9, 9),)]
    assert clicks.clicks[0].box is None


def test_sizes_that_differ_are_no_sizes(tmp_path: Path) -> None:
    text = "image,width,height,x,y,label\na.jpg,64,48,1,2,cat\na.jpg,20,30,5,6,cat\n"
    with pytest.raises(ValueError, match=r"line 3: expected one size of 'a.jpg', found 64 x 48"):
        read(tmp_path, text)


def test_make_sense(tmp_path: Path) -> None:
    clicks, findings = read(tmp_path, "dog,10,5,20,30,a.jpg,64,48\ncat,1,2,3,4,b.jpg,10,10\n")
    assert [click.box for click in clicks.clicks] == [(10, 5, 30, 35), (1, 2, 4, 6)]
    assert [c.name for c in clicks.categories] == ["dog", "cat"]
    assert "noted: 1 x a table without a header, read as MakeSense's" in findings.lines()[0]
    clicks, _ = read(tmp_path, "dog,10,5,a.jpg,64,48\n")
    assert clicks.clicks[0].points == ((10, 5),)
    assert clicks.clicks[0].box is None
    with pytest.raises(ValueError, match=r"line 1: .* as in MakeSense's export of lines"):
        read(tmp_path, "dog,10,5,60,40,a.jpg,64,48\n")


def test_the_category_of_all_rows(tmp_path: Path) -> None:
    text = "image,x,y,image_width,image_height\na.jpg,1,2,64,48\nb.jpg,,,64,48\n"
    with pytest.raises(ValueError, match=r"name the category with --default-label"):
        read(tmp_path, text)
    (tmp_path / "clicks.csv").write_text(text)
    options = ReadOptions("csv", default_label="balloon")
    clicks = read_any(tmp_path / "clicks.csv", Findings(), options)
    assert [c.name for c in clicks.categories] == ["balloon"]
    assert len(clicks.clicks) == 1
    assert len(clicks.images) == 2


def test_rows_without_a_category_are_named(tmp_path: Path) -> None:
    text = "image,x,y,label_name,image_width,image_height\na.jpg,1,2,,64,48\na.jpg,3,4,cat,64,48\n"
    clicks, findings = read(tmp_path, text)
    assert [click.points for click in clicks.clicks] == [((3, 4),)]
    assert "line 2: expected a category; name it with --default-label" in findings.lines()[0]


def test_shares_of_the_size_are_no_pixels(tmp_path: Path) -> None:
    text = "image,x,y,label,image_width,image_height\na.jpg,0.25,0.5,cat,64,48\n"
    with pytest.raises(ValueError, match=r"expected coordinates in pixels, but all are between 0"):
        read(tmp_path, text)


def test_a_column_twice(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected every column once, found x more often"):
        read(tmp_path, "image,x,y,X,label\na.jpg,1,2,3,cat\n")


def test_only_a_header(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected at least one image, found none"):
        read(tmp_path, "image,x,y,label\n")

import pytest

from sapnet.data.formats.readers.table.columns import (
    SizeQuestionError,
    find_columns,
    guess_header,
    repeated_columns,
)


def named(header: str, *, sizes: str = "ask") -> dict[str, object]:
    """The columns of a header by their meaning, with names in place of positions."""
    names = tuple(header.split(","))
    columns = find_columns(names, sizes)  # type: ignore[arg-type]
    assert columns is not None
    found: dict[str, object] = {}
    for key in ("click", "box", "size"):
        places = getattr(columns, key)
        if places is not None:
            found[key] = [names[place] for place in places]
    if "box" in found:
        found["kind"] = columns.box_kind
    return found


XYWH = ["x", "y", "w", "h"]
XYWIDTH = ["x", "y", "width", "height"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("image,x,y,label", {"click": ["x", "y"]}),
        ("image,x,y,w,h,label", {"box": XYWH, "kind": "sides"}),
        ("image,label,x,y,width,height", {"box": XYWIDTH, "kind": "sides"}),
        ("filename,x,y,width,height,class,object", {"box": XYWIDTH, "kind": "sides"}),
        (
            "image,x,y,width,height,label,image_width,image_height",
            {"box": XYWIDTH, "kind": "sides", "size": ["image_width", "image_height"]},
        ),
        ("image,x,y,w,h,label,width,height", {"box": XYWH, "kind": "sides", "size": XYWIDTH[2:]}),
        (
            "filename,width,height,class,xmin,ymin,xmax,ymax",
            {"box": ["xmin", "ymin", "xmax", "ymax"], "kind": "corners", "size": XYWIDTH[2:]},
        ),
        (
            "image,left,top,width,height,label",
            {"box": ["left", "top", "width", "height"], "kind": "sides"},
        ),
        (
            "image,label,x_center,y_center,width,height",
            {"box": ["x_center", "y_center", "width", "height"], "kind": "centre"},
        ),
        ("image,x0,y0,x1,y1,label", {"box": ["x0", "y0", "x1", "y1"], "kind": "corners"}),
        ("image,x1,y1,x2,y2,label", {"box": ["x1", "y1", "x2", "y2"], "kind": "corners"}),
        ("image,x1,y1,w,h,label", {"box": ["x1", "y1", "w", "h"], "kind": "sides"}),
        ("image,label,cx,cy,w,h", {"box": ["cx", "cy", "w", "h"], "kind": "centre"}),
        ("image,label,cx,cy", {"click": ["cx", "cy"]}),
        (
            "image,point_x,point_y,x,y,w,h,label",
            {"click": ["point_x", "point_y"], "box": XYWH, "kind": "sides"},
        ),
        (
            "image,x,y,category,object,negative,width,height",
            {"click": ["x", "y"], "size": XYWIDTH[2:]},
        ),
        ("image,width,height,x,y,label", {"click": ["x", "y"], "size": XYWIDTH[2:]}),
        (
            "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height",
            {
                "box": ["bbox_x", "bbox_y", "bbox_width", "bbox_height"],
                "kind": "sides",
                "size": ["image_width", "image_height"],
            },
        ),
    ],
)
def test_meaning(header: str, expected: dict[str, object]) -> None:
    assert named(header) == expected


def test_unclear_sizes_are_asked_for() -> None:
    header = "image,x,y,label,width,height"
    with pytest.raises(SizeQuestionError, match=r"Say --size-columns image or --size-columns box"):
        named(header)
    assert named(header, sizes="image") == {"click": ["x", "y"], "size": ["width", "height"]}
    assert named(header, sizes="box") == {"box": XYWIDTH, "kind": "sides"}
    assert named("image,x,y,width,height", sizes="image") == {
        "click": ["x", "y"],
        "size": ["width", "height"],
    }


@pytest.mark.parametrize("header", ["x,y,label", "image,label", "image,x,label", "image,w,h", ""])
def test_too_little(header: str) -> None:
    assert find_columns(tuple(header.split(","))) is None


def test_headers_in_any_case_and_the_rest() -> None:
    columns = find_columns(("#File Name", "Label-Name", " X", "Y ", "who"))
    assert columns is not None
    assert columns.known == {0, 1, 2, 3}
    assert (columns.image, columns.category, columns.click) == (0, 1, (2, 3))
    assert repeated_columns(("X", "x ", "File Name", "file_name", "", "")) == ["x", "file_name"]


def test_make_sense_has_no_header() -> None:
    boxes = ("dog", "12", "30", "40", "50", "a.jpg", "640", "480")
    points = ("dog", "12", "30", "a b.jpeg", "640", "480")
    assert guess_header(boxes) is not None
    assert (guess_header(points) or ())[1:3] == ("point_x", "point_y")
    assert guess_header(("dog", "12", "30", "40", "50", "640", "480", "a.jpg")) is None
    assert guess_header(("label", "x", "y", "w", "h", "image.png", "width", "height")) is None
    assert guess_header(()) is None

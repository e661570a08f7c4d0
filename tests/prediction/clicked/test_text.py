from __future__ import annotations

import pytest

from sapnet.prediction.clicked.text import ObjectPrompt, parse_box, parse_object


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("320,240", ObjectPrompt(((320, 240),))),
        ("320.5,.25,tea cup", ObjectPrompt(((320.5, 0.25),), label="tea cup")),
        ("1,2,no-entry+sign", ObjectPrompt(((1, 2),), label="no-entry+sign")),
        ("1,2,3d printer", ObjectPrompt(((1, 2),), label="3d printer")),
        ("1,2+3,4-5,6+7,8", ObjectPrompt(((1, 2), (3, 4), (7, 8)), ((5, 6),))),
        ("1,2-3,4@0,0,9.5,8,cup", ObjectPrompt(((1, 2),), ((3, 4),), (0, 0, 9.5, 8), "cup")),
    ],
)
def test_objects(text: str, expected: ObjectPrompt) -> None:
    assert parse_object(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "320", "320,", "a,b", "1,2,3", "1,2,3,4", "1,2,", "1,2+3", "1;2", "1,2@3,4", "nan,1"],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected x,y\[\+x,y \.\.\.\].*, found '"):
        parse_object(text)


def test_the_center_of_a_box_stands_for_its_click() -> None:
    assert parse_box("10,20,30,60,cup") == ObjectPrompt(((20, 40),), (), (10, 20, 30, 60), "cup")
    with pytest.raises(ValueError, match=r"expected x1,y1,x2,y2\[,class\]"):
        parse_box("10,20,30")
    with pytest.raises(ValueError, match="expected a box with x1 < x2 and y1 < y2"):
        parse_box("30,20,10,60")

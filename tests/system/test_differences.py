from __future__ import annotations

from sapnet.system.differences import differences


def test_equal_values_have_no_differences() -> None:
    assert differences({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}) == []


def test_each_differing_value_has_a_line_with_its_dotted_name() -> None:
    found = {"a": {"b": 1, "c": 2}, "only there": 3}
    wanted = {"a": {"b": 1, "c": None}, "only now": [4]}
    assert differences(found, wanted) == [
        "a.c is 2 there and None now",
        "only now is None there and [4] now",
        "only there is 3 there and None now",
    ]


def test_the_text_of_a_line_can_be_chosen() -> None:
    lines = differences({"a": "x"}, {"a": "y"}, line="{name}: {found!r}, {wanted}")
    assert lines == ["a: 'x', y"]

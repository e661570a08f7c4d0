from pathlib import Path

import pytest

from sapnet.data.formats.fields import Fields, brief, parse_number, parse_whole
from sapnet.data.problems import RecordError
from sapnet.system.outside import MAX_TEXT, is_text, shown


def fields(**content: object) -> Fields:
    return Fields(Path("dir/a.json"), "task 1", content)


def test_right_values() -> None:
    found = fields(n=1.5, s=20.0, t="a", o={"k": 1}, p=[[1, 2]], l=[1, 2.5], r=[{"k": 2}], z=None)
    assert (found.number("n"), found.side("s"), found.text("t")) == (1.5, 20, "a")
    assert found.inner("o").number("k") == 1
    assert found.points("p") == ((1.0, 2.0),)
    assert found.numbers("l") == [1.0, 2.5]
    (record,) = found.records("r", "part")
    assert (record.number("k"), record.where) == (2, "a.json, task 1, part 0")
    assert not found.has("z")
    assert (found.number("z", 3.0), found.text("absent", "d")) == (3.0, "d")
    assert (found.inner("absent").content, found.entries("absent")) == ({}, [])


@pytest.mark.parametrize(
    "value", [None, "1", True, [], {}, float("nan"), float("inf"), 2**70, -(2**70), 1e300]
)
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(RecordError, match=r"^dir/a.json, task 1: expected 'x' as a number") as info:
        fields(x=value).number("x")
    assert info.value.detail.endswith(f"found {shown(value)}. Correct it, or drop the record.")
    assert brief(info.value) == f"expected 'x' as a number within +-1e+09, found {shown(value)}"


def test_other_wrong_values() -> None:
    wrong = fields(s=0, t="", o=[], p=[[1, 2, 3]], r=[{}, 1], h=1.5)
    for read, expected in (
        (lambda: wrong.side("s"), "'s' as a whole number of pixels from 1 to 1000000, found 0"),
        (lambda: wrong.side("h"), "found 1.5"),
        (lambda: wrong.text("t"), "'t' as text of at most 1000 characters, found ''"),
        (lambda: wrong.text("u"), "'u' as text of at most 1000 characters, found no such key"),
        (lambda: wrong.inner("o"), r"'o' as an object, found \[\]"),
        (lambda: wrong.points("p"), r"'p' as a list of \[x, y\]"),
        (lambda: wrong.numbers("p"), "'p' as a list of numbers"),
        (lambda: wrong.entries("t"), "'t' as a list, found ''"),
        (lambda: wrong.records("r", "part"), r"a list of objects \(entry 1 is none\)"),
    ):
        with pytest.raises(RecordError, match=expected):
            read()


def test_names() -> None:
    assert is_text("größe 1")
    for value in ("", " ", "a\0b", "\ud800", "x" * (MAX_TEXT + 1), 1, None):
        assert not is_text(value)


def test_shown_is_short() -> None:
    deep: list[object] = []
    for _ in range(100):
        deep = [deep] * 100
    for value in (deep, "x" * 10**6, 10**4000, {str(i): i for i in range(10**5)}):
        assert len(shown(value)) < 300
    assert shown("\ud800") == "'\\ud800'"


def test_numbers_of_text() -> None:
    assert parse_number(" -1.5e2 ") == -150
    assert parse_whole("64.0", 1, 100) == 64
    for text in ("", "a", "nan", "inf", "1e400", "1_0", "9" * 400):
        with pytest.raises(ValueError, match="expected a number within"):
            parse_number(text)
    for text in ("", "1.5", "0", "101", "nan", "9" * 400):
        with pytest.raises(ValueError, match="expected a whole number from 1 to 100"):
            parse_whole(text, 1, 100)

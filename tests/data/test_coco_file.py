from pathlib import Path

import pytest

from sapnet.data.coco_file import Entry, read_category, read_each, section_entries
from sapnet.data.problems import RecordError
from sapnet.structures.clicks import Category


def test_broken_entries_are_reported_by_number_and_left_out() -> None:
    content = {"categories": [{"id": 3, "name": "cat"}, {"id": "x", "name": "dog"}]}
    problems: list[RecordError] = []
    entries = section_entries(Path("a.json"), content, "categories", problems.append)
    assert read_each(entries, read_category, problems.append) == [(3, Category(3, "cat"))]
    (problem,) = problems
    assert str(problem).startswith("a.json, entry 2 of categories: expected 'id' as an integer")
    assert problem.kind == "not an integer"


def test_a_missing_key_is_named() -> None:
    with pytest.raises(RecordError, match="expected the key 'name'"):
        read_category(Entry(Path("a.json"), "categories", 1, {"id": 1}))

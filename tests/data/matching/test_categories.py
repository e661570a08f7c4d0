import pytest

from sapnet.data.matching.categories import match_categories
from sapnet.structures.clicks import Category

CUP, CAT, DOG = Category(1, "cup"), Category(2, "cat"), Category(3, "dog")


def test_equal_ids_need_no_note() -> None:
    match = match_categories([CAT, CUP], [CUP, CAT, DOG], "a", "b")
    assert (match.ids, match.note) == ({2: 2, 1: 1}, "")


def test_names_decide_where_ids_are_permuted() -> None:
    other = [Category(2, "cup"), Category(3, "cat"), Category(1, "dog")]
    match = match_categories([CUP, CAT, DOG], other, "the run", "t.json")
    assert match.ids == {1: 2, 2: 3, 3: 1}
    assert match.note == (
        "the run and t.json number the categories differently; they are matched by name: 'cup' "
        "(1 and 2), 'cat' (2 and 3), 'dog' (3 and 1)"
    )


def test_an_id_with_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"category 1 is 'cup' in the run and 'mug' in t\.json"):
        match_categories([CUP], [Category(1, "mug")], "the run", "t.json")
    with pytest.raises(ValueError, match="category 1 is 'cup' in a and 'Cup' in b"):
        match_categories([CUP], [Category(1, "Cup")], "a", "b")


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(ValueError, match=r"category 'dog' \(3\) of a is not in b, which has 'cup'"):
        match_categories([DOG], [CUP], "a", "b")
    with pytest.raises(ValueError, match=r"is not in b, which has none"):
        match_categories([DOG], [], "a", "b")


def test_double_names() -> None:
    twice = [CUP, Category(7, "cup")]
    assert match_categories(twice, twice, "a", "b").ids == {1: 1, 7: 7}
    with pytest.raises(ValueError, match=r"a: the categories 1 and 7 are both named 'cup'"):
        match_categories(twice, [CUP], "a", "b")
    with pytest.raises(ValueError, match=r"category 3 \('cup'\) of a: b has this name several"):
        match_categories([Category(3, "cup")], twice, "a", "b")


def test_no_category_matches_nothing() -> None:
    assert match_categories([], [CUP], "a", "b").ids == {}

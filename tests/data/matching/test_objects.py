from dataclasses import replace

import pytest

from sapnet.data.matching.objects import (
    NumberedObject,
    ObjectList,
    check_same_objects,
    is_same_click,
)
from sapnet.structures.clicks import Category, ImageRecord

STORE = ObjectList(
    "the store",
    (ImageRecord(1, "a.png", 8, 6), ImageRecord(2, "b.png", 8, 6)),
    (Category(1, "cup"), Category(2, "cat")),
    (NumberedObject(5, 1, 1, (3.5, 2.5)), NumberedObject(6, 2, 2, (1.5, 1.5))),
)


def labels(*objects: NumberedObject) -> ObjectList:
    return replace(STORE, name="l.json", objects=objects)


def test_the_same_objects() -> None:
    check_same_objects(labels(), STORE)
    check_same_objects(labels(NumberedObject(6, 2, 2, (1.5001, 1.5))), STORE)
    check_same_objects(labels(NumberedObject(6, 2, 2)), STORE)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (NumberedObject(7, 1, 1), "l.json: object 7 is not in the store"),
        (NumberedObject(5, 2, 1), "object 5 is on b.png as cup there, but on a.png as cup"),
        (NumberedObject(5, 1, 2), "object 5 is on a.png as cat there, but on a.png as cup"),
    ],
)
def test_other_objects_are_refused(entry: NumberedObject, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_same_objects(labels(entry), STORE)


def test_a_click_may_move_but_not_to_that_of_another_object() -> None:
    pair = (NumberedObject(5, 1, 1, (3.5, 2.5)), NumberedObject(6, 1, 1, (1.5, 1.5)))
    store = replace(STORE, objects=pair)
    check_same_objects(labels(NumberedObject(5, 1, 1, (4.5, 2.5))), store)
    with pytest.raises(
        ValueError, match=r"object 5 has the click \(1\.5, 1\.5\), which is that of obj"
    ):
        check_same_objects(labels(NumberedObject(5, 1, 1, (1.5, 1.5))), store)


def test_names_count_not_the_ids_of_images_and_categories() -> None:
    images = (ImageRecord(2, "a.png", 8, 6),)
    other = ObjectList("x", images, (Category(9, "cup"),), (NumberedObject(5, 2, 9),))
    check_same_objects(other, STORE)


def test_copies_of_a_click() -> None:
    assert is_same_click((1.0, 2.0), (1.001, 2.0))
    assert not is_same_click((1.0, 2.0), (1.0, 2.5))

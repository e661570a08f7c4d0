"""A truth of two images of 20 x 10 px: two cups and a cat on the first, a cup on the second."""

from pathlib import Path

import pytest

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.matching.objects import NumberedObject, ObjectList
from sapnet.data.matching.truth import align_truth
from sapnet.structures.clicks import Category, ImageRecord

CATEGORIES = (Category(1, "cup"), Category(2, "cat"))
IMAGES = (ImageRecord(1, "a.png", 20, 10), ImageRecord(2, "b.png", 20, 10))
BOXES = {
    5: (1, 1, 1, 1, 5, 5),
    6: (1, 1, 10, 1, 15, 5),
    7: (1, 2, 1, 6, 5, 9),
    8: (2, 1, 2, 2, 9, 9),
}
"""By object: image, category and box."""

CLICKS = {5: (3.5, 3.5), 6: (12.5, 3.5), 7: (3.5, 7.5), 8: (5.5, 5.5)}


def square(x1: int, y1: int, x2: int, y2: int) -> list[list[int]]:
    return [[x1, y1, x2, y1, x2, y2, x1, y2]]


@pytest.fixture
def truth() -> InstanceSet:
    instances = tuple(
        Instance(number, IMAGES[image - 1], category, False, square(*box), Path("t.json"))
        for number, (image, category, *box) in BOXES.items()
    )
    return InstanceSet(IMAGES, CATEGORIES, instances)


def labels(
    ids: dict[int, int] | None = None,
    images: tuple[ImageRecord, ...] = IMAGES,
    categories: tuple[Category, ...] = CATEGORIES,
    clicks: dict[int, tuple[float, float] | None] | None = None,
) -> ObjectList:
    """The objects of the truth; `ids` gives them other ids."""
    given = ids or {number: number for number in BOXES}
    image_ids = {image.file_name: image.image_id for image in images}
    category_ids = {category.name: category.category_id for category in categories}
    names = {category.category_id: category.name for category in CATEGORIES}
    return ObjectList(
        "the labels",
        images,
        categories,
        tuple(
            NumberedObject(
                new,
                image_ids[IMAGES[BOXES[old][0] - 1].file_name],
                category_ids[names[BOXES[old][1]]],
                (clicks or CLICKS)[old],
            )
            for old, new in given.items()
        ),
    )


def boxes_by_id(truth: InstanceSet) -> dict[int, object]:
    return {instance.annotation_id: instance.segmentation for instance in truth.instances}


def expected(ids: dict[int, int]) -> dict[int, object]:
    return {new: square(*BOXES[old][2:]) for old, new in ids.items()}


def test_equal_numbers_change_nothing(truth: InstanceSet) -> None:
    aligned = align_truth(truth, labels())
    assert aligned.truth is truth
    assert aligned.notes == ()


def test_other_ids_are_matched_by_image_category_and_click(truth: InstanceSet) -> None:
    ids = {5: 8, 8: 5, 6: 60, 7: 7}
    aligned = align_truth(truth, labels(ids))
    assert boxes_by_id(aligned.truth) == expected(ids)
    assert aligned.notes == (
        "the labels: 3 of 4 ids are not those of the same objects in the ground truth; objects are "
        "matched by image, category and click",
    )


def test_ids_exchanged_within_image_and_category(truth: InstanceSet) -> None:
    ids = {5: 6, 6: 5, 7: 7, 8: 8}
    aligned = align_truth(truth, labels(ids))
    assert boxes_by_id(aligned.truth) == expected(ids)
    assert aligned.notes[0].startswith("the labels: 2 of 4 ids are not those of the same objects")


def test_ids_that_disagree_are_refused_without_clicks(truth: InstanceSet) -> None:
    clicks = {**CLICKS, 6: None}
    with pytest.raises(
        ValueError,
        match=r"object 8: on a\.png as cup in the labels, on b\.png as cup in the ground truth",
    ):
        align_truth(truth, labels({5: 8, 8: 5, 6: 6}, clicks=clicks))


def test_ids_that_disagree_are_refused_where_clicks_miss(truth: InstanceSet) -> None:
    clicks = {**CLICKS, 6: (18.5, 8.5)}
    with pytest.raises(
        ValueError, match=r"object 7: on a\.png as cup in the labels, on a\.png as cat"
    ):
        align_truth(truth, labels({6: 7}, clicks=clicks))


def test_two_clicks_in_one_object_prove_nothing(truth: InstanceSet) -> None:
    clicks = {**CLICKS, 6: (4.5, 4.5)}
    with pytest.raises(ValueError, match="ids disagree"):
        align_truth(truth, labels({5: 50, 6: 60}, clicks=clicks))


def test_clicks_beside_their_objects_stay_with_their_ids(truth: InstanceSet) -> None:
    """Clicks with an offset: one lies in the neighbour, whose own click is there, too."""
    clicks = {**CLICKS, 6: (4.5, 4.5)}
    aligned = align_truth(truth, labels(clicks=clicks))
    assert aligned.truth is truth
    assert aligned.notes == (
        "the labels: 1 of 4 clicks lie in another object of the ground truth than that of their "
        "id; objects are matched by id",
    )
    assert align_truth(truth, labels(clicks={**CLICKS, 6: (18.5, 8.5)})).notes == ()


def test_images_and_categories_are_matched_by_name(truth: InstanceSet) -> None:
    images = (ImageRecord(1, "b.png", 20, 10), ImageRecord(9, "a.png", 20, 10))
    categories = (Category(2, "cup"), Category(1, "cat"))
    aligned = align_truth(truth, labels(images=images, categories=categories)).truth
    assert {image.file_name: image.image_id for image in aligned.images} == {"b.png": 1, "a.png": 9}
    assert [c.name for c in aligned.categories] == ["cat", "cup"]
    assert [(i.annotation_id, i.image_id, i.category_id) for i in aligned.instances] == [
        (5, 9, 2),
        (6, 9, 2),
        (7, 9, 1),
        (8, 1, 2),
    ]


def test_what_the_labels_lack_gets_other_ids(truth: InstanceSet) -> None:
    images = (ImageRecord(2, "a.png", 20, 10),)
    aligned = align_truth(truth, labels({5: 8}, images=images)).truth
    ids = [(i.annotation_id, i.image_id) for i in aligned.instances]
    assert ids[0] == (8, 2)
    assert len({number for number, _ in ids}) == 4
    assert len({image.image_id for image in aligned.images}) == 2


def test_images_of_another_data_set_are_refused(truth: InstanceSet) -> None:
    images = (ImageRecord(1, "a.png", 20, 10), ImageRecord(2, "z.png", 20, 10))
    with pytest.raises(ValueError, match=r"the labels: 1 images not in the ground truth"):
        align_truth(truth, ObjectList("the labels", images, CATEGORIES, ()))


def test_an_image_listed_twice_is_refused(truth: InstanceSet) -> None:
    images = (ImageRecord(1, "a.png", 20, 10), ImageRecord(2, "a.png", 20, 10))
    with pytest.raises(ValueError, match=r"'a\.png' stands for the images 1 and 2"):
        align_truth(truth, ObjectList("the labels", images, CATEGORIES, ()))


def test_crowds_are_matched_by_id_alone(truth: InstanceSet) -> None:
    from dataclasses import replace

    crowd = replace(truth.instances[3], is_crowd=True)
    with_crowd = replace(truth, instances=(*truth.instances[:3], crowd))
    assert align_truth(with_crowd, labels()).truth is with_crowd
    with pytest.raises(ValueError, match="ids disagree"):
        align_truth(with_crowd, labels({8: 80}))

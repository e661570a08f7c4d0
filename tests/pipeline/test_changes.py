"""What is new, changed and gone, and how long the training is then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sapnet.geometry.rle import encode_masks
from sapnet.pipeline.changes import Changes, find_changes, fitting_corrections
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.corrections import Action, Correction, Corrections, ReviewedClick
from sapnet.structures.coverage import Coverage


def click(number: int, image: int, x: float = 4.5, category: int = 1) -> Click:
    return Click(number, image, category, ((x, 4.5),))


def click_set(*clicks: Click, images: int = 2, classes: tuple[str, ...] = ("car",)) -> ClickSet:
    return ClickSet(
        tuple(ImageRecord(i, f"{i}.jpg", 9, 9) for i in range(1, images + 1)),
        tuple(Category(i, name) for i, name in enumerate(classes, 1)),
        clicks,
    )


BEFORE = click_set(click(1, 1), click(2, 1, 7.5), click(3, 2))


def decided(number: int, action: Action = "picked", x: float = 4.5, image: int = 1) -> Correction:
    import numpy as np

    mask = encode_masks(np.ones((1, 9, 9), np.uint8))[0]
    return Correction(replace(click(number, image, x), mask=mask), action)


def test_nothing_has_changed() -> None:
    changes = find_changes(BEFORE, BEFORE)
    assert not changes
    assert str(changes) == "nothing of what counts"


def test_new_changed_and_gone_are_counted() -> None:
    now = click_set(
        click(1, 1), click(2, 1, 6.5), click(4, 3), click(5, 3, category=2),
        images=3, classes=("car", "bus"),
    )  # fmt: skip
    changes = find_changes(BEFORE, now)
    assert (changes.new_images, changes.changed_images, changes.gone_images) == (1, 2, 0)
    assert (changes.new_objects, changes.changed_objects, changes.gone_objects) == (2, 1, 1)
    assert (changes.new_classes, changes.gone_classes) == (("bus",), ())
    # Images 1 and 3 are proposed for; image 2 has lost its only object.
    assert (changes.num_objects, changes.num_to_propose) == (4, 4)
    assert str(changes) == (
        "1 new image, 2 images with other clicks, 2 objects new, 1 changed, 1 gone, "
        "new classes: bus"
    )
    fewer = find_changes(now, BEFORE)
    assert (fewer.gone_images, fewer.gone_classes) == (1, ("bus",))


def test_marks_of_images_count() -> None:
    partial = replace(BEFORE, coverage={1: Coverage((1,))})
    assert find_changes(partial, partial).new_marks == 0
    changes = find_changes(BEFORE, partial)
    assert (bool(changes), changes.new_marks, changes.num_to_propose) == (True, 1, 0)
    assert str(changes) == "1 image marked otherwise"
    assert find_changes(partial, BEFORE).new_marks == 1


def test_without_a_network_everything_is_new() -> None:
    changes = find_changes(None, BEFORE)
    assert (changes.new_images, changes.new_objects, changes.new_classes) == (2, 3, ("car",))


def test_decisions_count_once() -> None:
    first = Corrections((), (), {1: decided(1)})
    both = Corrections((), (), {1: decided(1)}, frozenset({3}))
    assert find_changes(BEFORE, BEFORE, None, first).decisions == 1
    assert find_changes(BEFORE, BEFORE, first, first).decisions == 0
    assert find_changes(BEFORE, BEFORE, first, both).decisions == 1
    assert find_changes(BEFORE, BEFORE, both, None).decisions == 2
    # An object whose click has changed is not counted again for its decision.
    now = click_set(click(1, 1, 3.5), click(2, 1, 7.5), click(3, 2))
    assert find_changes(BEFORE, now, None, first).decisions == 0


def test_decisions_about_other_clicks_do_not_fit() -> None:
    fixed = {
        1: decided(1),
        2: decided(2, x=2.5),  # the object is clicked elsewhere now
        3: decided(3, "clicked", x=1.5, image=2),  # it was clicked again in the review
        9: decided(9),  # its click is gone
    }
    corrections = Corrections((), (), fixed, frozenset({8}))
    fitting, left_out = fitting_corrections(corrections, BEFORE)
    assert (list(fitting.fixed), fitting.deleted, left_out) == ([1, 3], frozenset(), (2, 8, 9))


@pytest.mark.parametrize(
    ("changes", "length", "rate"),
    [
        (Changes(gone_images=1, num_objects=100), 1 / 20, 0.2),
        (Changes(decisions=10, num_objects=100), 1 / 20, 0.2),
        (Changes(new_objects=20, changed_objects=10, num_objects=100), 0.15, 0.6),
        (Changes(new_objects=50, num_objects=100), 1 / 4, 1),
        (Changes(new_objects=1, new_classes=("bus",), num_objects=100), 1 / 4, 1),
        (Changes(new_objects=100, num_objects=100), 1 / 2, 1),
        (Changes(decisions=3), 1 / 2, 1),
    ],
)
def test_length_and_rate_follow_what_is_new(changes: Changes, length: float, rate: float) -> None:
    assert (changes.length, changes.rate) == pytest.approx((length, rate))


def test_a_decision_is_about_the_click_that_was_reviewed() -> None:
    """Ids are given anew: in files converted again, and after the last click was dropped."""
    fixed = {3: decided(3, "clicked", x=1.5, image=2)}
    where = {1: ReviewedClick(1, (4.5, 4.5)), 2: ReviewedClick(1, (7.5, 4.5))}
    corrections = Corrections((), (), fixed, frozenset({1, 2}), reviewed=where)
    now = click_set(click(1, 1), click(2, 1, 9.5), click(3, 2, 8.5))
    fitting, left_out = fitting_corrections(corrections, now)
    assert (list(fitting.fixed), fitting.deleted, left_out) == ([3], frozenset({1}), (2,))
    moved = replace(corrections, reviewed={3: ReviewedClick(2, (4.5, 4.5))})
    assert fitting_corrections(moved, now)[1] == (3,)
    elsewhere = replace(corrections, reviewed={3: ReviewedClick(1, (8.5, 4.5))})
    assert fitting_corrections(elsewhere, now)[1] == (3,)


def test_the_classes_are_those_of_the_clicks() -> None:
    """A class that was corrected, renamed or merged after the review is the right one."""
    corrections = Corrections((), (Category(1, "vehicle"),), {1: decided(1)})
    now = click_set(click(1, 1, category=2), classes=("car", "bus"))
    fitting, left_out = fitting_corrections(corrections, now)
    assert left_out == ()
    assert fitting.fixed[1].click.category_id == 2
    assert fitting.categories == now.categories

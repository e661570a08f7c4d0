from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.store.describe import describe_objects
from sapnet.store.manifest import Manifest
from sapnet.store.reader import ProposalStore
from sapnet.store.writer import ProposalWriter
from sapnet.structures.clicks import RLE, Category, Click, ImageRecord
from sapnet.structures.corrections import Action, Correction, Corrections, ReviewedClick
from sapnet.structures.proposals import GIVEN_MASK, Proposals

SIZE = (20, 30)
IMAGES = (ImageRecord(5, "a.png", 30, 20), ImageRecord(6, "b.png", 30, 20))
CATEGORIES = (Category(7, "dog"),)


def rectangle(x1: int, y1: int, x2: int, y2: int, size: tuple[int, int] = SIZE) -> RLE:
    mask = np.zeros((1, *size), np.uint8)
    mask[0, y1:y2, x1:x2] = 1
    return encode_masks(mask)[0]


def click(annotation_id: int, x: float, image_id: int = 5) -> Click:
    return Click(annotation_id, image_id, 7, ((x, 5.5),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Objects 1, 2, 3 in a row on the first image, 4 on the second; each with two proposals.

    The second proposal of each covers the whole row, and with it every rival's point.
    """
    rows = [[click(1, 2.5), click(2, 12.5), click(3, 22.5)], [click(4, 2.5, 6)]]
    masks = (rectangle(0, 0, 9, 9), rectangle(0, 0, 30, 9))
    bag = Proposals(masks, rle_boxes(masks), np.float32([0.5, 0.25]), ("point", "point"))
    manifest = Manifest("file", {}, "abc", CATEGORIES, 2, 4, "2026-01-01T00:00:00+00:00")
    with ProposalWriter(tmp_path / "store", manifest) as writer:
        for image, clicks in zip(IMAGES, rows, strict=True):
            writer.add(image, describe_objects(clicks, [bag] * len(clicks), SIZE))
    return tmp_path / "store"


def corrections(
    *,
    fixed: dict[int, Click] | None = None,
    deleted: tuple[int, ...] = (),
    action: Action = "picked",
) -> Corrections:
    found = {i: Correction(c, action) for i, c in (fixed or {}).items()}
    return Corrections(IMAGES, CATEGORIES, found, frozenset(deleted), Path("corrections.json"))


def test_decided_masks_leave_no_choice(path: Path) -> None:
    mask = rectangle(10, 2, 16, 9)
    decided = replace(click(2, 14.5), mask=mask)
    store = ProposalStore(path, corrections(fixed={2: decided}, action="clicked"))
    first, second, _ = store.objects_of_image(0)
    assert second.click == decided
    assert second.has_given_mask
    assert second.proposals.rles == (mask,)
    assert second.proposals.prompts == (GIVEN_MASK,)
    assert (second.mask_crops == 255).all()
    assert len(first.proposals) == 2
    assert store.find(2).click == decided
    plain, same = ProposalStore(path).objects_of_image(0)[0], store.find(1)
    assert same.proposals.rles == plain.proposals.rles
    np.testing.assert_array_equal(same.mask_crops, plain.mask_crops)
    np.testing.assert_array_equal(same.holds_rival, plain.holds_rival)


def test_deleted_objects_are_gone_and_rival_no_one(path: Path) -> None:
    store = ProposalStore(path, corrections(deleted=(2, 3)))
    assert store.num_objects_of_image.tolist() == [1, 1]
    assert len(store) == 2
    (only,) = store.objects_of_image(0)
    assert ProposalStore(path).find(1).holds_rival.tolist() == [False, True]
    assert only.holds_rival.tolist() == [False, False]
    with pytest.raises(KeyError, match="deleted in review"):
        store.find(3)


def test_other_images_stay(path: Path) -> None:
    store = ProposalStore(path, corrections(deleted=(4,)))
    assert store.objects_of_image(1) == []
    assert store.num_objects_of_image.tolist() == [3, 0]
    found, expected = store.find(3), ProposalStore(path).find(3)
    assert (found.click, found.proposals.rles) == (expected.click, expected.proposals.rles)


def test_corrections_travel_with_the_store(path: Path) -> None:
    store = pickle.loads(pickle.dumps(ProposalStore(path, corrections(deleted=(1,)))))
    assert store.num_objects_of_image.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (corrections(deleted=(9,)), r"corrections\.json: object 9 is not in .*store"),
        (corrections(fixed={9: replace(click(9, 1), mask=rectangle(0, 0, 2, 2))}), "object 9 is"),
        (
            corrections(fixed={1: replace(click(1, 1, 6), mask=rectangle(0, 0, 2, 2))}),
            r"object 1: expected a mask of image 5 \(a\.png\), .* image 6 \(b\.png\)",
        ),
        (
            corrections(fixed={1: replace(click(1, 3), mask=rectangle(0, 0, 2, 2))}),
            r"object 1: expected the click \(2\.5, 5\.5\) of the store, found \(3, 5\.5\)",
        ),
        (
            replace(
                corrections(fixed={1: replace(click(1, 2.5), mask=rectangle(0, 0, 2, 2))}),
                images=(ImageRecord(5, "other.png", 30, 20),),
            ),
            r"expected a mask of image 5 \(a\.png\), .* found one of image 5 \(other\.png\)",
        ),
        (
            replace(corrections(deleted=(1,)), reviewed={1: ReviewedClick(5, (9.5, 5.5))}),
            r"object 1: it was decided for the click \(9\.5, 5\.5\) on image 5, and the store has",
        ),
        (
            replace(
                corrections(
                    fixed={1: replace(click(1, 9), mask=rectangle(0, 0, 2, 2))}, action="clicked"
                ),
                reviewed={1: ReviewedClick(6, (2.5, 5.5))},
            ),
            r"object 1: it was decided for the click \(2\.5, 5\.5\) on image 6",
        ),
        (
            corrections(fixed={1: replace(click(1, 1), mask=rectangle(0, 0, 2, 2, (20, 31)))}),
            r"20 x 30 px high and wide, .* size \[20, 31\]",
        ),
    ],
)
def test_corrections_of_something_else(path: Path, found: Corrections, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProposalStore(path, found)


def test_the_class_is_that_of_the_click(path: Path) -> None:
    """A review decides masks; a class that was corrected or renamed since is the right one."""
    fixed = {1: replace(click(1, 2.5), category_id=9, mask=rectangle(0, 0, 2, 2))}
    store = ProposalStore(
        path, replace(corrections(fixed=fixed), categories=(Category(9, "gone"),))
    )
    assert store.find(1).click.category_id == ProposalStore(path).find(1).click.category_id

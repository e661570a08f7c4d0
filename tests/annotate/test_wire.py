import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")


from sapnet.annotate.different import all_of
from sapnet.annotate.wire import MaskBody, ObjectBody, from_proposals, to_click
from sapnet.geometry.rle import decode_masks, encode_masks, rle_boxes, rle_to_json
from sapnet.structures.clicks import ImageRecord
from sapnet.structures.proposals import Proposals

IMAGE = ImageRecord(3, "a.png", 64, 48)
CATEGORIES = frozenset({1, 5})


def block(size: tuple[int, int], rows: slice, columns: slice) -> dict:
    mask = np.zeros((1, *size), np.uint8)
    mask[0, rows, columns] = 1
    return rle_to_json(encode_masks(mask)[0])


def body(**changes: object) -> ObjectBody:
    return ObjectBody(**{"category_id": 1, "points": [[1.5, 2.5]], **changes})


def test_an_object_becomes_a_click() -> None:
    click = to_click(
        body(id=8, negative_points=[[63.9, 47.9]], box=[1, 2, 3, 4]), IMAGE, CATEGORIES
    )
    assert (click.annotation_id, click.image_id, click.category_id) == (8, 3, 1)
    assert click.points == ((1.5, 2.5),)
    assert click.negative_points == ((63.9, 47.9),)
    assert click.box == (1, 2, 3, 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"points": [[64, 3]]},
        {"points": [[-0.1, 3]]},
        {"points": [[3, float("nan")]]},
        {"negative_points": [[3, 48]]},
        {"category_id": 2},
        {"mask": MaskBody(size=(50, 64), counts="0")},
        {"mask": MaskBody(size=(48, 64), counts="0")},  # run lengths that are cut off
    ],
)
def test_what_does_not_fit_the_image_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match=r"expected|run lengths|RLE"):
        to_click(body(**changes), IMAGE, CATEGORIES)


def test_a_mask_of_the_image_s_size_is_taken_as_it_is() -> None:
    mask = block((48, 64), slice(10, 20), slice(30, 40))
    click = to_click(body(mask=mask), IMAGE, CATEGORIES)
    assert click.mask is not None
    assert rle_to_json(click.mask) == mask


def test_a_mask_of_a_reduced_frame_is_enlarged() -> None:
    click = to_click(body(mask=block((24, 32), slice(5, 10), slice(15, 20))), IMAGE, CATEGORIES)
    assert click.mask is not None
    found = decode_masks([click.mask])[0]
    assert found.shape == (48, 64)
    expected = np.zeros((48, 64), np.uint8)
    expected[10:20, 30:40] = 1
    overlap = (found & expected).sum() / (found | expected).sum()
    assert overlap > 0.9  # the corners are rounded


def test_an_empty_mask_is_none() -> None:
    click = to_click(body(mask=block((48, 64), slice(0), slice(0))), IMAGE, CATEGORIES)
    assert click.mask is None


def test_candidates_come_best_first() -> None:
    masks = np.zeros((2, 4, 4), np.uint8)
    masks[0, :2], masks[1, :3] = 1, 1
    rles = encode_masks(masks)
    proposals = Proposals(rles, rle_boxes(rles), np.array([0.2, 0.7], np.float32), ("a", "b"))
    found = from_proposals(proposals, all_of(proposals))
    assert [(entry["score"], entry["prompt"]) for entry in found] == [(0.7, "b"), (0.2, "a")]
    assert found[0]["mask"] == rle_to_json(rles[1])

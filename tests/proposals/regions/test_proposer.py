"""The region proposer on tiny drawn images."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from sapnet.geometry.rle import decode_masks
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals

SIDE = 96


def click(
    x: float,
    y: float,
    annotation_id: int = 1,
    category_id: int = 1,
    more: tuple[tuple[float, float], ...] = (),
) -> Click:
    return Click(annotation_id, 1, category_id, ((x, y), *more))


def nested_squares() -> np.ndarray:
    """A blue image, a green square 24..72 and a red square 36..60 in it."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:] = (40, 60, 200)
    image[24:72, 24:72] = (60, 190, 60)
    image[36:60, 36:60] = (210, 40, 40)
    return image


def square(low: int, high: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[low:high, low:high] = 1
    return mask


def best_iou(proposals: Proposals, mask: np.ndarray) -> float:
    masks = decode_masks(proposals.rles)
    union = (masks | mask).sum(axis=(1, 2))
    return float(((masks & mask).sum(axis=(1, 2)) / union).max())


def holds_click(proposals: Proposals, click: Click) -> bool:
    x, y = click.point
    return bool(decode_masks(proposals.rles)[:, int(y), int(x)].all())


def test_nested_squares_are_both_found() -> None:
    proposals = RegionProposer().propose(nested_squares(), [click(48.5, 48.5)])[0]

    assert len(proposals) == 8
    assert best_iou(proposals, square(36, 60)) > 0.9
    assert best_iou(proposals, square(24, 72)) > 0.9


def test_scores_boxes_and_order() -> None:
    proposals = RegionProposer().propose(nested_squares(), [click(40.5, 50.5)])[0]
    masks = decode_masks(proposals.rles)

    assert (np.diff(proposals.scores) <= 0).all()
    assert proposals.scores.min() >= 0
    assert proposals.scores.max() <= 1
    for mask, box in zip(masks, proposals.boxes, strict=True):
        rows, columns = np.nonzero(mask)
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert box.tolist() == expected
    assert holds_click(proposals, click(40.5, 50.5))


def test_same_input_same_output_and_picklable() -> None:
    clicks = [click(48.5, 48.5), click(10.5, 80.5, 2)]
    proposer = RegionProposer(RegionsConfig(num_proposals=5))
    copy = pickle.loads(pickle.dumps(proposer))

    first = proposer.propose(nested_squares(), clicks)
    second = copy.propose(nested_squares(), clicks)

    for a, b in zip(first, second, strict=True):
        assert [r["counts"] for r in a.rles] == [r["counts"] for r in b.rles]
        assert a.scores.tolist() == b.scores.tolist()


def test_no_clicks_no_proposals() -> None:
    assert RegionProposer().propose(nested_squares(), []) == []


@pytest.mark.parametrize(
    ("height", "width", "point"),
    [(8, 8, (7.5, 0.5)), (1, 1, (0.5, 0.5)), (5, 200, (0.0, 4.9)), (97, 61, (60.9, 96.9))],
)
def test_any_size_and_any_border_gives_masks_with_the_click(
    height: int, width: int, point: tuple[float, float]
) -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 255, (height, width, 3)).astype(np.uint8)
    one = click(*point)

    proposals = RegionProposer().propose(image, [one])[0]

    assert len(proposals) >= 1
    assert proposals.rles[0]["size"] == [height, width]
    assert holds_click(proposals, one)


def test_large_and_flat_image() -> None:
    image = np.full((1500, 2000, 3), 128, np.uint8)
    one = click(1000.5, 700.5)

    proposals = RegionProposer(RegionsConfig(num_proposals=3)).propose(image, [one])[0]

    assert len(proposals) == 3
    assert holds_click(proposals, one)


def test_speck_of_five_pixels() -> None:
    image = nested_squares()
    image[80:85, 80:85] = 255
    one = click(82.5, 82.5)

    proposals = RegionProposer().propose(image, [one])[0]

    speck = np.zeros((SIDE, SIDE), np.uint8)
    speck[80:85, 80:85] = 1
    assert best_iou(proposals, speck) > 0.6
    assert holds_click(proposals, one)


def test_rival_click_lowers_the_score_of_masks_that_hold_it() -> None:
    image = np.full((SIDE, SIDE, 3), 90, np.uint8)
    image[30:66, 8:88] = (200, 180, 40)
    alone = RegionProposer().propose(image, [click(28.5, 48.5)])[0]
    beside = RegionProposer().propose(image, [click(28.5, 48.5), click(68.5, 48.5, 2)])[0]

    def best_score_with_rival(proposals: Proposals) -> float:
        holds = decode_masks(proposals.rles)[:, 48, 68] == 1
        return float(proposals.scores[holds].max())

    assert best_score_with_rival(beside) < best_score_with_rival(alone)


def test_second_point_and_box_draw_the_scores_to_them() -> None:
    image = np.full((SIDE, SIDE, 3), 90, np.uint8)
    image[30:66, 8:88] = (200, 180, 40)
    two = click(28.5, 48.5, more=((80.5, 48.5),))
    boxed = replace(click(28.5, 48.5), box=(20.0, 40.0, 36.0, 56.0))

    wide = RegionProposer().propose(image, [two])[0]
    small = RegionProposer().propose(image, [boxed])[0]

    assert decode_masks(wide.rles[:1])[0, 48, 80] == 1
    assert decode_masks(small.rles[:1]).sum() < decode_masks(wide.rles[:1]).sum()


def test_an_estimated_box_draws_nothing() -> None:
    image = nested_squares()
    bare = click(28.5, 48.5)
    estimated = replace(bare, box=(20.0, 40.0, 36.0, 56.0), box_score=0.9)
    plain, found = (RegionProposer().propose(image, [one])[0] for one in (bare, estimated))
    assert found.rles == plain.rles
    assert found.scores.tolist() == plain.scores.tolist()


def test_wrong_input_is_explained() -> None:
    with pytest.raises(ValueError, match="uint8"):
        RegionProposer().propose(np.zeros((4, 4), np.uint8), [click(1, 1)])
    with pytest.raises(ValueError, match="object 1: point"):
        RegionProposer().propose(nested_squares(), [click(200, 1)])


def test_settings_are_plain_values() -> None:
    settings = RegionProposer(RegionsConfig(num_proposals=3)).settings

    assert settings["proposer"] == "regions"
    assert settings["num_proposals"] == 3
    assert isinstance(settings["aspects"], list)

import math
from collections.abc import Callable

import pytest
import torch
from plain_selection import PlainBags, distance_score, penalties
from torch import Tensor

from sapnet.selection.config import GuidanceConfig
from sapnet.selection.guidance import (
    distance_penalty,
    distance_scores,
    guide,
    holds_point,
    iterate_rivals,
    reaches_bag,
    rival_pairs,
)
from sapnet.structures.batch import Bags

MakeBags = Callable[..., Bags]


def plain_guidance(bags: Bags, cfg: GuidanceConfig) -> Tensor:
    """Nested loops, as one would read Eq. 2 aloud."""
    plain = PlainBags(
        points=bags.points.tolist(),
        labels=bags.labels.tolist(),
        images=bags.image_index.tolist(),
        boxes=bags.boxes.tolist(),
        valid=bags.valid.tolist(),
    )
    found = penalties(plain, cfg.overlap, cfg.distance_power)
    scores = [[distance_score(penalty) ** cfg.exponent for penalty in row] for row in found]
    return torch.tensor(scores, dtype=torch.float64)


@pytest.mark.parametrize("overlap", ["bag", "point"])
@pytest.mark.parametrize(("power", "exponent"), [(1.0, 0.015), (0.5, 1.0)])
def test_equals_nested_loops(
    make_bags: MakeBags, overlap: str, power: float, exponent: float
) -> None:
    cfg = GuidanceConfig(overlap=overlap, distance_power=power, exponent=exponent)
    bags = make_bags(14, 4, num_images=2, num_classes=2)
    found = guide(bags, cfg)
    assert (found < 1).any()
    assert (found == 1).any()
    torch.testing.assert_close(found.double(), plain_guidance(bags, cfg), rtol=0, atol=1e-6)


def test_pairs_share_class_and_image() -> None:
    labels = torch.tensor([1, 1, 2, 1, 1])
    image_index = torch.tensor([0, 0, 0, 1, 1])
    pairs = rival_pairs(labels, image_index)
    assert pairs.tolist() == [[0, 1], [1, 0], [3, 4], [4, 3]]


@pytest.mark.parametrize("objects_per_chunk", [1, 4, 100])
def test_listed_pairs_equal_the_dense_table(objects_per_chunk: int) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (40,), generator=generator)
    image_index = torch.randint(4, (40,), generator=generator)  # any order
    same = (labels[:, None] == labels) & (image_index[:, None] == image_index)
    expected = same.fill_diagonal_(False).nonzero()
    assert torch.equal(rival_pairs(labels, image_index), expected)
    chunks = list(iterate_rivals(labels, image_index, objects_per_chunk))
    assert len(chunks) == math.ceil(40 / objects_per_chunk)
    assert torch.equal(torch.cat(chunks), expected)


def test_guidance_does_not_depend_on_chunks(
    make_bags: MakeBags, monkeypatch: pytest.MonkeyPatch
) -> None:
    bags = make_bags(14, 4, num_classes=1)
    whole = guide(bags, GuidanceConfig())
    monkeypatch.setattr("sapnet.selection.guidance.CHUNK_COMPARISONS", 1)
    assert torch.equal(guide(bags, GuidanceConfig()), whole)
    assert (whole < 1).any()


def test_worked_out_by_hand() -> None:
    # Box 0 holds the rival 30, 40 away: W = 50. Box 1 does not.
    points = torch.tensor([[10.0, 10.0], [40.0, 50.0]])
    boxes = torch.tensor(
        [[[0.0, 0, 60, 60], [0, 0, 20, 20]], [[30.0, 40, 50, 60], [30, 40, 50, 60]]]
    )
    pairs = rival_pairs(torch.zeros(2), torch.zeros(2))
    penalty = distance_penalty(points, pairs, holds_point(points, boxes, pairs), 2)
    assert penalty.tolist() == [[50, 0], [0, 0]]
    scores = distance_scores(penalty)
    assert scores[0, 0].item() == pytest.approx(1 / (1 + math.exp(-1 / 50)))
    assert scores[0, 1].item() == 1
    # The rival's bag overlaps box 0 alone; the first object's box 0 reaches both of its boxes.
    reached = reaches_bag(boxes, torch.ones(2, 2, dtype=torch.bool), pairs)
    assert reached.tolist() == [[True, False], [True, True]]


def test_touching_and_empty_boxes_do_not_overlap() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10], [5, 5, 5, 8]], [[10.0, 0, 20, 10], [0, 0, 30, 30]]])
    pairs = torch.tensor([[0, 1]])
    only_first = torch.tensor([[True, True], [True, False]])
    assert reaches_bag(boxes, only_first, pairs).tolist() == [[False, False]]
    assert reaches_bag(boxes, torch.ones_like(only_first), pairs).tolist() == [[True, False]]


def test_coincident_points_are_no_penalty() -> None:
    points = torch.full((2, 2), 7.0)
    pairs = torch.tensor([[0, 1], [1, 0]])
    penalty = distance_penalty(points, pairs, torch.ones(2, 1, dtype=torch.bool), 2)
    assert distance_scores(penalty).tolist() == [[1], [1]]


def test_close_points_far_from_the_origin_keep_their_distance() -> None:
    points = torch.tensor([[4000.0, 4000.0], [4000.0, 4000.25]])
    pairs = torch.tensor([[0, 1]])
    penalty = distance_penalty(points, pairs, torch.ones(1, 1, dtype=torch.bool), 2)
    assert penalty[0, 0].item() == 0.25


def test_disabled_and_empty(make_bags: MakeBags) -> None:
    assert (guide(make_bags(9, 3, num_classes=1), GuidanceConfig(enabled=False)) == 1).all()
    assert guide(make_bags(0, 3), GuidanceConfig()).shape == (0, 3)
    assert (guide(make_bags(1, 3), GuidanceConfig()) == 1).all()

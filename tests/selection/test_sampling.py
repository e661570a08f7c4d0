import plain_selection
import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou

from sapnet.selection.config import NegativesConfig, PositivesConfig
from sapnet.selection.sampling import (
    clip_boxes,
    is_background,
    jitter_boxes,
    place_parts,
    random_boxes,
    random_parts,
    sample_background,
    sample_parts,
)


def plain_background(
    boxes: Tensor, positives: Tensor, image_index: Tensor, limit: float
) -> list[list[bool]]:
    """One random box against one positive box at a time."""
    clear = []
    for image, candidates in enumerate(boxes.tolist()):
        own = positives[image_index == image].flatten(0, 1).tolist()
        clear.append([plain_selection.is_background(box, own, limit) for box in candidates])
    return clear


def test_positives_by_hand() -> None:
    cfg = PositivesConfig(fixed=(0.5,), lone=(0.1, 0.2), crowded=(0.1, -0.1))
    boxes = torch.tensor([[0.0, 0, 10, 20], [0.0, 0, 10, 20]])
    jittered = jitter_boxes(boxes, torch.tensor([1.0, 0.5]), cfg)
    sides = jittered[..., 2:] - jittered[..., :2]
    expected = torch.tensor([[1.5, 1.1, 1.2], [1.5, 1.2, 0.8]])[..., None] * torch.tensor([10, 20])
    torch.testing.assert_close(sides, expected)
    centers = (jittered[..., 2:] + jittered[..., :2]) / 2
    torch.testing.assert_close(centers, torch.tensor([5.0, 10.0]).expand(2, 3, 2))


def test_positives_and_parts_equal_plain_loops() -> None:
    torch.manual_seed(0)
    cfg = PositivesConfig(fixed=(0.02, -0.3))
    boxes = torch.rand(30, 2, 2).sort(1).values.flatten(1) * 200 - 20
    scores = torch.where(torch.rand(30) < 0.5, 1.0, 0.5 + torch.rand(30) / 2)
    sizes = torch.randint(50, 200, (30, 2))
    rows = list(zip(boxes.tolist(), scores.tolist(), sizes.tolist(), strict=True))
    expected = [
        [
            plain_selection.clipped(jittered, *size)
            for jittered in plain_selection.jittered(box, score, cfg.fixed, cfg.lone, cfg.crowded)
        ]
        for box, score, size in rows
    ]
    found = clip_boxes(jitter_boxes(boxes, scores, cfg), sizes)
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-4, rtol=0)
    uniforms = torch.rand(30, 3, 5)
    expected = [
        [plain_selection.placed(box, plain_selection.random_part(row, 0.25, 0.5)) for row in own]
        for box, own in zip(boxes.tolist(), uniforms.tolist(), strict=True)
    ]
    found, _ = sample_parts(uniforms, boxes, torch.zeros(30), NegativesConfig())
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-4, rtol=0)


def test_default_positives_are_the_boxes_of_the_release() -> None:
    """The release divides 0.005 n by a score close to 0.5, Eq. 4 divides v by one close to 1."""
    boxes = torch.tensor([[0.0, 0, 1, 1]]).repeat(2, 1)
    jittered = jitter_boxes(boxes, torch.tensor([1.0, 0.5**0.015]), PositivesConfig())
    sides = jittered[..., 2] - jittered[..., 0]
    grown = [1 + 0.01 * n for n in range(1, 16)]
    alone = [1 + 0.005 * n for n in range(16, 21)]
    shrunk = [1 - 0.005 * n / 0.5 for n in range(1, 6)]
    expected = torch.tensor([grown + alone, grown + shrunk])
    torch.testing.assert_close(sides, expected, rtol=0, atol=0.002)


def test_no_objects_and_no_scales() -> None:
    none = torch.zeros(0)
    assert jitter_boxes(torch.zeros(0, 4), none, PositivesConfig()).shape == (0, 20, 4)
    without = PositivesConfig(fixed=(), lone=(), crowded=())
    assert jitter_boxes(torch.zeros(2, 4), torch.ones(2), without).shape == (2, 0, 4)


def test_boxes_are_clipped_to_their_own_image() -> None:
    boxes = torch.tensor([[[-5.0, -5, 50, 50]], [[-5.0, 10, 50, 20]]])
    clipped = clip_boxes(boxes, torch.tensor([[20, 30], [40, 10]]))
    assert clipped.tolist() == [[[0, 0, 30, 20]], [[0, 10, 10, 20]]]


def test_random_boxes_span_image_and_overhang() -> None:
    sizes = torch.tensor([[100, 200]])
    corners = torch.tensor([[[0.0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]]])
    boxes = random_boxes(corners, sizes, overhang=0.2)
    expected = [[-40, -20, -40, -20], [200, 100, 240, 120], [-40, -20, 240, 120]]
    torch.testing.assert_close(boxes[0, :3], torch.tensor(expected).float())
    torch.testing.assert_close(boxes[0, 3], torch.tensor([80.0, 40, 160, 80]))
    uniforms = torch.rand(1, 20, 4)
    plain = [plain_selection.random_box(row, 100, 200, 0.2) for row in uniforms[0].tolist()]
    found = random_boxes(uniforms, sizes, 0.2)[0]
    torch.testing.assert_close(found, torch.tensor(plain), atol=1e-4, rtol=0)


def test_background_equals_pairwise_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = torch.tensor([[60, 80], [90, 50], [40, 40]])
    boxes = random_boxes(torch.rand(3, 40, 4, generator=generator), sizes, 0.2)
    positives = random_boxes(torch.rand(3, 6, 4, generator=generator), sizes, 0.0)
    positives = torch.stack([positives[0], positives[0].flip(0), positives[2]])
    positives[0, 3:] = 0  # padding
    image_index = torch.tensor([0, 0, 2])  # the middle image has no objects
    clear = is_background(boxes, positives, image_index, 0.3)
    assert clear.tolist() == plain_background(boxes, positives, image_index, 0.3)
    assert 0 < clear[0].sum() < 40
    assert clear[1].all()


def whole_table(boxes: Tensor, positives: Tensor, image_index: Tensor, limit: float) -> Tensor:
    """Every box against every positive of its image, in the arithmetic of `is_background`."""
    share = limit / (1 + limit)
    clear = torch.ones(boxes.shape[:2], dtype=torch.bool)
    for image, own in enumerate(boxes):
        others = positives[image_index == image].flatten(0, 1)
        sides = torch.minimum(own[:, None, 2:], others[:, 2:]) - torch.maximum(
            own[:, None, :2], others[:, :2]
        )
        overlap = sides.clamp(min=0).prod(-1)
        areas, other_areas = ((b[:, 2:] - b[:, :2]).prod(1) * share for b in (own, others))
        clear[image] = (overlap < areas[:, None] + other_areas).all(1)
    return clear


def nested_bags(num_objects: int, num_images: int) -> tuple[Tensor, Tensor]:
    """Bags of boxes that share a centre, in part padded, (N, 8, 4), and (N,) their images."""
    sizes = torch.full((num_objects, 2), 64)
    centers = random_boxes(torch.rand(num_objects, 1, 4), sizes, 0.0)
    bags = jitter_boxes(centers[:, 0], torch.ones(num_objects), PositivesConfig())[:, :8]
    bags = clip_boxes(bags, sizes) * (torch.rand(num_objects, 8, 1) < 0.8)
    return bags, torch.arange(num_objects) * num_images // num_objects


@pytest.mark.parametrize("limit", [0.0, 0.1, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("pairs_per_chunk", [1, 50, 2**16])
def test_bounds_change_no_answer(
    limit: float, pairs_per_chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sapnet.selection.sampling.CHUNK_PAIRS", pairs_per_chunk)
    torch.manual_seed(0)
    positives, image_index = nested_bags(12, 3)
    positives[5] = 0  # a bag of padding only
    order = torch.randperm(12)
    positives, image_index = positives[order], image_index[order]
    uniforms = torch.rand(3, 60, 4)
    uniforms[:, :3, 2:] = 0  # boxes without an area
    boxes = random_boxes(uniforms, torch.full((3, 2), 64), 0.1)
    boxes[:, 3:9] = positives[::2, 0].reshape(3, 2, 4).repeat(1, 3, 1)  # IoU of exactly 1
    found = is_background(boxes, positives, image_index, limit)
    assert torch.equal(found, whole_table(boxes, positives, image_index, limit))
    if 0 < limit < 1:
        assert found.any()
        assert not found.all()


def test_background_of_large_objects() -> None:
    torch.manual_seed(0)
    positives = torch.tensor([0.0, 0, 64, 64]).repeat(300, 7, 1)
    positives[..., :2] += torch.rand(300, 7, 2) * 20
    boxes = random_boxes(torch.rand(2, 200, 4), torch.full((2, 2), 64), 0.2)
    image_index = torch.arange(300) // 150
    found = is_background(boxes, positives, image_index, 0.3)
    assert torch.equal(found, whole_table(boxes, positives, image_index, 0.3))
    assert 0 < found.sum() < 400


def test_bags_without_proposals_keep_nothing_away() -> None:
    boxes, none = torch.rand(2, 5, 4), torch.zeros(3, 0, 4)
    assert is_background(boxes, none, torch.tensor([0, 0, 1]), 0.3).all()


def test_sample_background_follows_the_config() -> None:
    cfg = NegativesConfig(overhang=0.0, background_iou=0.5)
    uniforms = torch.tensor([[[0.0, 0, 1, 1], [0.0, 0, 0.25, 0.25]]])
    sizes, image_index = torch.tensor([[40, 40]]), torch.tensor([0])
    whole = torch.tensor([[[0.0, 0, 40, 40]]])
    boxes, counts = sample_background(uniforms, sizes, whole, image_index, cfg)
    assert boxes.tolist() == [[[0, 0, 40, 40], [0, 0, 10, 10]]]
    assert counts.tolist() == [[False, True]]


def test_parts_lie_inside_and_keep_their_smallest_side() -> None:
    torch.manual_seed(0)
    parts = random_parts(torch.rand(500, 5), 0.25)
    sides = parts[:, 2:] - parts[:, :2]
    assert parts.min() >= 0
    assert parts.max() <= 1
    assert sides.min() >= 0.25 - 1e-6
    assert sides.max() > 0.95
    boxes = place_parts(torch.tensor([[10.0, 20, 30, 60]]), parts[None])
    assert (boxes[0, :, :2] >= torch.tensor([10, 20])).all()
    assert (boxes[0, :, 2:] <= torch.tensor([30.001, 60.001])).all()


@pytest.mark.parametrize("limit", [0.07, 0.2, 0.3, 0.5, 0.9, 1.0])
def test_every_large_box_has_all_of_its_parts_below_the_limit(limit: float) -> None:
    torch.manual_seed(0)
    boxes = torch.tensor([[0.0, 0, 100, 50], [0.0, 0, 4, 4]])
    cfg = NegativesConfig(num_parts=2000, part_iou=limit)
    parts, counts = sample_parts(torch.rand(2, 2000, 5), boxes, torch.tensor([16.0, 16.0]), cfg)
    assert counts[0].all()
    assert not counts[1].any()  # 16 px^2 is not more than 16
    iou = box_iou(boxes[:1], parts[0])[0]
    assert iou.max() < limit + 1e-5
    assert iou.max() > limit * 0.9  # the limit is used up
    shares = (parts[0, :, 2:] - parts[0, :, :2]) / torch.tensor([100.0, 50])
    assert shares.min() >= 0.25 - 1e-5
    wide = (shares[:, 0] > shares[:, 1]).float().mean()
    assert 0.45 < wide < 0.55


def test_a_limit_that_no_part_can_keep() -> None:
    with pytest.raises(ValueError, match=r"part_iou: expected a number above 0\.0625.*found 0\.06"):
        NegativesConfig(part_iou=0.06)
    assert NegativesConfig(part_iou=0.06, num_parts=0).part_iou == 0.06
    assert NegativesConfig(part_iou=0.06, min_part_fraction=0.2).part_iou == 0.06


def test_central_half_by_hand() -> None:
    half = torch.tensor([[[0.25, 0.25, 0.75, 0.75]]])
    boxes = torch.tensor([[0.0, 0, 40, 80], [10.0, 10, 20, 20]])
    expected = [[[10, 20, 30, 60]], [[12.5, 12.5, 17.5, 17.5]]]
    assert place_parts(boxes, half).tolist() == expected


def test_no_objects() -> None:
    sizes, none = torch.tensor([[40, 40], [20, 20]]), torch.zeros(0, dtype=torch.int64)
    _, counts = sample_background(
        torch.rand(2, 5, 4), sizes, torch.zeros(0, 3, 4), none, NegativesConfig()
    )
    assert counts.all()
    parts, counts = sample_parts(
        torch.rand(0, 2, 5), torch.zeros(0, 4), torch.zeros(0), NegativesConfig()
    )
    assert parts.shape == (0, 2, 4)
    assert counts.shape == (0, 2)

"""Bags of boxes: worked out by hand, and against plain loops."""

from __future__ import annotations

import pytest
import torch

from sapnet.enhancement.bags import (
    anchor_boxes,
    jittered_boxes,
    mostly_inside,
    rival_holders,
)
from sapnet.enhancement.config import AnchorsConfig, JitterConfig
from sapnet.recipes.load import load_recipe


def test_anchors_of_the_paper_have_its_sides_at_its_input_size() -> None:
    size = torch.tensor([[8000, 8000]])  # large enough that nothing is clipped
    cfg = AnchorsConfig(sides=tuple(s / 10 for s in AnchorsConfig().sides))
    boxes = anchor_boxes(torch.tensor([[4000.0, 4000.0]]), size, cfg)
    assert boxes.shape == (1, 42, 4)
    width, height = (boxes[0, :, 2:] - boxes[0, :, :2]).unbind(1)
    sides = (width * height).sqrt().view(6, 7)
    expected = torch.tensor([8.0 * scale for scale in (4, 8, 16, 32, 64, 128)])
    torch.testing.assert_close(sides, expected[:, None].expand(6, 7), rtol=1e-4, atol=0)
    ratios = torch.tensor([1 / 3, 1 / 2, 1 / 1.5, 1, 1.5, 2, 3])
    torch.testing.assert_close((width / height).view(6, 7), ratios.expand(6, 7), rtol=1e-4, atol=0)
    torch.testing.assert_close((boxes[0, :, :2] + boxes[0, :, 2:]) / 2, torch.full((42, 2), 4000.0))


def test_anchors_scale_with_the_image() -> None:
    points = torch.tensor([[30.0, 50.0]])
    small = anchor_boxes(points, torch.tensor([[100, 160]]), AnchorsConfig())
    large = anchor_boxes(3 * points, torch.tensor([[300, 480]]), AnchorsConfig())
    torch.testing.assert_close(large, 3 * small)


def test_anchors_are_clipped_to_their_own_image() -> None:
    cfg = AnchorsConfig(sides=(0.5,), ratios=(4.0,))
    sizes = torch.tensor([[100, 200], [60, 80]])
    boxes = anchor_boxes(torch.tensor([[20.0, 90.0], [79.0, 30.0]]), sizes, cfg)
    # Sides 50 and 30: widths 100 and 60, heights 25 and 15.
    expected = torch.tensor([[[0.0, 77.5, 70.0, 100.0]], [[49.0, 22.5, 80.0, 37.5]]])
    torch.testing.assert_close(boxes, expected)


def test_boxes_of_p2bnet_by_hand() -> None:
    """Sides (s * r, s / r) about the click, cut on both sides alike."""
    cfg = load_recipe("enhancer/p2bnet")["model"]["anchors"]
    anchors = AnchorsConfig(sides=(0.2,), ratios=tuple(cfg["ratios"]))
    point, size = torch.tensor([[500.0, 400.0]]), torch.tensor([[800, 1000]])
    boxes = anchor_boxes(point, size, anchors, centered=True)[0]
    sides = [160 * r for r in (1 / 3, 1 / 2, 1 / 1.5, 1, 1.5, 2, 3)]
    expected = torch.tensor(list(zip(sides, reversed(sides), strict=True)))
    torch.testing.assert_close(boxes[:, 2:] - boxes[:, :2], expected)

    near_border = torch.tensor([[30.0, 790.0]])
    square = AnchorsConfig(sides=(0.2,), ratios=(1.0,))
    cut = anchor_boxes(near_border, size, square, centered=True)
    assert cut.tolist() == [[[0.0, 780.0, 60.0, 800.0]]]
    clipped = anchor_boxes(near_border, size, square)
    assert clipped.tolist() == [[[0.0, 710.0, 110.0, 800.0]]]


def test_boxes_that_leave_the_image_are_no_candidates() -> None:
    sizes = torch.tensor([[100, 100]])
    boxes = torch.tensor([[[-20.0, 0, 80, 50], [-40.0, 0, 60, 50], [5, 5, 5, 9], [0, 0, 9, 9]]])
    # 80 %, 60 %, no area, all of it inside.
    assert mostly_inside(boxes, sizes).tolist() == [[True, False, False, True]]
    free = jittered_boxes(boxes[:, 0], None, JitterConfig(factors=(1.0,), shift=0.0))
    assert torch.equal(free[:, 0], boxes[:, 0])


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_jittered_boxes_against_a_plain_loop(shift: float) -> None:
    cfg = JitterConfig(factors=(0.5, 1.0, 1.5), shift=shift)
    boxes = torch.tensor([[10.0, 20.0, 50.0, 40.0], [0.0, 0.0, 30.0, 90.0]])
    sizes = torch.tensor([[60, 55], [100, 100]])
    steps = [(0.0, 0.0), (-shift, 0.0), (shift, 0.0), (0.0, -shift), (0.0, shift)]
    expected = []
    for (x1, y1, x2, y2), (height, width) in zip(boxes.tolist(), sizes.tolist(), strict=True):
        for dx, dy in steps if shift else steps[:1]:
            for across in cfg.factors:
                for down in cfg.factors:
                    cx = (x1 + x2) / 2 + dx * (x2 - x1)
                    cy = (y1 + y2) / 2 + dy * (y2 - y1)
                    half_x, half_y = (x2 - x1) * across / 2, (y2 - y1) * down / 2
                    expected.append(
                        [
                            max(cx - half_x, 0),
                            max(cy - half_y, 0),
                            min(cx + half_x, width),
                            min(cy + half_y, height),
                        ]
                    )
    found = jittered_boxes(boxes, sizes, cfg)
    assert found.shape == (2, 9 * (5 if shift else 1), 4)
    torch.testing.assert_close(found.flatten(0, 1), torch.tensor(expected))


def test_rival_holders_against_a_plain_loop() -> None:
    draw = torch.Generator().manual_seed(3)
    points = torch.rand(30, 2, generator=draw) * 100
    corners = torch.rand(30, 8, 2, 2, generator=draw) * 100
    boxes = torch.cat([corners.amin(2), corners.amax(2)], -1)
    labels = torch.randint(0, 3, (30,), generator=draw)
    images = torch.randint(0, 3, (30,), generator=draw).sort().values
    expected = torch.zeros(30, 8, dtype=torch.bool)
    for i in range(30):
        for k in range(8):
            x1, y1, x2, y2 = boxes[i, k].tolist()
            expected[i, k] = any(
                j != i
                and labels[j] == labels[i]
                and images[j] == images[i]
                and x1 < points[j, 0] < x2
                and y1 < points[j, 1] < y2
                for j in range(30)
            )
    assert expected.any()
    assert not expected.all()
    assert torch.equal(rival_holders(boxes, points, labels, images), expected)


def test_no_click_gives_no_box() -> None:
    none, sizes = torch.zeros(0, 2), torch.zeros(0, 2, dtype=torch.int64)
    index = torch.zeros(0, dtype=torch.int64)
    anchors = anchor_boxes(none, sizes, AnchorsConfig())
    assert anchors.shape == (0, 42, 4)
    assert jittered_boxes(torch.zeros(0, 4), sizes, JitterConfig()).shape == (0, 125, 4)
    assert rival_holders(anchors, none, index, index).shape == (0, 42)


@pytest.mark.parametrize("values", [(), (0.0, 1.0), (-1.0,)])
def test_sizes_must_be_positive(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"anchors\.sides: expected one or more numbers > 0"):
        AnchorsConfig(sides=values)
    with pytest.raises(ValueError, match=r"jitter\.factors"):
        JitterConfig(factors=values)

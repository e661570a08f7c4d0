from __future__ import annotations

import numpy as np
import pytest

from sapnet.segmentation.config import PUBLISHED_GRIDS, PUBLISHED_RANGES, SOLOv2Config
from sapnet.segmentation.fitting import (
    CROWDED_SHARE,
    ObjectLayout,
    crowded_share,
    fit_grids,
    fit_ranges,
    missed_share,
    scaled_grids,
    scaled_ranges,
)

Sizes = list[float] | np.ndarray


def make_layout(
    sizes: Sizes,
    centers: list[tuple[float, float]] | np.ndarray | None = None,
    per_image: int = 1,
    side: int = 800,
) -> ObjectLayout:
    """Objects in a square input, so many an image; without centres each in the image's middle."""
    count = len(sizes)
    middle = np.full((count, 2), 0.5)
    return ObjectLayout(
        sizes=np.asarray(sizes, float),
        centers=middle if centers is None else np.asarray(centers, float).reshape(-1, 2),
        image_index=np.arange(count) // per_image,
        num_images=-(-count // per_image),
        short_side=side,
        long_side=side,
    )


def spread(count: int, low: float, high: float, per_image: int, side: int) -> ObjectLayout:
    """Objects of log-uniform sizes anywhere in their images."""
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.uniform(np.log(low), np.log(high), count))
    return make_layout(sizes, rng.random((count, 2)), per_image, side)


def fit(layout: ObjectLayout) -> tuple[tuple[int, ...], tuple[tuple[float, float], ...]]:
    ranges = fit_ranges(layout)
    return fit_grids(layout, SOLOv2Config(scale_ranges=ranges)), ranges


def coco_like() -> ObjectLayout:
    """Relative sizes of COCO by SNIP (arXiv:1711.08189): 0.024, 0.106, 0.472 of 800 x 1067 px."""
    shares = np.interp(
        np.linspace(0, 1, 700), [0, 0.1, 0.5, 0.9, 1], [0.01, 0.024, 0.106, 0.472, 1]
    )
    rng = np.random.default_rng(0)
    return make_layout(rng.permutation(shares) * np.sqrt(800 * 1067), rng.random((700, 2)), 7)


# --- ranges -------------------------------------------------------------------------------------


def test_data_like_coco_keep_what_was_published() -> None:
    assert fit(coco_like()) == (PUBLISHED_GRIDS, PUBLISHED_RANGES)


def test_the_largest_tenth_reaches_the_last_range() -> None:
    # Nine tenths of 11 sizes lie at or below the tenth, 192: half of 384.
    sizes = [10.0] * 9 + [192.0] * 2
    assert fit_ranges(make_layout(sizes)) == (
        (1, 48), (24, 96), (48, 192), (96, 384), (192, 2048)
    )  # fmt: skip


def test_ranges_shrink_to_a_third_and_no_further() -> None:
    assert fit_ranges(make_layout([12.0] * 10)) == (
        (1, 32), (16, 64), (32, 128), (64, 256), (128, 2048)
    )  # fmt: skip


@pytest.mark.parametrize("size", [300.0, 700.0, 2000.0])
def test_ranges_never_grow(size: float) -> None:
    assert fit_ranges(make_layout([size] * 5)) == PUBLISHED_RANGES


@pytest.mark.parametrize("sizes", [[0.4, 30, 90], [8, 12, 20], [500, 900, 5000], [3, 40, 2500]])
def test_every_object_lies_in_a_range(sizes: Sizes) -> None:
    layout = make_layout(sizes, side=5000)
    assert missed_share(layout, fit_ranges(layout)) == 0
    shrunk = make_layout(layout.sizes * 0.8, side=5000)  # the smallest training view
    assert missed_share(shrunk, fit_ranges(layout)) == 0


def test_missed_share_counts_objects_in_no_range() -> None:
    layout = make_layout([5, 10, 15, 40])
    assert missed_share(layout, ((10, 12), (12, 20))) == 0.5  # borders belong to the range
    assert missed_share(layout, ((1, 4), (41, 50))) == 1


# --- grids --------------------------------------------------------------------------------------


def test_scaled_grids_and_ranges() -> None:
    assert scaled_grids(0.5) == (20, 18, 12, 8, 6)
    assert scaled_grids(0.01) == (1, 1, 1, 1, 1)
    assert scaled_ranges(0.5)[:2] == ((0.5, 48), (24, 96))


def test_objects_that_share_their_cells() -> None:
    # A grid of 2 x 2: the first two objects share a cell, the third is alone in its own.
    centers = [(0.1, 0.1), (0.4, 0.3), (0.6, 0.1)]
    layout = make_layout([10, 10, 10], centers, per_image=3)
    assert crowded_share(layout, (2,), ((1, 20),)) == pytest.approx(2 / 3)
    assert crowded_share(layout, (4,), ((1, 20),)) == 0
    assert crowded_share(make_layout([10, 10, 10], centers), (2,), ((1, 20),)) == 0  # other images
    # On two levels the second object has a cell of its own on the second.
    layout = make_layout([10, 15, 10], centers, per_image=3)
    assert crowded_share(layout, (2, 2), ((1, 20), (12, 30))) == pytest.approx(1 / 3)
    # Objects of no level are not counted, nor do they take a cell.
    layout = make_layout([10, 99, 10], centers, per_image=3)
    assert crowded_share(layout, (2,), ((1, 20),)) == 0


def test_a_centre_on_the_far_border_is_in_the_last_cell() -> None:
    layout = make_layout([10, 10], [(1.0, 1.0), (0.9, 0.9)], per_image=2)
    assert crowded_share(layout, (4,), ((1, 20),)) == 1


def test_crowded_share_equals_a_plain_count() -> None:
    layout = spread(300, 8, 120, per_image=60, side=160)
    grids, ranges = (9, 5), ((1.0, 40.0), (25.0, 100.0))

    def cell(n: int, side: int) -> tuple[int, int, int]:
        x, y = layout.centers[n]
        return int(layout.image_index[n]), int(y * side), int(x * side)

    def members(level: int) -> list[int]:
        low, high = ranges[level]
        return [n for n in range(len(layout)) if low <= layout.sizes[n] <= high]

    def is_alone(n: int, level: int) -> bool:
        mine = cell(n, grids[level])
        return sum(cell(m, grids[level]) == mine for m in members(level)) == 1

    counted = [n for n in range(len(layout)) if any(n in members(level) for level in (0, 1))]
    crowded = [n for n in counted if not any(n in members(lv) and is_alone(n, lv) for lv in (0, 1))]
    assert len(crowded) > 20
    assert crowded_share(layout, grids, ranges) == pytest.approx(len(crowded) / len(counted))


@pytest.mark.parametrize(
    ("side", "grids"),
    [(160, (20, 18, 12, 8, 6)), (256, (32, 29, 19, 13, 10)), (640, PUBLISHED_GRIDS)],
)
def test_grids_are_no_finer_than_the_features(side: int, grids: tuple[int, ...]) -> None:
    """The finest grid reads stride 8: 20 cells of 160 px, 32 of 256 px."""
    assert fit(spread(100, side / 10, side / 2, 1, side))[0] == grids


def test_tiny_objects() -> None:
    """8 to 20 px in 640 px, 40 an image: the ranges shrink, the published grids hold them apart."""
    layout = spread(4000, 8, 20, per_image=40, side=640)
    grids, ranges = fit(layout)
    assert ranges[0] == (1, 32)
    assert crowded_share(layout, grids, ranges) <= CROWDED_SHARE
    assert sum(side**2 for side in grids) <= 4 * sum(side**2 for side in PUBLISHED_GRIDS)


def test_huge_objects() -> None:
    assert fit(spread(50, 500, 800, per_image=1, side=800)) == (PUBLISHED_GRIDS, PUBLISHED_RANGES)


def test_300_objects_an_image_get_the_finest_grids() -> None:
    layout = spread(3000, 8, 15, per_image=300, side=800)
    grids, ranges = fit(layout)
    assert grids == (80, 72, 48, 32, 24)
    crowded = [crowded_share(layout, scaled_grids(f), ranges) for f in (1, 1.5, 2)]
    assert crowded[0] > crowded[1] > crowded[2] > 0


def test_as_fine_as_needed_and_no_finer() -> None:
    layout = spread(3000, 8, 15, per_image=150, side=800)
    grids, ranges = fit(layout)
    assert PUBLISHED_GRIDS < grids < (80, 72, 48, 32, 24)
    assert crowded_share(layout, grids, ranges) <= CROWDED_SHARE
    coarser = scaled_grids(grids[0] / PUBLISHED_GRIDS[0] - 0.25)
    assert crowded_share(layout, coarser, ranges) > CROWDED_SHARE


def test_ranges_as_given_count_for_the_grids() -> None:
    layout = spread(600, 15, 60, per_image=150, side=800)
    apart = SOLOv2Config(scale_ranges=((1, 20), (20, 30), (30, 40), (40, 50), (50, 60)))
    together = SOLOv2Config(scale_ranges=((1, 99), *[(100.0, 200.0)] * 4))
    assert fit_grids(layout, apart) != fit_grids(layout, together)


def test_without_objects_everything_is_published() -> None:
    nothing = make_layout([])
    assert fit(nothing) == (PUBLISHED_GRIDS, PUBLISHED_RANGES)
    assert crowded_share(nothing, PUBLISHED_GRIDS, PUBLISHED_RANGES) == 0
    assert missed_share(nothing, PUBLISHED_RANGES) == 0


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected sizes \(N,\), centers \(N, 2\)"):
        ObjectLayout(np.ones(3), np.ones((2, 2)), np.zeros(3, int), 1, 800, 800)


def test_objects_per_image_counts_empty_images() -> None:
    layout = ObjectLayout(np.ones(3), np.ones((3, 2)), np.array([2, 0, 2]), 4, 800, 800)
    assert layout.objects_per_image.tolist() == [1, 0, 2, 0]

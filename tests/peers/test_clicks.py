"""Quasi-centre clicks against the statistics of P2BNet's code, which SAPNet's release uses."""

from typing import Any

import numpy as np
import pytest

from sapnet.data.click_weights import draw_points, quasi_center_weights

Arrays = dict[str, np.ndarray]
Vectors = tuple[dict[str, Any], Arrays]

MAX_SEMI_AXIS = 96
RELEASED_OFFSET = 0.0  # the release clicks on cell corners (D29); ours are pixel centres
RELEASED_JITTER = 1.0
FIXED_POINT = 16  # binary digits after the point in OpenCV's drawing


def opencv_ellipse(
    shape: tuple[int, int], center: tuple[int, int], axes: tuple[int, int]
) -> np.ndarray:
    """The cells that OpenCV fills for an ellipse, which is what the release clicks in.

    OpenCV fills a polygon on the ellipse and draws its outline with lines that are rounded once
    along each axis: a few cells more than a true ellipse, and not symmetric. Ours is a true one, so
    that this raster is part of the test and not of the package.
    """
    vertices = _polygon(center, axes)
    filled = np.zeros(shape, bool)
    half = 1 << (FIXED_POINT - 1)
    spans: dict[int, list[int]] = {}
    for start, stop in zip(np.roll(vertices, 1, 0).tolist(), vertices.tolist(), strict=True):
        for x, y in _line(start, stop):
            if 0 <= y < shape[0] and 0 <= x < shape[1]:
                filled[y, x] = True
        upper, lower = sorted([start, stop], key=lambda vertex: vertex[1])
        top, bottom = (vertex[1] + half >> FIXED_POINT for vertex in (upper, lower))
        for row in range(top, bottom):
            slope = ((lower[0] - upper[0]) * 2 + bottom - top) // (2 * (bottom - top))
            spans.setdefault(row, []).append(upper[0] + slope * (row - top))
    for row, ends in spans.items():
        left, right = (end + half >> FIXED_POINT for end in (min(ends), max(ends)))
        if 0 <= row < shape[0]:
            filled[row, max(left, 0) : max(right + 1, 0)] = True
    return filled


def _polygon(center: tuple[int, int], axes: tuple[int, int]) -> np.ndarray:
    """(V, 2) int64 fixed-point vertices; the smaller the ellipse, the fewer."""
    longest = max(axes)
    degrees = 90 if longest < 3 else 30 if longest < 10 else 18 if longest < 15 else 5
    angles = np.deg2rad(np.arange(0, 361, degrees))
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    vertices = np.rint((center + circle * axes) * (1 << FIXED_POINT)).astype(np.int64)
    moved = np.any(np.diff(vertices, axis=0) != 0, axis=1)
    return vertices[np.concatenate([[True], moved])]


def _line(start: list[int], stop: list[int]) -> list[tuple[int, int]]:
    """Cells (x, y) of a line between fixed-point vertices, one per step of its longer axis."""
    half = 1 << (FIXED_POINT - 1)
    steep = abs(stop[0] - start[0]) <= abs(stop[1] - start[1])
    main, other = (1, 0) if steep else (0, 1)
    if stop[main] < start[main]:
        start, stop = stop, start
    rise, run = stop[other] - start[other], stop[main] - start[main]
    slope = (abs(rise) << FIXED_POINT) // (run | 1) * (1 if rise >= 0 else -1)
    cells = [(stop[main] + half >> FIXED_POINT, stop[other] + half >> FIXED_POINT)]
    for step in range((run >> FIXED_POINT) + 1):
        position = (start[main] + half >> FIXED_POINT) + step
        cells.append((position, start[other] + half + slope * step >> FIXED_POINT))
    return [(b, a) for a, b in cells] if steep else cells


def shapes(arrays: Arrays) -> list[tuple[str, Arrays]]:
    """Every shape that clicks are drawn from by weight, its keys without the number.

    Shapes of mode "vertex" are left out: the release then clicks on a vertex of the polygon, which
    need not lie on the object; ours clicks on a pixel of the mask.
    """
    numbered = {
        str(name): {
            key.removeprefix(f"{i}_"): value
            for key, value in arrays.items()
            if key.startswith(f"{i}_")
        }
        for i, name in enumerate(arrays["names"])
    }
    return [(name, shape) for name, shape in numbered.items() if shape["mode"] != "vertex"]


def released_weights(arrays: Arrays, shape: Arrays) -> np.ndarray:
    height, width = shape["mask_shape"].tolist()
    mask = np.unpackbits(shape["mask_packed"])[: height * width].reshape(height, width)
    sides = shape["bbox"][2:]
    semi_axes = [round(min(MAX_SEMI_AXIS, arrays["size_range"] * side / 2)) for side in sides]
    center = (round(sides[0] / 2), round(sides[1] / 2))
    region = opencv_ellipse((height, width), center, tuple(semi_axes))
    assert (region & (mask != 0)).any() == (shape["mode"] == "centre")
    return quasi_center_weights(mask, region, tuple(arrays["mu"]), tuple(arrays["sigma"]))


@pytest.mark.vectors("selection/qc_points/*.npz")
def test_exact_distribution(vectors: Vectors) -> None:
    _, arrays = vectors
    compared = shapes(arrays)
    assert compared
    for name, shape in compared:
        weights = released_weights(arrays, shape)
        rows, columns = np.indices(weights.shape).reshape(2, -1)
        cells = np.stack([columns, rows], 1) + shape["bbox"][:2] + RELEASED_OFFSET
        mean = weights.ravel() @ cells
        covariance = (cells - mean).T @ ((cells - mean) * weights.reshape(-1, 1))
        covariance += np.eye(2) * RELEASED_JITTER**2 / 12
        assert np.count_nonzero(weights) == shape["support_pixels"], name
        assert weights.max() == pytest.approx(float(shape["max_prob"]), rel=1e-9), name
        np.testing.assert_allclose(mean, shape["exact_mean"], rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(
            covariance, shape["exact_cov"], rtol=1e-7, atol=1e-7, err_msg=name
        )


@pytest.mark.vectors("selection/qc_points/*.npz")
def test_drawn_clicks(vectors: Vectors) -> None:
    """Ours and theirs are two samples of one distribution: means within 4 standard errors."""
    _, arrays = vectors
    for name, shape in shapes(arrays):
        origin = tuple(shape["bbox"][:2])
        count = int(shape["n"])
        points = draw_points(
            released_weights(arrays, shape),
            origin,
            np.random.default_rng(0),
            count=count,
            offset=RELEASED_OFFSET,
            jitter=RELEASED_JITTER,
        )
        variance = np.diag(shape["exact_cov"])
        for mean in (points.mean(0), shape["mean"]):
            assert (np.abs(mean - shape["exact_mean"]) < 4 * np.sqrt(variance / count)).all(), name
        # Release and ours alike clip at the outer half cell; its extremes bound our cells.
        spread = points.max(0) - points.min(0)
        assert (np.abs(points.min(0) - shape["min"]) < 0.1 * spread + 0.5).all(), name

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sapnet.api.clicks import Classes, find_labels, parse_labels, parse_points
from sapnet.structures.clicks import Category

SIZE = (10, 20)
"""(height, width)."""


@pytest.mark.parametrize(
    "points",
    [
        [(1, 2), (19.5, 9)],
        [[1, 2], [19.5, 9]],
        ((1, 2), (19.5, 9)),
        np.array([[1, 2], [19.5, 9]]),
        np.array([[1, 2], [19.5, 9]], np.float32),
        torch.tensor([[1, 2], [19.5, 9]]),
        [np.array([1, 2]), (19.5, 9)],
        [[(1, 2)], [(19.5, 9)]],
    ],
)
def test_one_click_per_object(points: Any) -> None:  # noqa: ANN401
    assert parse_points(points, SIZE) == [((1.0, 2.0),), ((19.5, 9.0),)]


def test_several_clicks_of_an_object() -> None:
    found = parse_points([(1, 2), [(3, 4), (5, 6)], np.array([[7, 8]])], SIZE)
    assert found == [((1, 2),), ((3, 4), (5, 6)), ((7, 8),)]


@pytest.mark.parametrize("points", [[], np.zeros((0, 2)), ()])
def test_no_clicks(points: Any) -> None:  # noqa: ANN401
    assert parse_points(points, SIZE) == []


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(20, 5)], r"points\[0\]: x = 20, but the image is 20 px wide \(0 <= x < 20\)"),
        ([(1, 1), (5, 10)], r"points\[1\]: y = 10, but the image is 10 px high"),
        ([(-0.5, 5)], r"x = -0\.5"),
        ([(float("nan"), 5)], r"x = nan"),
        ((3, 4), r"found the single point \(3, 4\)\. Put it into a list"),
        (np.array([3, 4]), "single point"),
        ([(1, 2, 3)], r"points\[0\]: expected \(x, y\), .* found \[1, 2, 3\]"),
        ([("a", "b")], r"points\[0\]: expected \(x, y\)"),
        ([[]], r"points\[0\]: expected \(x, y\)"),
        ([5], r"points\[0\]: expected \(x, y\), or a list of \(x, y\) for one object, found 5"),
    ],
)
def test_wrong_points(points: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=message):
        parse_points(points, SIZE)


def test_points_that_are_no_sequence() -> None:
    with pytest.raises(TypeError, match=r"expected one \(x, y\) per object, .* found NoneType"):
        parse_points(None, SIZE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (None, Classes((0, 0, 0), None)),
        (["dog", "cat", "dog"], Classes((0, 1, 0), ("dog", "cat"))),
        ([4, 0, 4], Classes((4, 0, 4), None)),
        (np.array([1, 2, 3]), Classes((1, 2, 3), None)),
        (torch.tensor([1, 2, 3]), Classes((1, 2, 3), None)),
        ("cat", Classes((0, 0, 0), ("cat",))),
        (2, Classes((2, 2, 2), None)),
    ],
)
def test_labels_without_a_network(labels: Any, expected: Classes) -> None:  # noqa: ANN401
    assert parse_labels(labels, 3) == expected


CATEGORIES = (Category(7, "cat"), Category(9, "dog"))


def test_labels_of_a_network() -> None:
    assert find_labels(["dog", "cat"], 2, CATEGORIES) == Classes((1, 0), ("cat", "dog"))
    assert find_labels([1, 1], 2, CATEGORIES) == Classes((1, 1), ("cat", "dog"))
    assert find_labels("dog", 2, CATEGORIES).index == (1, 1)
    assert find_labels(None, 2, CATEGORIES[:1]) == Classes((0, 0), ("cat",))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (["cta", "dog"], ValueError, r"unknown class 'cta'; .* knows cat, dog; did you mean 'cat'"),
        ([0, 2], ValueError, "class indices of 0 to 1, found 2"),
        (None, ValueError, r"tells 2 classes apart \(cat, dog\); name the class of each object"),
        (["cat"], ValueError, "one per object, found 1 for 2 objects"),
        (["cat", 1], TypeError, "names or indices, found names and 1"),
        ([0.5, 1], TypeError, r"class names or indices, found 0\.5"),
        ([True, 1], TypeError, "found True"),
    ],
)
def test_wrong_labels(labels: Any, error: type[Exception], message: str) -> None:  # noqa: ANN401
    with pytest.raises(error, match=message):
        find_labels(labels, 2, CATEGORIES)


def test_a_negative_index() -> None:
    with pytest.raises(ValueError, match="0 or more, found -1"):
        parse_labels([-1], 1)

from __future__ import annotations

import numpy as np
import pytest

from sapnet.proposals.click.windows import GRAY, Pyramid, cut, place_windows, window_matrix


def whole(image: np.ndarray, side: int) -> np.ndarray:
    return cut(
        Pyramid(image), window_matrix(np.array([0.0, 0.0, image.shape[0]]), side), side, GRAY
    )


def test_windows_are_moved_into_the_image() -> None:
    centers = np.array([[50.0, 40.0], [1.0, 79.0], [99.0, 0.0]])
    placed = place_windows(centers, np.full(3, 20.0), (80, 100))
    assert placed.tolist() == [[40, 30, 20], [0, 60, 20], [80, 0, 20]]


def test_windows_wider_than_the_image_are_centred_on_it() -> None:
    placed = place_windows(np.array([[3.0, 3.0], [90.0, 70.0]]), np.full(2, 100.0), (80, 100))
    assert placed.tolist() == [[0, -10, 100], [0, -10, 100]]


def test_no_windows() -> None:
    assert place_windows(np.zeros((0, 2)), np.zeros(0), (8, 8)).shape == (0, 3)


def test_a_window_at_its_own_size_is_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert (whole(image, 32) == image).all()


def test_what_lies_off_the_image_is_gray() -> None:
    image = np.full((32, 32, 3), 255, np.uint8)
    pixels = cut(Pyramid(image), window_matrix(np.array([-32.0, 0, 64]), 64), 64, GRAY)
    assert (pixels[:30, :30] == 127).all()
    assert (pixels[:30, 34:] == 255).all()


@pytest.mark.parametrize("size", [256, 255])
def test_a_strong_reduction_means_the_pixels(size: int) -> None:
    image = np.zeros((size, size, 3), np.uint8)
    image[:, ::2] = 255  # stripes that bare interpolation would hit or miss
    pixels = whole(image, 32)
    assert abs(int(pixels[4:-4, 4:-4].mean()) - 127) <= 2
    assert pixels[4:-4, 4:-4].std() < 8


def test_halvings_stop_before_the_image_is_too_small() -> None:
    pyramid = Pyramid(np.zeros((130, 200, 3), np.uint8))
    assert pyramid.level(1).shape == (65, 100, 3)
    assert pyramid.level(2).shape == pyramid.level(9).shape == (33, 50, 3)

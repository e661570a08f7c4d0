from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sapnet.data.image_files.address import Window
from sapnet.data.tiles.grid import Tiling
from sapnet.data.tiles.seams import Piece, agree, join_pieces, reaches_border
from sapnet.geometry.rle import decode_masks, encode_masks, rle_boxes

SIZE = (100, 170)
LEFT, RIGHT = Window(0, 0, 100, 100), Window(70, 0, 100, 100)


def piece(window: Window, box: Sequence[int], score: float = 0.9, label: int = 0) -> Piece:
    """A rectangle x1, y1, x2, y2 of the image, as far as a window shows it."""
    mask = np.zeros(SIZE, bool)
    x1, y1, x2, y2 = box
    mask[y1:y2, x1:x2] = True
    return piece_of(mask, window, score, label)


def piece_of(mask: np.ndarray, window: Window, score: float = 0.9, label: int = 0) -> Piece:
    cut = mask[window.y : window.y + window.height, window.x : window.x + window.width]
    rle = encode_masks(np.ascontiguousarray(cut)[None])[0]
    x1, y1, x2, y2 = rle_boxes([rle])[0].tolist()
    return Piece(window, rle, (x1, y1, x2, y2), label, score)


def joined(*pieces: Piece) -> list[tuple[int, list[int]]]:
    """Index and box x1, y1, x2, y2 of each object."""
    return [
        (index, [int(side) for side in rle_boxes([rle])[0]])
        for index, rle in join_pieces(pieces, SIZE)
    ]


def test_an_object_that_both_windows_show_is_one() -> None:
    box = [75, 20, 95, 40]
    assert joined(piece(LEFT, box, 0.8), piece(RIGHT, box, 0.9)) == [(1, box)]


def test_the_whole_mask_wins_over_its_cut_off_part() -> None:
    whole = [60, 20, 90, 40]  # the right window shows 20 of its 30 columns
    found = joined(piece(LEFT, whole, 0.5), piece(RIGHT, whole, 0.95))
    assert found == [(0, whole)]


def test_parts_of_a_large_object_are_united() -> None:
    assert joined(piece(LEFT, [50, 0, 150, 50], 0.5), piece(RIGHT, [50, 0, 150, 50], 0.7)) == [
        (1, [50, 0, 150, 50])
    ]


def test_an_object_over_three_windows_is_one() -> None:
    windows = [Window(0, 0, 60, 100), Window(40, 0, 60, 100), Window(80, 0, 60, 100)]
    box = [10, 10, 130, 30]
    assert joined(*(piece(window, box) for window in windows)) == [(0, box)]


def test_neighbours_stay_two() -> None:
    first, second = [72, 10, 84, 30], [85, 10, 97, 30]
    found = joined(
        piece(LEFT, first), piece(LEFT, second), piece(RIGHT, first), piece(RIGHT, second)
    )
    assert sorted(box for _, box in found) == [first, second]


def test_other_classes_stay_apart() -> None:
    box = [75, 20, 95, 40]
    found = joined(piece(LEFT, box, 0.8, 0), piece(RIGHT, box, 0.9, 1))
    assert found == [(1, box), (0, box)]


def test_one_window_keeps_what_lies_on_each_other() -> None:
    box = [10, 10, 30, 30]
    assert len(joined(piece(LEFT, box, 0.8), piece(LEFT, box, 0.9))) == 2


def test_a_piece_inside_of_the_other_window_s_mask_is_dropped() -> None:
    whole, fragment = [72, 20, 95, 60], [72, 22, 90, 35]
    assert joined(piece(LEFT, whole, 0.6), piece(RIGHT, fragment, 0.5)) == [(0, whole)]


def test_an_object_of_the_image_s_border_is_not_cut() -> None:
    assert not reaches_border((0, 0, 20, 20), LEFT, SIZE)
    assert reaches_border((60, 5, 99, 20), LEFT, SIZE)
    assert not reaches_border((60, 5, 100, 20), RIGHT, SIZE)
    assert reaches_border((2, 5, 60, 20), RIGHT, SIZE)


def test_windows_that_share_nothing_agree_on_nothing() -> None:
    far = piece(Window(100, 0, 70, 100), [110, 10, 120, 20])
    assert not agree(piece(LEFT, [10, 10, 20, 20]), far)


def test_nothing_is_nothing() -> None:
    assert join_pieces([], SIZE) == []


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(64, 100), share=st.floats(0.1, 0.5))
def test_exact_masks_of_windows_give_the_image_back(seed: int, size: int, share: float) -> None:
    """Objects apart from each other, of any size, seen exactly: each is found once, and whole."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(90, 260, 2))
    objects = np.zeros((height, width), int)
    count = 0
    for _ in range(25):
        h, w = (int(side) for side in rng.integers(4, 90, 2))
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        around = objects[max(y - 2, 0) : y + h + 2, max(x - 2, 0) : x + w + 2]
        if not around.any():
            count += 1
            objects[y : y + h, x : x + w] = count
    tiling = Tiling(size, max(int(size * share), 2))
    pieces = [
        piece_of(objects == number, window, float(rng.random()))
        for window in tiling.windows(height, width)
        for number in np.unique(_cut(objects, window))
        if number
    ]
    found = join_pieces(pieces, (height, width))
    masks = decode_masks([rle for _, rle in found])
    expected = {(objects == number).tobytes() for number in range(1, count + 1)}
    assert {(mask > 0).tobytes() for mask in masks} == expected
    assert len(masks) == count


def _cut(objects: np.ndarray, window: Window) -> np.ndarray:
    return objects[window.y : window.y + window.height, window.x : window.x + window.width]


def test_scores_order_the_objects() -> None:
    found = joined(piece(LEFT, [5, 5, 20, 20], 0.2), piece(RIGHT, [120, 5, 140, 20], 0.6))
    assert [index for index, _ in found] == [1, 0]

from dataclasses import replace

import pytest

from sapnet.annotate.preview.views import GUESSED, Windowing, Windows, window_for
from sapnet.data.image_files.address import Window
from sapnet.data.tiles.grid import Tiling
from sapnet.structures.clicks import Click

SIZE = (3000, 4000)
WHOLE = Window(0, 0, 4000, 3000)
TILING = Tiling(1000, 200)  # columns at 0, 750, 1500, 2250, 3000; rows at 0, 667, 1333, 2000


def click(*points: tuple[float, float], **parts: object) -> Click:
    return replace(Click(1, 1, 1, points), **parts)


def test_a_click_goes_to_the_window_that_it_belongs_to() -> None:
    assert window_for(click((874.0, 10.0)), SIZE, TILING) == Window(0, 0, 1000, 1000)
    assert window_for(click((876.0, 10.0)), SIZE, TILING) == Window(750, 0, 1000, 1000)


def test_further_points_and_a_box_go_to_the_window_that_holds_them() -> None:
    far = click((870.0, 10.0), (1100.0, 10.0))
    assert window_for(far, SIZE, TILING) == Window(750, 0, 1000, 1000)
    boxed = click((870.0, 50.0), box=(800.0, 10.0, 1200.0, 90.0))
    assert window_for(boxed, SIZE, TILING) == Window(750, 0, 1000, 1000)


def test_an_estimated_box_and_negative_points_do_not_count() -> None:
    estimated = click((10.0, 10.0), box=(0.0, 0.0, 1500.0, 90.0), box_score=0.5)
    assert window_for(estimated, SIZE, TILING) == Window(0, 0, 1000, 1000)
    negative = click((10.0, 10.0), negative_points=((3000.0, 10.0),))
    assert window_for(negative, SIZE, TILING) == Window(0, 0, 1000, 1000)


@pytest.mark.parametrize(
    ("points", "window"),
    [
        (((500.0, 500.0), (1500.0, 900.0)), Window(250, 0, 1500, 1500)),  # moved into the image
        (((500.0, 1500.0), (1500.0, 1500.0)), Window(250, 750, 1500, 1500)),
        (((0.0, 0.0), (3999.0, 2999.0)), WHOLE),
    ],
)
def test_what_no_window_holds_has_one_of_its_own(
    points: tuple[tuple[float, float], ...], window: Window
) -> None:
    assert window_for(click(*points), SIZE, TILING) == window


def test_windows_that_were_named_or_advised_are_the_only_ones() -> None:
    settled = Windows(TILING)
    assert settled.of(SIZE, click((10.0, 10.0))) == (Window(0, 0, 1000, 1000),)
    assert settled.of((300, 400), click((10.0, 10.0))) == (Window(0, 0, 400, 300),)
    assert settled.of(SIZE) == (Window(1500, 1333, 1000, 1000),)  # what a first click may need
    assert Windows().of(SIZE, click((10.0, 10.0))) == (WHOLE,)


def test_without_advice_large_images_are_looked_at_twice() -> None:
    unknown, first = Windows(is_open=True), click((10.0, 10.0))
    assert unknown.of((2000, 2600), first) == (Window(0, 0, 2600, 2000),)
    size = GUESSED.size
    assert unknown.of(SIZE, first) == (Window(0, 0, size, size), WHOLE)
    assert unknown.of(SIZE) == (WHOLE,)
    assert unknown.of(SIZE, click((0.0, 0.0), (3999.0, 2999.0))) == (WHOLE,)
    vast = (20_000, 20_000)  # 400 megapixels are never shrunk to one picture
    assert unknown.of(vast, first) == (Window(0, 0, size, size),)
    assert len(unknown.of(vast)) == 1


def test_advice_is_asked_for_each_time() -> None:
    advice: list[Tiling | None] = [None, TILING]
    windowing = Windowing(advised=lambda: advice.pop(0))
    assert windowing.now() == Windows(None, is_open=True)
    assert windowing.now() == Windows(TILING)
    assert Windowing(TILING).now() == Windows(TILING)
    assert Windowing().now() == Windows()

"""Looking ahead: the wanted image first, none twice, and on without what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sapnet.annotate.listing import ImageListing, ListedImage
from sapnet.annotate.suggest.scout import Progress, Scout
from sapnet.annotate.suggest.seen import SeenFile, SeenImage
from tests.annotate.suggest.seen_squares import SquareSeer, seen_squares

NAMES = [f"{number}.png" for number in range(6)]


class OrderedSeer(SquareSeer):
    """Notes the order of the images, and waits before each one for a permit."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []

    def __call__(self, path: Path) -> SeenImage:
        self.order.append(path.name)
        return super().__call__(path)


@pytest.fixture
def listing() -> ImageListing:
    broken = ListedImage("broken.png", Path("broken.png"), 0, 0, problem="no image")
    return ImageListing([*(ListedImage(n, Path(n), 320, 240, stamp=3) for n in NAMES), broken])


@pytest.fixture
def seen(tmp_path: Path) -> SeenFile:
    return SeenFile(tmp_path / "seen.jsonl", "digest")


@pytest.fixture
def begin(listing: ImageListing, seen: SeenFile) -> Iterator[Callable[..., Scout]]:
    scouts: list[Scout] = []

    def start(seer: SquareSeer, touched: tuple[str, ...] = ()) -> Scout:
        scouts.append(Scout(listing, seen, seer, lambda name: name in touched))
        scouts[-1].start()
        return scouts[-1]

    yield start
    for scout in scouts:
        scout.close()


def test_wanted_images_come_first_and_touched_ones_last(
    begin: Callable[..., Scout], seen: SeenFile, wait_for: Callable[..., Any]
) -> None:
    seer = OrderedSeer()
    seer.may_look.clear()
    scout = begin(seer, ("0.png",))
    wait_for(lambda: seer.order, "the first image")
    scout.want("3.png")
    scout.want("5.png")
    scout.want("3.png")
    seer.may_look.set()
    wait_for(lambda: scout.progress == Progress(6, 6, ""), "all images")
    assert seer.order[1:3] == ["3.png", "5.png"]
    assert seer.order[-1] == "0.png"
    assert sorted(seer.order) == NAMES  # each once, also what was wanted twice
    scout.want("2.png")
    assert set(seer.looks.values()) == {1}
    assert {image.stamp for image in seen.images.values()} == {3}


def test_what_is_known_is_not_looked_at(
    begin: Callable[..., Scout], seen: SeenFile, wait_for: Callable[..., Any]
) -> None:
    for name in NAMES[:5]:
        seen.add(name, replace(seen_squares(), stamp=3))
    seen.add("4.png", replace(seen_squares(), stamp=2))  # the file was changed since
    seer = OrderedSeer()
    scout = begin(seer)
    wait_for(lambda: scout.progress.looked == 6, "all images")
    assert sorted(seer.order) == ["4.png", "5.png"]


def test_an_image_that_fails_is_left_out(
    begin: Callable[..., Scout], wait_for: Callable[..., Any]
) -> None:
    seer = SquareSeer()
    seer.errors["2.png"] = ValueError("2.png: cannot be read")
    scout = begin(seer)
    wait_for(lambda: scout.progress == Progress(5, 5, "2.png: cannot be read"), "the others")
    assert scout.has_failed("2.png")
    assert not scout.has_failed("1.png")


def test_a_process_that_dies_again_and_again_is_given_up(
    begin: Callable[..., Scout], wait_for: Callable[..., Any]
) -> None:
    seer = SquareSeer()
    seer.errors = {name: ConnectionError("the process of the segmenter died") for name in NAMES}
    scout = begin(seer)
    wait_for(lambda: scout.has_failed("0.png"), "the end")
    assert sum(seer.looks.values()) == 3
    assert scout.progress.message.endswith("perhaps because memory ran out. Clicking goes on")

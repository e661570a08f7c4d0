from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sapnet.structures.clicks import Click
from sapnet.teaching.config import SourceConfig, TuneConfig
from sapnet.teaching.objects import load_pool
from sapnet.teaching.pool import MarkedImage
from sapnet.teaching.tuning.split import asked_click, split_objects


@pytest.fixture
def images(source: SourceConfig) -> tuple[MarkedImage, ...]:
    """Ten images of two objects each."""
    first = load_pool([source]).images[0]
    return tuple(replace(first, path=Path(f"{number}.png")) for number in range(10))


def test_whole_images_are_kept_aside(images: tuple[MarkedImage, ...]) -> None:
    split = split_objects(images, TuneConfig(kept_aside=0.3))
    assert (len(split.learned), len(split.kept_aside)) == (7, 3)
    names = [image.path.name for image in (*split.learned, *split.kept_aside)]
    assert sorted(names) == sorted(image.path.name for image in images)


def test_most_images_stay_where_they_are_when_some_come(images: tuple[MarkedImage, ...]) -> None:
    cfg = TuneConfig(kept_aside=0.5)
    before = {image.path for image in split_objects(images[:8], cfg).kept_aside}
    after = {image.path for image in split_objects(images, cfg).kept_aside}
    assert len(before & after) >= 3


def test_single_objects_of_few_images_are_kept_aside(images: tuple[MarkedImage, ...]) -> None:
    split = split_objects(images[:3], TuneConfig(kept_aside=0.3))
    counts = [
        sum(len(image.objects) for image in part) for part in (split.learned, split.kept_aside)
    ]
    assert counts == [4, 2]
    learned = {(im.path, o.area) for im in split.learned for o in im.objects}
    assert not learned & {(im.path, o.area) for im in split.kept_aside for o in im.objects}


def test_too_few_objects_are_refused(images: tuple[MarkedImage, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected 4 or more objects with masks, .* found 2"):
        split_objects(images[:1], TuneConfig())


def test_objects_are_asked_for_by_the_users_clicks(images: tuple[MarkedImage, ...]) -> None:
    image = images[0]
    drawn = asked_click(image, 1)
    x1, y1, x2, y2 = image.objects[1].box
    assert x1 <= drawn.point[0] <= x2
    assert y1 <= drawn.point[1] <= y2
    assert asked_click(image, 1) == drawn
    own = Click(7, 1, 1, ((55.0, 25.0),), ((1.0, 1.0),))
    clicked = replace(image, objects=(replace(image.objects[0], click=own),))
    assert asked_click(clicked, 0) == own

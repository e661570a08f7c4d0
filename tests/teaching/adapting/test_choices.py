from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

from sapnet.geometry.rle import decode_masks, encode_masks, rle_boxes
from sapnet.proposals.click.proposer import ClickProposer
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.proposals import Proposals
from sapnet.teaching.adapting.choices import AskedImage, ChooseMasks, choose_masks, draw_clicks
from sapnet.teaching.adapting.config import AdaptConfig

SIDE = 20


def square(x: int, y: int, half: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1] = 1
    return mask


class Squares:
    """Squares round the click, the largest first, and an empty mask before them."""

    def __init__(self, halves: Sequence[int] = (8, 3, 1)) -> None:
        self.halves = halves
        self.asked: list[int] = []

    def prepare(self, image: np.ndarray) -> np.ndarray:
        return image

    def propose_prepared(
        self, prepared: np.ndarray, clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        assert prepared.shape == (SIDE, SIDE, 3)
        self.asked += indices
        return [self._bag(clicks[index].point) for index in indices]

    def _bag(self, point: tuple[float, float]) -> Proposals:
        x, y = map(int, point)
        full = [square(x, y, half) for half in self.halves]
        masks = encode_masks(np.stack([np.zeros((SIDE, SIDE), np.uint8), *full]))
        scores = np.linspace(0.9, 0.1, len(masks), dtype=np.float32)
        return Proposals(masks, rle_boxes(masks), scores, ("point",) * len(masks))


def asked_of(proposer: Squares) -> ClickProposer:
    return cast("ClickProposer", proposer)


def click(key: int, x: float, category_id: int = 1) -> Click:
    return Click(key, 1, category_id, ((x, 10.0),))


PIXELS = np.zeros((SIDE, SIDE, 3), np.uint8)


def areas(proposer: Squares, clicks: Sequence[Click], asked: Sequence[int]) -> list[int]:
    masks = choose_masks(asked_of(proposer), PIXELS, clicks, asked)
    return [int(mask.sum()) for mask in decode_masks(masks)] if masks else []


def test_the_favourite_without_a_rival_is_chosen() -> None:
    assert areas(Squares(), [click(1, 10.0)], [0]) == [17 * 17]
    near, far = click(2, 14.0), click(2, 14.0, category_id=2)
    assert areas(Squares(), [click(1, 10.0), near], [0]) == [7 * 7]
    assert areas(Squares(), [click(1, 10.0), far], [0]) == [17 * 17], "another category"


def test_an_object_whose_masks_all_hold_a_rival_is_left_out() -> None:
    clicks = [click(1, 5.0), click(2, 6.0), click(3, 13.0)]
    assert areas(Squares(), clicks, [0, 1, 2]) == [7 * 7]


def test_a_mask_that_came_with_its_click_is_taken_as_it_is() -> None:
    (known,) = encode_masks(square(4, 4, 2)[None])
    clicks = [replace(click(1, 4.0), mask=known), click(2, 15.0)]
    proposer = Squares()
    assert areas(proposer, clicks, [0, 1]) == [25, 13 * 17]
    assert proposer.asked == [1]
    assert areas(proposer, clicks, [0]) == [25]
    assert proposer.asked == [1]


def test_clicks_are_drawn_evenly_from_some_images() -> None:
    images = tuple(ImageRecord(i, f"{i}.png", SIDE, SIDE) for i in range(6))
    objects = tuple(
        Click(100 * i + n, i, 1, ((n, 1.0),)) for i in range(5) for n in range(4 * (i + 1))
    )
    clicks = ClickSet(images, (Category(1, "cell"),), objects)
    cfg = AdaptConfig(max_clicks=20, max_images=3)
    drawn = draw_clicks(clicks, cfg)
    assert len(drawn) <= 3
    assert sum(len(entry.asked) for entry in drawn) == 20
    for entry in drawn:
        own = [c for c in objects if c.image_id == entry.image.image_id]
        assert list(entry.clicks) == own, "the others are rivals"
        assert len(set(entry.asked)) == len(entry.asked) > 0
        assert max(entry.asked) < len(own)
    assert draw_clicks(clicks, cfg) == drawn
    assert draw_clicks(clicks, replace(cfg, seed=1)) != drawn
    every = draw_clicks(clicks, AdaptConfig())
    assert sum(len(entry.asked) for entry in every) == len(objects)


@pytest.mark.parametrize(("max_pixels", "expected"), [(1, 1), (2 * SIDE**2, 2), (10**9, 5)])
def test_large_images_are_few(max_pixels: int, expected: int) -> None:
    images = tuple(ImageRecord(i, f"{i}.png", SIDE, SIDE) for i in range(5))
    objects = tuple(Click(i, i, 1, ((1.0, 1.0),)) for i in range(5))
    clicks = ClickSet(images, (Category(1, "cell"),), objects)
    assert len(draw_clicks(clicks, AdaptConfig(max_pixels=max_pixels))) == expected


@pytest.mark.parametrize("content", [b"no image", None])
def test_an_image_that_cannot_be_used_is_left_out(tmp_path: Path, content: bytes | None) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "good.png")
    if content is not None:
        (tmp_path / "bad.png").write_bytes(content)
    choose = ChooseMasks(asked_of(Squares()), tmp_path)
    asked = AskedImage(ImageRecord(1, "good.png", SIDE, SIDE), (click(1, 10.0),), (0,))
    found = choose(asked)
    assert found is not None
    assert found.path == tmp_path / "good.png"
    assert [(o.area, o.weight, o.click) for o in found.objects] == [(17 * 17, 1.0, None)]
    assert choose(replace(asked, image=replace(asked.image, file_name="bad.png"))) is None


def test_specks_are_not_learned_from(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "good.png")
    asked = AskedImage(ImageRecord(1, "good.png", SIDE, SIDE), (click(1, 10.0),), (0,))
    assert ChooseMasks(asked_of(Squares((1,))), tmp_path)(asked) is None

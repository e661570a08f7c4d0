from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from sapnet.data.coco import load_instances
from sapnet.doctor.contact_sheet import Dot, SheetInputs, _key_entries, draw_sheet
from sapnet.prediction.class_colors import class_color
from sapnet.structures.clicks import Category, ImageRecord
from tests.doctor.conftest import Small

SIDE = 320


def _inputs(root: Path, num_images: int, dots: dict[int, list[Dot]]) -> SheetInputs:
    for image_id in range(num_images):
        Image.new("RGB", (64, 48), (120, 120, 120)).save(root / f"{image_id}.png")
    images = [ImageRecord(image_id, f"{image_id}.png", 64, 48) for image_id in range(num_images)]
    categories = [Category(1, "cat"), Category(2, "dog")]
    return SheetInputs(images, root, categories, dots, {}, side=SIDE)


def _found(sheet: Image.Image, color: tuple[int, int, int]) -> np.ndarray:
    """(N, 2) x, y of the pixels of a colour."""
    return np.argwhere((np.asarray(sheet) == color).all(axis=2))[:, ::-1]


def test_a_click_is_drawn_where_it_is(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, 1, {0: [Dot(16, 12, 2)]})
    sheet = draw_sheet(inputs)
    assert sheet is not None
    pixels = _found(sheet.crop((0, 0, 344, 320)), (0x2E, 0xC4, 0xFF))  # the second colour
    # A quarter of 320 x 240 px, 12 px of border, and 40 px above the picture in its square.
    assert np.abs(pixels.mean(axis=0) - (12 + 80, 12 + 40 + 60)).max() < 1


def test_a_click_outside_is_a_red_cross_at_the_border(tmp_path: Path) -> None:
    sheet = draw_sheet(_inputs(tmp_path, 1, {0: [Dot(100, 24, 1)]}))
    assert sheet is not None
    pixels = _found(sheet, (255, 0, 0))
    assert len(pixels) > 20
    assert np.abs(pixels[:, 0] - (12 + 319)).max() < 10


def test_sixteen_of_many_those_with_clicks_first(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, 20, {17: [Dot(1, 1, 1)], 3: [Dot(1, 1, 1)]})
    (tmp_path / "3.png").write_text("no image")
    sheet = draw_sheet(inputs)
    assert sheet is not None
    assert sheet.size == (4 * 320 + 5 * 12, 4 * (346 + 12) + 2 * 12 + 26)
    assert len(_found(sheet.crop((0, 0, 344, 320)), (0xFF, 0x4D, 0x6D))) > 20


def test_a_long_key_takes_several_lines(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, 1, {0: [Dot(8, 8, i) for i in range(1, 5)]})
    names = ("a", "b", "c", "d")
    short, tall = (
        draw_sheet(replace(inputs, categories=[Category(i, n) for i, n in enumerate(found, 1)]))
        for found in (names, [f"category of the number {name}" for name in names])
    )
    assert short is not None
    assert tall is not None
    assert tall.height == short.height + 3 * 26  # one name a line of 320 px


def test_the_key_says_what_it_leaves_out() -> None:
    categories = [Category(i, f"c{i}") for i in range(100)]
    entries = _key_entries(categories, set(range(10, 90)))
    assert [text for _, text in entries[:2]] == ["c10", "c11"]
    assert len({class_color(label) for label, _ in entries if label is not None}) == 60
    assert entries[60:] == [
        (None, "and 20 further categories"),
        (None, "20 categories are not on these pictures"),
    ]
    assert _key_entries(categories[:2], {0, 1}) == [(0, "c0"), (1, "c1")]


def test_nothing_to_draw(tmp_path: Path) -> None:
    assert draw_sheet(_inputs(tmp_path, 0, {})) is None


def test_masks(small: Small) -> None:
    instances = load_instances(small.write())
    inputs = SheetInputs(
        instances.images,
        small.root,
        instances.categories,
        {},
        instances.instances_by_image(),
        num_images=1,
    )
    sheet = draw_sheet(inputs)
    bare = draw_sheet(SheetInputs(instances.images, small.root, [], {}, {}, num_images=1))
    assert sheet is not None
    assert bare is not None
    tile = (slice(12, 332), slice(12, 332))
    changed = (np.asarray(sheet)[tile] != np.asarray(bare)[tile]).any(axis=2)
    # Ten squares of 6 px on 64 x 48 px, which fill three quarters of the tile, and their outlines.
    assert 0.088 < changed.mean() < 0.12

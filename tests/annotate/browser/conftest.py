"""A photograph's stand-in, and gestures with the mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 2}


@pytest.fixture(params=["desktop light", "phone dark"])
def window(request: pytest.FixtureRequest) -> dict[str, object]:
    """Options of a window: a desktop's in light, a phone's in dark."""
    size, scheme = request.param.split()
    return {**(DESKTOP if size == "desktop" else PHONE), "color_scheme": scheme}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A folder with one gray image of 320 x 240 px."""
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(np.full((240, 320, 3), 120, np.uint8)).save(images / "photo.png")
    return images


@pytest.fixture(scope="session")
def drag() -> Callable[..., None]:
    """Drags through image positions with the left button."""

    def through(driver: PageDriver, *points: Sequence[float], keys: Sequence[str] = ()) -> None:
        mouse = driver.page.mouse
        mouse.move(*driver.screen(*points[0]))
        for key in keys:
            driver.page.keyboard.down(key)
        mouse.down()
        for point in points[1:]:
            mouse.move(*driver.screen(*point), steps=4)
        mouse.up()
        for key in keys:
            driver.page.keyboard.up(key)

    return through

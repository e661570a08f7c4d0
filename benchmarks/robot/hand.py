"""A mouse and a keyboard at a person's pace, driven through Playwright."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Page

SPEED = 300.0
"""Fastest movement of the pointer, screen pixels a second."""

JITTER = 3.0
"""Farthest from where the person meant to aim, screen pixels."""

PAUSE = 1.2
"""Seconds between two actions; the pointer may travel meanwhile."""

CORNER_PAUSE = 0.5
"""Seconds between two corners of a polygon."""

_STEP = 0.03
"""Seconds between two positions of a moving pointer."""


@dataclass
class Hand:
    """One person's hand on a page.

    Attributes:
        page: Playwright's page, with an image on it.
        generator: draws the jitter.
        position: of the pointer, window pixels.
        waited: seconds spent waiting for the program beyond the person's own pace.
        spent: seconds by activity, those of waiting apart.
    """

    page: Page
    generator: np.random.Generator
    position: tuple[float, float] = (640.0, 400.0)
    waited: float = 0.0
    spent: Counter[str] = field(default_factory=Counter)
    _ready: float = field(default_factory=time.monotonic)
    _turn: tuple[str, float, float] | None = None

    def turn_to(self, activity: str) -> None:
        """Count the time from now on as that of an activity."""
        now = time.monotonic()
        if self._turn is not None:
            before, since, waited = self._turn
            self.spent[before] += now - since - (self.waited - waited)
            self.spent["waiting"] += self.waited - waited
        self._turn = activity, now, self.waited

    def click(self, x: float, y: float, *keys: str, pause: float = PAUSE) -> None:
        """Click near an image position while keys are held."""
        self._travel(self._aimed_at((x, y)))
        self._rest()
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.down()
        self.page.mouse.up()
        for key in reversed(keys):
            self.page.keyboard.up(key)
        self._ready = time.monotonic() + pause

    def drag(self, start: tuple[float, float], end: tuple[float, float], *keys: str) -> None:
        """Drag from near one image position to near another while keys are held."""
        self._travel(self._aimed_at(start))
        self._rest()
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.down()
        self._travel(self._aimed_at(end))
        self.page.mouse.up()
        for key in reversed(keys):
            self.page.keyboard.up(key)
        self._ready = time.monotonic() + PAUSE

    def press(self, *keys: str) -> None:
        """Press keys as one action."""
        self._rest()
        for key in keys:
            self.page.keyboard.press(key)
        self._ready = time.monotonic() + PAUSE

    def type_name(self, text: str) -> None:
        """Type a name, ten letters a second."""
        self.page.keyboard.type(text, delay=100)

    def window_position(self, x: float, y: float) -> tuple[float, float]:
        """Convert an image position to a window position."""
        left, top = self.page.evaluate(
            "([x, y]) => { const b = sapnet.view.canvas.getBoundingClientRect(); "
            "const [sx, sy] = sapnet.view.toScreen([x, y]); return [b.left + sx, b.top + sy]; }",
            [x, y],
        )
        return left, top

    def wait(self, script: str, argument: object = None, limit: float = 60.0) -> Any:  # noqa: ANN401  # a script's value
        """Wait for the first true value of a script; what exceeds the pace is counted.

        Raises:
            TimeoutError: nothing true within `limit` seconds.
        """
        began = time.monotonic()
        end = began + limit
        while not (value := self.page.evaluate(script, argument)):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.02)
        self.waited += max(0.0, time.monotonic() - max(began, self._ready))
        return value

    def _aimed_at(self, place: tuple[float, float]) -> tuple[float, float]:
        """Return the window position that the hand hits instead of an image position."""
        x, y = self.window_position(float(place[0]), float(place[1]))
        angle, radius = self.generator.uniform(0, 2 * math.pi), self.generator.uniform(0, JITTER)
        return x + radius * math.cos(angle), y + radius * math.sin(angle)

    def _travel(self, target: tuple[float, float]) -> None:
        start, began = self.position, time.monotonic()
        seconds = math.dist(start, target) / SPEED
        while (share := (time.monotonic() - began) / max(seconds, 1e-9)) < 1:
            wobble = self.generator.normal(0, JITTER / 3, 2)
            x, y = (s + share * (t - s) for s, t in zip(start, target, strict=True))
            self.page.mouse.move(x + wobble[0], y + wobble[1])
            time.sleep(_STEP)
        self.page.mouse.move(*target)
        self.position = target

    def _rest(self) -> None:
        time.sleep(max(0.0, self._ready - time.monotonic()))

"""The one progress display of a run: the current step, and the time left for all."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from sapnet.system.progress import sharing

logger = logging.getLogger(__name__)

LINE_SECONDS = 30.0
"""Seconds between two lines where no terminal shows a bar."""

MIN_SHARE = 0.05
"""Share of a step from which on its own speed is trusted, rather than the planned one."""

BAR = "{desc} |{bar}| {percentage:3.0f}% {postfix}"


class Display:
    """The progress of steps that follow each other.

    Args:
        planned: expected seconds of each step, in their order; the units do not count once a step
            is done, its true seconds replace them.
        clock: returns seconds; monotonic.
    """

    def __init__(
        self, planned: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._planned, self._clock = dict(planned), clock
        self._spent: dict[str, float] = {}
        self._current, self._share, self._begun = "", 0.0, clock()
        self._count_begun = self._begun
        self._last_line = -LINE_SECONDS
        self._bar: Any = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step; work inside the context reports to it."""
        self._current, self._share, self._begun = name, 0.0, self._clock()
        self._count_begun = self._begun
        self._last_line = -LINE_SECONDS
        self._write()
        with sharing(self):
            yield
        self._spent[name] = self._clock() - self._begun
        self._current = ""

    def show(self, done: int, total: int) -> None:
        """Show how much of the current step is done.

        A step may count several times, as proposing does after each round of an adaptation.
        """
        share = done / total if total else 1.0
        if share < self._share:
            self._count_begun = self._clock()
        self._share = share
        self._write()

    def seconds_left(self) -> float:
        """Estimate the seconds of all work that is left, the current step included."""
        others = [name for name in self._planned if name not in (*self._spent, self._current)]
        known = sum(self._planned[name] for name in self._spent)
        factor = sum(self._spent.values()) / known if known else 1.0
        left = factor * sum(self._planned[name] for name in others)
        if not self._current:
            return left
        elapsed, planned = self._clock() - self._begun, self._planned[self._current]
        if self._share >= MIN_SHARE:
            before = self._count_begun - self._begun
            rate = (elapsed - before) / self._share
            # The speed of this step says more about the machine than the plan does.
            if not known and planned:
                left *= (before + rate) / planned
            return left + rate * (1 - self._share)
        return left + max(factor * planned - elapsed, 0.0)

    def text(self) -> str:
        """Describe the current step and the time left in a few words."""
        names = list(self._planned)
        place = f"step {names.index(self._current) + 1} of {len(names)}, {self._current}"
        return f"{place}: {self._share:.0%}, about {in_words(self.seconds_left())} left"

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show a bar inside the context, if the errors go to a terminal; else write lines."""
        if not sys.stderr.isatty():
            yield
            return
        from tqdm import tqdm
        from tqdm.contrib.logging import logging_redirect_tqdm

        with ExitStack() as stack:
            stack.enter_context(logging_redirect_tqdm())
            self._bar = stack.enter_context(tqdm(total=1000, bar_format=BAR))
            yield
        self._bar = None

    def _write(self) -> None:
        if self._bar is not None:
            name, _, rest = self.text().partition(":")
            gone = sum(self._spent.values()) + self._clock() - self._begun
            self._bar.n = round(1000 * gone / max(gone + self.seconds_left(), 1e-9))
            self._bar.set_description_str(name, refresh=False)
            self._bar.set_postfix_str(rest.partition(", ")[2])
        elif self._clock() - self._last_line >= LINE_SECONDS:
            self._last_line = self._clock()
            logger.info("%s", self.text())


def in_words(seconds: float) -> str:
    """Write a duration as a person would: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{max(round(seconds / 10) * 10, 10)} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"

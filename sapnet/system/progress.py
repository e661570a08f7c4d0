"""Progress of long work: a bar of its own, or a part of a shared display."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol


class SharedDisplay(Protocol):
    """A display of several works that follow each other."""

    def show(self, done: int, total: int) -> None:
        """Show how much of the current work is done."""


_shared: ContextVar[SharedDisplay | None] = ContextVar("shared_display", default=None)


@contextmanager
def sharing(display: SharedDisplay) -> Iterator[None]:
    """Let all work inside the context report to one display, instead of bars of its own."""
    token = _shared.set(display)
    try:
        yield
    finally:
        _shared.reset(token)


def shared_display() -> SharedDisplay | None:
    """Return the display that work reports to; None if it shows a bar of its own."""
    return _shared.get()


@contextmanager
def progress(
    total: int, name: str, unit: str, *, smoothing: float = 0.3
) -> Iterator[Callable[[int], None]]:
    """Show the progress of a work.

    Args:
        total: number of things to do.
        name: name of the work.
        unit: name of a thing.
        smoothing: weight of the latest speed in that of the bar, from 0 (mean of all) to 1.

    Yields:
        A function to call with the number of things that were done since its last call.
    """
    display = _shared.get()
    if display is None:
        from tqdm import tqdm

        with tqdm(total=total, desc=name, unit=unit, smoothing=smoothing) as bar:
            yield partial(_advance, bar)
        return
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        display.show(done, total)

    yield add


def _advance(bar: Any, count: int) -> None:  # noqa: ANN401  # tqdm's
    bar.update(count)

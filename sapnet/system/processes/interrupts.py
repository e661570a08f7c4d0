"""Interrupts: SIGTERM counts as ctrl-C; where work must not be half done, both wait."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a command to stop."""

REPEAT_SECONDS = 2.0
"""Time in which a further signal belongs to the first: `timeout` and others send it twice."""


@dataclass
class StopSignal:
    """The signal that stopped a command.

    Attributes:
        number: of the first signal; SIGINT before any came.
    """

    number: int = signal.SIGINT

    @property
    def name(self) -> str:
        """Its name, such as SIGINT."""
        return signal.Signals(self.number).name

    @property
    def exit_status(self) -> int:
        """Status with which a shell reports a process that the signal ended."""
        return 128 + self.number


@contextmanager
def interrupted_by_signals() -> Iterator[StopSignal]:
    """Raise KeyboardInterrupt in the main thread for SIGTERM as for SIGINT, once for both.

    Handlers that the program has already set stay. In other threads, nothing is changed.

    Yields:
        The signal, once it came.
    """
    found = StopSignal()
    last: float | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal last
        del frame
        now = time.monotonic()
        is_repeated = last is not None and now - last < REPEAT_SECONDS
        if last is None:
            found.number = number
        last = now
        if _postponed.depth:
            _postponed.has_come = True
        elif not is_repeated:
            raise KeyboardInterrupt

    usual = (signal.SIG_DFL, signal.default_int_handler)
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {s: h for s in STOPPING if (h := signal.getsignal(s)) in usual}
    for number in before:
        signal.signal(number, stop)
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Postponed:
    """The interrupts that wait: how many contexts they wait for, and whether one came."""

    depth: int = 0
    has_come: bool = False


_postponed = _Postponed()
"""Of the main thread, the only one that is interrupted."""


@contextmanager
def postponed_interrupts() -> Iterator[None]:
    """Let interrupts wait for the end of a short context, whose work must not be half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _postponed.depth += 1
    try:
        yield
    finally:
        _postponed.depth -= 1
        if _postponed.depth == 0 and _postponed.has_come:
            _postponed.has_come = False
            raise KeyboardInterrupt


def follows_interrupt(error: BaseException) -> bool:
    """Return True for an error that was raised while an interrupt was handled."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__cause__ or seen.__context__
    return seen is not None

"""Worker processes that end with the main process, and never before it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext, SpawnContext, SpawnProcess

from sapnet.system.processes.interrupts import STOPPING


def worker_context(method: str | None = None) -> BaseContext:
    """Return a context of multiprocessing for workers that do not hear SIGINT and SIGTERM.

    Schedulers and terminals send them to all processes of a command. A worker that ends before the
    main process does would be taken for one that failed. The workers end when the main process is
    gone, however that ends.

    Args:
        method: "spawn" or "fork"; the platform's default if None.
    """
    method = method or multiprocessing.get_start_method()
    if method == "spawn":
        return _SpawnContext()
    if method == "fork":
        return _fork_context()
    return multiprocessing.get_context(method)


class _Spawned(SpawnProcess):
    """A spawned worker."""

    def start(self) -> None:
        resource_tracker.ensure_running()  # starting it unblocks the signals
        with _signals_blocked():
            super().start()
        _kill_to_terminate(self)

    def run(self) -> None:
        end_with_parent()
        super().run()


class _SpawnContext(SpawnContext):
    Process = _Spawned


def _fork_context() -> BaseContext:
    """Return the context of forked workers, which does not exist on Windows."""
    from multiprocessing.context import ForkContext, ForkProcess

    class Forked(ForkProcess):
        def start(self) -> None:
            with _signals_blocked():
                super().start()
            _kill_to_terminate(self)

        def run(self) -> None:
            end_with_parent()
            super().run()

    class Context(ForkContext):
        Process = Forked

    return Context()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block the signals in this thread: a process that is started meanwhile never gets them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, which sends no signals to a group
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill_to_terminate(process: multiprocessing.process.BaseProcess) -> None:
    """Let those who terminate a started worker, torch and Python at its exit, kill it."""
    started = process._popen  # type: ignore[attr-defined]  # there is no public way
    started.terminate = started.kill


def end_with_parent() -> None:
    """End this process when its parent is gone; a killed parent cannot end its workers."""
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

"""Fetching of a checkpoint in the background, with its progress."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sapnet.annotate.suggest.worker import EndableWorker
from sapnet.proposals.checkpoint import cached_bytes, fetch_checkpoint, hub_bytes


@dataclass(frozen=True)
class Progress:
    """Progress of a download.

    Attributes:
        checkpoint: name on the hub of what is fetched; empty if nothing is.
        fetched: bytes that are here.
        total: bytes in all; 0 until the hub has told.
        problem: one line about the last download; empty if it went well.
    """

    checkpoint: str = ""
    fetched: int = 0
    total: int = 0
    problem: str = ""


class Fetching:
    """At most one download at a time; thread-safe.

    Args:
        use: called with the name of a checkpoint that is here.
    """

    def __init__(self, use: Callable[[str], None]) -> None:
        self._use = use
        self._lock = threading.Lock()
        self._checkpoint = self._problem = ""
        self._total = 0

    def start(self, checkpoint: str) -> None:
        """Begin to fetch a checkpoint, and use it when it is here; return at once.

        Raises:
            ValueError: another one is being fetched.
        """
        with self._lock:
            if self._checkpoint:
                raise ValueError(f"expected one download at a time; {self._checkpoint} is fetched")
            self._checkpoint, self._total, self._problem = checkpoint, 0, ""
        threading.Thread(target=self._run, args=(checkpoint,), daemon=True).start()

    @property
    def progress(self) -> Progress:
        """The state of the download, or how the last one ended."""
        with self._lock:
            checkpoint, total, problem = self._checkpoint, self._total, self._problem
        fetched = cached_bytes(checkpoint) if checkpoint else 0
        return Progress(checkpoint, min(fetched, total), total, problem)

    def _run(self, checkpoint: str) -> None:
        # A process of its own: it dies with the program, which a thread of the hub's client delays.
        worker = EndableWorker(fetch_checkpoint, "the download")
        problem = ""
        try:
            total = hub_bytes(checkpoint)
            with self._lock:
                self._total = total
            worker(checkpoint)
            self._use(checkpoint)
        except (ValueError, OSError) as error:
            problem = (
                f"Not fetched: {error}. Press again to try again, or keep the cache of "
                f"`hf download {checkpoint}` from a machine that reaches the hub."
            )
        finally:
            worker.close()
        with self._lock:
            self._checkpoint, self._problem = "", problem

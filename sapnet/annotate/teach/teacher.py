"""Lessons in the background: a process of low priority learns while the user clicks."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sapnet.annotate.teach.record import Lesson, TaughtFolder
from sapnet.proposals.click.weights import weights_metadata
from sapnet.system.files import write_bytes_atomic

logger = logging.getLogger(__name__)

LESSON, SNAPSHOT, NEXT, LOG = "lesson", "clicks.json", "next.safetensors", "log.txt"
"""Folder of the lesson that is under way, and its files."""

_NICENESS = 10
_STOP_SECONDS = 5


@dataclass(frozen=True)
class LessonPlan:
    """Data and moments of the lessons.

    Attributes:
        images: folder of the images.
        clicks: the clicks file.
        min_pinned: pinned masks from which on there is a first lesson.
        growth: share of further masks after which there is another one.
        poll_seconds: between two looks at the masks and at the lesson.
        words: further words of the training's command line.
    """

    images: Path
    clicks: Path
    min_pinned: int = 10
    growth: float = 0.25
    poll_seconds: float = 2.0
    words: tuple[str, ...] = ()


class Teacher:
    """Gives lessons when enough masks were pinned, and puts what is better into use.

    Args:
        plan: when and from what is learned.
        folder: of the weights.
        count: tells the number of pinned masks.
        use: puts weights into use: a file, or None for those begun with.
    """

    def __init__(
        self,
        plan: LessonPlan,
        folder: TaughtFolder,
        count: Callable[[], int],
        use: Callable[[Path | None], None],
    ) -> None:
        self.plan, self._folder, self._count, self._use = plan, folder, count, use
        self._lesson = folder.path / LESSON
        self._process: subprocess.Popen[bytes] | None = None
        self._source: str | None = None
        self._tried = 0
        self._stopped = threading.Event()
        self._looking = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.message = ""

    def start(self) -> None:
        """Begin to look for pinned masks; a lesson that was stopped goes on."""
        self._thread.start()

    def close(self) -> None:
        """Stop; a lesson that is under way goes on at the next start."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @property
    def is_busy(self) -> bool:
        """True while a lesson is under way."""
        return self._process is not None

    @property
    def can_undo(self) -> bool:
        """True if taught weights are in use."""
        return self._folder.weights is not None

    def undo(self) -> None:
        """Put the weights into use again that those in use replaced.

        Raises:
            ValueError: nothing taught is in use.
        """
        with self._looking:
            self._folder.undo()
            self._use(self._folder.weights)
            self._tell(f"undone: {self._folder.taught.current or 'the first weights'} in use")

    def look(self) -> None:
        """Begin a lesson if it is time for one, or take in one that ended."""
        with self._looking:
            if self._process is None:
                if (self._lesson / SNAPSHOT).is_file() or self._is_due():
                    self._begin()
            elif (status := self._process.poll()) is not None:
                self._process = None
                self._end(status)

    def _run(self) -> None:
        while not self._stopped.wait(self.plan.poll_seconds):
            try:
                self.look()
            except (OSError, ValueError) as error:
                self._tell(f"no lesson: {error}")

    def _is_due(self) -> bool:
        known = max(self._folder.taught.pinned, self._tried)
        wanted = max(self.plan.min_pinned, known * (1 + self.plan.growth))
        return self._count() >= wanted

    def _begin(self) -> None:
        snapshot = self._lesson / SNAPSHOT
        if not snapshot.is_file():
            write_bytes_atomic(snapshot, self.plan.clicks.read_bytes())
        self._tried = self._count()
        self._source = self._folder.taught.current
        words = [sys.executable, "-m", "sapnet", "train-proposer"]
        words += ["--data", str(snapshot), "--images", str(self.plan.images)]
        words += ["--from", str(self._folder.weights or self._folder.taught.start)]
        words += ["--out", str(self._lesson / NEXT), "--run", str(self._lesson / "run")]
        words += ["--threads", "1", "--device", "cpu", *self.plan.words]
        with (self._lesson / LOG).open("wb") as log:
            # In a session, or on Windows a group, of its own: ctrl-C reaches this process alone.
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICENESS)
        self._tell(f"learning from {self._tried} pinned masks")

    def _end(self, status: int) -> None:
        try:
            if status != 0:
                lines = (self._lesson / LOG).read_text("utf-8", errors="replace").splitlines()
                self._tell(f"no lesson: {lines[-1] if lines else f'exit status {status}'}")
            elif self._source != self._folder.taught.current:
                self._tell("a lesson was dropped: other weights are in use by now")
            else:
                self._take_in(self._lesson / NEXT)
        finally:
            shutil.rmtree(self._lesson, ignore_errors=True)

    def _take_in(self, weights: Path) -> None:
        """Save the lesson, and put its weights into use where they are better."""
        judged = json.loads(weights_metadata(weights)["kept_aside"])
        before, after = judged["before"], judged["after"]
        is_better = after != before
        name = self._folder.next_name if is_better else None
        if name is not None:
            weights.replace(self._folder.path / name)
        lesson = Lesson(self._tried, name, self._source, before, after)
        self._folder.add(lesson)
        if is_better:
            self._use(self._folder.weights)
            self._tell(f"learned from {lesson} on those kept aside; in use now")
        else:
            self._tell(f"learned nothing better from {lesson.pinned} pinned masks")

    def _tell(self, message: str) -> None:
        self.message = message
        logger.info("teaching: %s", message)

"""A process that has imported everything and forks a child for each command, to be killed.

Run as a script it reads one json object a line: `words` of the command line, the `log` that takes
its output, and `at_rename`: the number of the rename (or hard link) at which the child kills
itself, before or after it. It answers with the child's id, then with its status.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any


@dataclass(frozen=True)
class Ending:
    """How a command ended: its status, negative for a signal, and its seconds."""

    status: int
    seconds: float

    @property
    def is_killed(self) -> bool:
        return self.status == -signal.SIGKILL


class Zygote:
    """The test's side; a context manager."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __enter__(self) -> Zygote:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        assert self._answer() == {"ready": True}
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe("stdin").close()
        self._process.wait(20)

    def start(
        self, words: Sequence[object], at_rename: int | None = None, after: bool = False
    ) -> int:
        """Start a command; return the id of its process."""
        task = {"words": [*map(str, words)], "log": str(self.log)}
        task |= {"at_rename": at_rename, "after": after}
        self._pipe("stdin").write(json.dumps(task) + "\n")
        self._pipe("stdin").flush()
        return int(self._answer()["pid"])

    def wait(self) -> int:
        """Wait for the started command; return its status."""
        return int(self._answer()["status"])

    def run(
        self,
        words: Sequence[object],
        kill_after: float | None = None,
        at_rename: int | None = None,
        after: bool = False,
    ) -> Ending:
        """Run a command to its end, or kill it after some seconds or at a rename."""
        start = time.monotonic()
        pid = self.start(words, at_rename, after)
        timer = threading.Timer(kill_after or 0, _kill, (pid,))
        if kill_after is not None:
            timer.start()
        status = self.wait()
        timer.cancel()
        return Ending(status, time.monotonic() - start)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def _pipe(self, name: str) -> IO[str]:
        pipe: IO[str] = getattr(self._process, name)
        return pipe

    def _answer(self) -> dict[str, Any]:
        line = self._pipe("stdout").readline()
        assert line, "the process that forks has ended"
        found: dict[str, Any] = json.loads(line)
        return found


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def survive(
    zygote: Zygote,
    words: Sequence[object],
    seconds: float,
    kills: int,
    check: Callable[[], None],
    reset: Callable[[], None],
) -> int:
    """Kill a command again and again, at random moments and at every rename, and go on with it.

    Args:
        zygote: starts the commands.
        words: the command line.
        seconds: length of an uninterrupted run.
        kills: number of kills.
        check: compares what was written with an uninterrupted run.
        reset: removes what was written.

    Returns:
        The number of kills, at least `kills`.
    """
    rng = random.Random(0)
    done = rename = 0
    while done < kills:
        reset()
        rename += 1
        aimed = zygote.run(words, at_rename=rename, after=bool(rename % 2))
        if not aimed.is_killed:  # there are no more renames than that
            rename = 0
        done += aimed.is_killed
        for _ in range(rng.randrange(3)):
            done += zygote.run(words, kill_after=rng.uniform(0, seconds)).is_killed
        last = zygote.run(words)
        # A kill after the last rename leaves a finished output, which is not written again.
        said = zygote.output()
        is_finished = "holds files of an earlier run" in said or "exists already" in said
        assert last.status == 0 or is_finished, zygote.output()[-2000:]
        check()
    return done


def _serve() -> None:
    import gc

    import torch

    from sapnet.cli import main

    _import_everything()
    torch.set_num_threads(1)
    gc.freeze()
    _say({"ready": True})
    for line in sys.stdin:
        task = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(task, main)
        # Here, too: the test may look for the group before the child has run at all.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(pid, pid)
        _say({"pid": pid})
        _, status = os.waitpid(pid, 0)
        _say({"status": os.waitstatus_to_exitcode(status)})


USED = (
    "annotate.click.routes",
    "annotate.click.serve",
    "annotate.server",
    "data.formats.writers.export",
    "labelling.label",
    "prediction.predict",
    "proposals.propose",
    "proposals.simulated.proposer",
    "training.run",
)
"""What the commands import; a child of the fork has it already."""


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _import_everything() -> None:
    import importlib

    import faster_coco_eval.core.mask
    import pyarrow.compute
    import safetensors.torch
    import uvicorn

    del faster_coco_eval, pyarrow, safetensors, uvicorn
    for name in USED:
        importlib.import_module(f"sapnet.{name}")


def _run(task: dict[str, Any], main: Callable[[list[str]], int]) -> None:
    os.setpgid(0, 0)
    log = os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if task["at_rename"] is not None:
        _aim(task["at_rename"], after=task["after"])
    status = 70
    try:
        status = main(task["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _aim(number: int, *, after: bool) -> None:
    """Kill this process at its rename of that number, counted from 1."""
    count = 0

    def aimed(rename: Callable[..., None]) -> Callable[..., None]:
        def replacement(*args: Any, **options: Any) -> None:  # noqa: ANN401
            nonlocal count
            count += 1
            if count == number and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            rename(*args, **options)
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

        return replacement

    for name in ("rename", "replace", "link"):
        setattr(os, name, aimed(getattr(os, name)))


if __name__ == "__main__":
    _serve()

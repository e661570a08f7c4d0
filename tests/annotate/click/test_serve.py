"""The command: its errors, its output, and that a kill loses nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")


from sapnet.annotate.click.serve import build_preview, open_workspace
from sapnet.annotate.config import AnnotateConfig
from sapnet.cli import main


def test_proposers(folder: Path) -> None:
    classes = ("person",)
    assert build_preview(AnnotateConfig(folder, classes, proposer="none")) is None
    workspace = open_workspace(AnnotateConfig(folder, classes, num_proposals=3))
    assert workspace.preview is not None
    assert workspace.preview.name == "regions"
    with pytest.raises(ValueError, match=r"absent.*not found"):
        build_preview(
            AnnotateConfig(folder, classes, proposer="sam", checkpoint="./absent", device="cpu")
        )


def test_mistakes_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["annotate", str(folder / "absent"), "--classes", "a", "--no-browser"]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert main(["annotate", str(folder), "--no-browser"]) == 1
    assert "--classes person,car" in capsys.readouterr().err
    assert main(["annotate", str(folder), "--classes", "a,a"]) == 2


@contextmanager
def command(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The running command, what it printed, and the page's address."""
    words = ["annotate", str(folder), "--classes", "person,car", "--port", "0", "--no-browser"]
    program = [sys.executable, "-m", "sapnet", *words, "--proposer", "none"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            printed = ""
            for line in process.stdout or ():
                printed += line
                if found := re.search(r"open (\S+) ", line):
                    yield process, printed, found.group(1)
                    break
        finally:
            process.kill()


def test_a_kill_loses_nothing_that_was_saved(folder: Path) -> None:
    entry = {"category_id": 2, "points": [[5.5, 6.5]]}
    body = json.dumps({"version": None, "objects": [entry]}).encode()
    with command(folder) as (process, printed, address):
        assert "3 images, 1 of them unreadable; clicks go to" in printed
        request = urllib.request.Request(
            f"{address}api/document?image=a.png",
            body,
            {"content-type": "application/json"},
            method="PUT",
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["ids"] == [1]
        process.send_signal(signal.SIGKILL)
    again = open_workspace(AnnotateConfig(folder, proposer="none")).file
    assert again.document("a.png").objects[0].points == ((5.5, 6.5),)

"""The command: its errors, its output, and that a kill loses nothing."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")


from sapnet.annotate.click.serve import open_workspace
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.documents import Document
from sapnet.annotate.preview.views import Windows
from sapnet.cli import main
from sapnet.data.tiles.grid import Tiling
from sapnet.structures.clicks import Click
from tests.proposals.conftest import put_in_hub_cache, save_checkpoint

CLASSES = ("person",)


def named(folder: Path, **values: object) -> str | None:
    """Name of the proposer of a session, whose first click is saved."""
    cfg = AnnotateConfig(folder, CLASSES, skip_errors=True, **values)  # type: ignore[arg-type]
    workspace = open_workspace(cfg)
    workspace.file.replace("a.png", Document((Click(0, 0, 1, ((5.0, 6.0),)),)), None)
    return None if workspace.preview is None else workspace.preview.name


@pytest.mark.usefixtures("hub_cache")
def test_proposers(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert named(folder, proposer="none") is None
    assert named(folder) == "click"
    assert caplog.messages[-1].startswith("proposer: click, the embedded segmenter (auto: ")
    with pytest.raises(ValueError, match=r"absent.*not found"):
        named(folder, proposer="sam", checkpoint="./absent", device="cpu")


def test_named_windows_reach_the_preview(folder: Path) -> None:
    cfg = AnnotateConfig(folder, CLASSES, skip_errors=True, proposer="regions", tile=256)
    preview = open_workspace(cfg).preview
    assert preview is not None
    assert preview.windowing.now() == Windows(Tiling(256, 64))
    preview = open_workspace(replace(cfg, tile=None)).preview
    assert preview is not None
    assert preview.windowing.now() == Windows(is_open=True)


def test_a_session_goes_on_with_its_proposer(
    folder: Path, hub_cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert named(folder) == "click"
    sam = save_checkpoint("sam", tmp_path / "sam")
    put_in_hub_cache(sam, "facebook/sam-vit-base", hub_cache)
    assert named(folder) == "click"
    assert "was begun with it" in caplog.messages[-1]
    assert named(folder, out=folder / "other.json", device="cpu") == "sam"
    assert named(folder, proposer="regions") == "regions"
    assert named(folder) == "regions"
    shutil.rmtree(hub_cache)
    assert named(folder, out=folder / "other.json", device="cpu") == "click"
    assert any("was begun with the proposer sam" in message for message in caplog.messages)
    assert json.loads((folder / "clicks.json").read_text())["info"] == {
        "proposer": {"name": "regions", "checkpoint": None}
    }


def test_mistakes_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["annotate", str(folder / "absent"), "--classes", "a", "--no-browser"]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert main(["annotate", str(folder), "--classes", "a,a"]) == 2


@contextmanager
def command(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The running command, what it printed, and the page's address."""
    words = ["annotate", str(folder), "--classes", "person,car", "--port", "0", "--no-browser"]
    program = [sys.executable, "-m", "sapnet", *words, "--proposer", "none", "--skip-errors"]
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
    again = open_workspace(AnnotateConfig(folder, proposer="none", skip_errors=True)).file
    assert again.document("a.png").objects[0].points == ((5.5, 6.5),)


@pytest.mark.usefixtures("hub_cache")
def test_weights_that_are_gone_are_told_and_not_missed(
    folder: Path, click_weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    weights = shutil.copy(click_weights, folder.parent / "taught.safetensors")
    assert named(folder, proposer="click", checkpoint=str(weights)) == "click"
    Path(weights).unlink()
    assert named(folder) == "click"
    assert any("taught.safetensors, which is gone" in message for message in caplog.messages)


def test_an_unreadable_image_stops_the_command_with_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["annotate", str(folder), "--classes", "a", "--no-browser", "--proposer", "none"]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1  # the progress bar is wiped out
    assert "1 of 3 images cannot be used; the first: " in error
    assert f"{folder / 'broken.jpg'}: cannot be read as an image" in error
    assert error.endswith("(--skip-errors leaves such images out.)\n")
    assert not (folder / "clicks.json").exists()


def test_skip_errors_shows_the_reason_on_the_page(folder: Path) -> None:
    cfg = AnnotateConfig(folder, CLASSES, proposer="none", skip_errors=True)
    listing = open_workspace(cfg).listing
    assert [entry.file_name for entry in listing.left_out] == ["broken.jpg"]
    assert listing.left_out[0].reason.startswith("cannot be read as an image")
    assert "cannot be read" in listing["broken.jpg"].problem


def test_an_image_that_is_gone_counts_as_unreadable(folder: Path) -> None:
    cfg = AnnotateConfig(folder, CLASSES, proposer="none", skip_errors=True)
    file = open_workspace(cfg).file
    file.replace("a.png", Document((Click(0, 0, 1, ((5.0, 6.0),)),)), None)
    (folder / "a.png").unlink()
    with pytest.raises(ValueError, match=r"2 of 3 images.*a\.png is listed in the clicks file"):
        open_workspace(replace(cfg, skip_errors=False))
    again = open_workspace(cfg)
    assert [entry.file_name for entry in again.listing.left_out] == ["a.png", "broken.jpg"]
    assert len(again.file.document("a.png").objects) == 1


def test_a_folder_without_any_readable_image_is_refused(folder: Path) -> None:
    for path in (folder / "a.png", folder / "süd" / "bäume 1.jpg"):
        path.write_text("no image")
    cfg = AnnotateConfig(folder, CLASSES, proposer="none", skip_errors=True)
    with pytest.raises(ValueError, match="3 of 3 images cannot be used"):
        open_workspace(cfg)


def test_one_depth_for_all_images_of_the_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for name, top in (("dark.png", 400), ("bright.png", 4095)):
        Image.fromarray(np.full((20, 30), top, np.uint16)).save(tmp_path / name)
    cfg = AnnotateConfig(tmp_path, CLASSES, proposer="none")
    workspace = open_workspace(cfg)
    assert any("are read as 12 bits" in message for message in caplog.messages)
    shown = {}
    for image in workspace.listing:
        tile = workspace.pixels.tile(image, 0, 0, 0)
        shown[image.name] = int(np.asarray(Image.open(io.BytesIO(tile))).mean())
    assert shown["bright.png"] > 250
    assert 20 < shown["dark.png"] < 30
    given = open_workspace(replace(cfg, bits=14))
    tile = given.pixels.tile(given.listing["bright.png"], 0, 0, 0)
    assert 60 < np.asarray(Image.open(io.BytesIO(tile))).mean() < 68


def test_files_that_are_no_images_are_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    (folder / "notes.txt").write_text("x")
    open_workspace(AnnotateConfig(folder, CLASSES, proposer="none", skip_errors=True))
    assert any(".txt (notes.txt)" in message for message in caplog.messages)

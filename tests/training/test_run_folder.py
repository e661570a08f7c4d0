from __future__ import annotations

import json
from pathlib import Path

import pytest

from sapnet.training.run_folder import CHECKPOINT, SETTINGS, SUMMARY, RunFolder


def with_checkpoint(path: Path, settings: dict[str, object]) -> RunFolder:
    folder = RunFolder(path)
    folder.begin(settings)
    (path / CHECKPOINT).parent.mkdir(parents=True)
    (path / CHECKPOINT).write_bytes(b"state")
    return folder


def test_a_new_folder_is_made_with_its_settings(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert folder.stored_settings() is None
    assert folder.begin({"train": {"steps": (1, 2)}}) is None
    assert json.loads((tmp_path / "run" / SETTINGS).read_text()) == {"train": {"steps": [1, 2]}}


def test_settings_without_a_checkpoint_bind_nobody(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.begin({"seed": 0})
    assert folder.stored_settings() is None
    assert folder.begin({"seed": 1}) is None
    assert json.loads((tmp_path / SETTINGS).read_text()) == {"seed": 1}


def test_the_same_settings_resume(tmp_path: Path) -> None:
    folder = with_checkpoint(tmp_path, {"seed": 0})
    assert folder.stored_settings() == {"seed": 0}
    assert folder.begin({"seed": 0}) == tmp_path / CHECKPOINT


def test_other_settings_are_refused(tmp_path: Path) -> None:
    with_checkpoint(tmp_path, {"seed": 0})
    folder = RunFolder(tmp_path, holds="another thing", advice="Do this")
    with pytest.raises(ValueError, match=r"another thing: seed is 0 there and 1 now\. Do this"):
        folder.begin({"seed": 1})


def test_the_summary_marks_the_end(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.finished_figures() is None
    folder.finish(3, {"loss": 0.5, "val_mask_ap": float("nan")})
    assert folder.finished_figures() == {"loss": 0.5}
    assert json.loads((tmp_path / SUMMARY).read_text())["epochs"] == 3

"""The desk of an audit: what it opens, draws, saves and refuses."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.annotate.audit.config import AuditConfig
from sapnet.annotate.audit.desk import open_audit
from sapnet.annotate.documents import FileChangedError
from sapnet.cli import main
from sapnet.evaluation.audit.audit_file import load_audit
from tests.annotate.review_set import BLOCKS, COLORS, ReviewSet, make_review_set


@pytest.fixture
def files(tmp_path: Path) -> ReviewSet:
    return make_review_set(tmp_path)


def settings(files: ReviewSet, **changes: object) -> AuditConfig:
    return AuditConfig(labels=files.labels, images=files.images, **changes)  # type: ignore[arg-type]


def test_judgements_are_saved_at_once_and_found_again(files: ReviewSet) -> None:
    desk = open_audit(settings(files))
    assert desk.path == files.labels.parent / "audit.json"
    assert desk.path.is_file()
    desk.judge(1, "fix")
    assert load_audit(desk.path) == desk.audit
    again = open_audit(settings(files, num=3))
    assert again.audit.num_judged == 1
    for number in range(3):
        again.judge(number, "keep")
    right = again.figures().right
    assert right is not None
    assert (right.low, right.value, right.high) == (1, 1, 1)  # all labels were judged


def test_a_file_that_another_program_changed_is_not_overwritten(files: ReviewSet) -> None:
    desk = open_audit(settings(files))
    desk.path.write_text(desk.path.read_text() + "\n\n")
    with pytest.raises(FileChangedError, match="sapnet audit"):
        desk.judge(0, "keep")
    assert desk.audit.num_judged == 0


def test_the_picture_shows_the_object_and_its_outline(files: ReviewSet) -> None:
    desk = open_audit(settings(files))
    number = next(n for n, e in enumerate(desk.audit.sample) if e.annotation_id == 3)
    plain, outlined = (
        np.asarray(Image.open(BytesIO(desk.picture(number, outlined=flag))))
        for flag in (False, True)
    )
    assert plain.shape == outlined.shape
    assert max(plain.shape) == 720
    middle = plain[plain.shape[0] // 2, plain.shape[1] // 2].astype(int)
    assert np.abs(middle - COLORS[3]).max() < 12
    x1, y1, x2, y2 = BLOCKS[3]
    yellow = (outlined[..., 0] > 200) & (outlined[..., 1] > 180) & (outlined[..., 2] < 90)
    columns = np.flatnonzero(yellow.any(axis=0))
    zoom = 720 / 120  # the object of 60 px with half as much on each side
    assert abs((columns[-1] - columns[0]) / zoom - (x2 - x1)) < 2
    assert y2 - y1 == 60


def test_the_run_gives_labels_and_images(files: ReviewSet, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "settings.json").write_text(json.dumps({"files": {"images": str(files.images)}}))
    with pytest.raises(FileNotFoundError, match=r"labels.json: no such file.*sapnet label"):
        open_audit(AuditConfig(run=run))
    (run / "labels.json").write_bytes(files.labels.read_bytes())
    desk = open_audit(AuditConfig(run=run))
    assert desk.path == run / "audit.json"
    assert desk.picture(0, outlined=True)


def test_what_is_missing_is_named(files: ReviewSet) -> None:
    with pytest.raises(ValueError, match="Name it with --images"):
        open_audit(AuditConfig(labels=files.labels))
    with pytest.raises(FileNotFoundError, match="no such folder"):
        open_audit(AuditConfig(labels=files.labels, images=files.images / "absent"))
    with pytest.raises(ValueError, match="expected either --run RUN or --labels"):
        AuditConfig()
    for name in {path for path in files.images.rglob("*.png")}:
        Image.new("RGB", (5, 5)).save(name)
    with pytest.raises(ValueError, match=r"expected the size of its label.*--images"):
        open_audit(settings(files)).picture(0, outlined=True)


def test_the_command_prints_and_writes_figures(
    files: ReviewSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["audit", "--labels", str(files.labels), "--images", str(files.images)]
    words += ["--figures-only", "--metrics", str(tmp_path / "figures.json")]
    assert main(words) == 0
    assert "0 of 3 labels judged, too few for a figure" in capsys.readouterr().out
    desk = open_audit(settings(files))
    for number, entry in enumerate(desk.audit.sample):
        desk.judge(number, "wrong" if entry.annotation_id == 1 else "keep")
    assert main([*words, "--overwrite"]) == 0
    text = capsys.readouterr().out
    assert "66.7% of 3 labels are right (95 % interval 66.7% to 66.7%, 3 judged)" in text
    assert "right, cat" in text
    assert "the 30% most uncertain labels hold 100.0%" in text
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["right"]["value"] == pytest.approx(2 / 3)
    assert figures["held"]["0.3"]["value"] == 1
    assert main(["audit", "--images", "x"]) == 2
    assert main([*words, "--overwrite", "--num", "1", "--out", str(tmp_path / "other.json")]) == 1
    assert "expected at least 3, one for each category and size" in capsys.readouterr().err

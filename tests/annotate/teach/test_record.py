from __future__ import annotations

from pathlib import Path

import pytest

from sapnet.annotate.teach.record import RECORD, Lesson, open_taught

BEFORE, AFTER = {"favourite": 0.5, "best": 0.6}, {"favourite": 0.625, "best": 0.75}


def lesson(pinned: int, weights: str | None, replaced: str | None) -> Lesson:
    return Lesson(pinned, weights, replaced, BEFORE, AFTER)


def test_lessons_are_on_disk_and_undone_one_by_one(tmp_path: Path) -> None:
    folder = open_taught(tmp_path / "clicks.json", "mine.safetensors")
    assert folder.path == tmp_path / "clicks-taught"
    assert folder.weights is None
    assert not folder.path.exists()
    folder.add(lesson(10, "1.safetensors", None))
    folder.add(lesson(15, None, "1.safetensors"))
    assert folder.next_name == "3.safetensors"
    folder.add(lesson(20, "3.safetensors", "1.safetensors"))
    again = open_taught(tmp_path / "clicks.json")
    assert again.taught == folder.taught
    assert again.taught.start == "mine.safetensors"
    assert again.weights == folder.path / "3.safetensors"
    assert again.taught.pinned == 20
    again.undo()
    assert open_taught(tmp_path / "clicks.json").weights == folder.path / "1.safetensors"
    again.undo()
    assert again.weights is None
    with pytest.raises(ValueError, match="nothing to undo"):
        again.undo()


def test_a_lesson_is_told_in_words() -> None:
    told = str(lesson(12, "1.safetensors", None))
    assert told == "12 pinned masks: favourite 0.50 -> 0.62, best 0.60 -> 0.75"


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "clicks-taught").mkdir()
    (tmp_path / "clicks-taught" / RECORD).write_text('{"lessons": [{}]}')
    with pytest.raises(ValueError, match="Move the folder away to begin anew"):
        open_taught(tmp_path / "clicks.json")

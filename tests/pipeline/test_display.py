from __future__ import annotations

import logging

import pytest

from sapnet.pipeline.display import Display, in_words
from sapnet.system.progress import progress, shared_display


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_follows_the_speed_of_the_machine() -> None:
    clock = Clock()
    display = Display({"propose": 100, "train": 200, "label": 50}, clock)
    assert display.seconds_left() == pytest.approx(350)
    with display.step("propose"):
        assert display.seconds_left() == pytest.approx(350)
        clock.now = 20
        display.show(1, 10)  # twice as slow as planned: 180 s, and twice the plan of the others
        assert display.seconds_left() == pytest.approx(180 + 2 * 250)
        clock.now = 200
        display.show(10, 10)
    with display.step("train"):
        assert display.seconds_left() == pytest.approx(2 * 250)
        clock.now = 250
        display.show(1, 4)  # a quarter in 50 s: 150 s more
        assert display.seconds_left() == pytest.approx(150 + 2 * 50)
        assert display.text() == "step 2 of 3, train: 25%, about 4 min left"
    with display.step("label"):
        pass
    assert display.seconds_left() == 0


def test_a_step_that_counts_anew_is_as_fast_as_its_last_count() -> None:
    clock = Clock()
    display = Display({"propose": 100, "train": 200}, clock)
    with display.step("propose"):
        clock.now = 60
        display.show(500, 500)
        clock.now = 100
        display.show(1, 100)
        clock.now = 110
        display.show(10, 100)  # a tenth in 10 s: 90 s more, 200 s for the step in all
        assert display.seconds_left() == pytest.approx(90 + 2 * 200)


def test_work_inside_a_step_reports_to_the_display(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    display = Display({"label": 10}, clock)
    with caplog.at_level(logging.INFO), display.step("label"):
        assert shared_display() is display
        with progress(4, "label", "image") as count:
            clock.now = 31
            count(1)
            count(1)
        assert display.text().startswith("step 1 of 1, label: 50%")
    assert shared_display() is None
    assert [record.getMessage() for record in caplog.records] == [
        "step 1 of 1, label: 0%, about 10 s left",
        "step 1 of 1, label: 25%, about 2 min left",
    ]
    assert "label" not in capsys.readouterr().err
    with progress(2, "alone", "image") as count:
        count(2)
    assert "alone" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "10 s"), (44, "40 s"), (91, "2 min"), (5000, "83 min"), (9000, "2.5 h")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words

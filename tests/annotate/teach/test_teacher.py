"""Lessons in a process of their own, with a network that knows nothing and two steps each."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.annotate.teach import teacher as teaching
from sapnet.annotate.teach.record import TaughtFolder, open_taught
from sapnet.annotate.teach.teacher import LESSON, NEXT, SNAPSHOT, LessonPlan, Teacher
from sapnet.data.clicks import save_clicks
from sapnet.geometry.rle import encode_masks
from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.weights import load_weights, save_weights
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord

PATIENCE = 300.0  # seconds; a process that imports torch on a busy machine
NUM_PINNED = 6


@pytest.fixture
def plan(tmp_path: Path) -> LessonPlan:
    """Six pinned squares on one image, and weights of a network that has learned nothing."""
    torch.manual_seed(0)
    save_weights(tmp_path / "start.safetensors", ClickNetwork(build_encoder(), Decoder()), {})
    images, clicks = tmp_path / "photos", tmp_path / "clicks.json"
    images.mkdir()
    pixels = np.random.default_rng(0).integers(90, 110, (64, 200, 3), np.uint8)
    objects = []
    for place in range(NUM_PINNED):
        mask = np.zeros((1, 64, 200), np.uint8)
        mask[0, 20:44, 4 + 32 * place : 28 + 32 * place] = 1
        pixels[mask[0] > 0] = 250
        point = (16.5 + 32 * place, 32.5)
        objects.append(Click(place + 1, 1, 1, (point,), mask=encode_masks(mask)[0]))
    Image.fromarray(pixels).save(images / "a.png")
    record = ImageRecord(1, "a.png", 200, 64)
    save_clicks(clicks, ClickSet((record,), (Category(1, "square"),), tuple(objects)))
    return LessonPlan(images, clicks, NUM_PINNED, words=("--steps", "2"))


def start_of(plan: LessonPlan) -> Path:
    """Weights that are begun with."""
    return plan.clicks.with_name("start.safetensors")


class Users:
    """Somebody who pins masks, and the weights that were put into use."""

    def __init__(self, plan: LessonPlan) -> None:
        self.folder: TaughtFolder = open_taught(plan.clicks, str(start_of(plan)))
        self.pinned = NUM_PINNED
        self.used: list[Path | None] = []
        self.teacher = Teacher(plan, self.folder, lambda: self.pinned, self.used.append)

    def wait(self) -> None:
        end = time.monotonic() + PATIENCE
        while self.teacher.is_busy and time.monotonic() < end:
            time.sleep(0.2)
            self.teacher.look()
        assert not self.teacher.is_busy


def write_next(lesson: Path, start: Path, after: float) -> None:
    """Leave the weights that a training would leave."""
    judged = {"before": {"favourite": 0.5, "best": 0.5}, "after": {"favourite": after, "best": 0.5}}
    save_weights(lesson / NEXT, load_weights(start), {"kept_aside": json.dumps(judged)})


@pytest.fixture
def no_training(plan: LessonPlan, monkeypatch: pytest.MonkeyPatch) -> LessonPlan:
    """A process that ends at once in place of the training."""
    monkeypatch.setattr(teaching.sys, "executable", "true")
    return plan


def test_a_lesson_from_pinned_masks_to_weights(plan: LessonPlan) -> None:
    users = Users(plan)
    users.teacher.look()
    assert users.teacher.is_busy
    assert "learning from 6 pinned masks" in users.teacher.message
    users.wait()
    (lesson,) = users.folder.taught.lessons
    assert lesson.pinned == NUM_PINNED
    assert lesson.after["favourite"] >= lesson.before["favourite"]
    if lesson.weights is None:
        assert "learned nothing better" in users.teacher.message
        assert users.used == []
    else:
        assert users.used == [users.folder.weights]
        load_weights(users.folder.path / lesson.weights)
    assert not (users.folder.path / LESSON).exists()
    users.teacher.look()  # nothing was pinned since
    assert not users.teacher.is_busy


@pytest.mark.skipif(sys.platform == "win32", reason="needs the program `true`")
class TestWithoutTraining:
    def test_few_masks_are_not_learned_from(self, no_training: LessonPlan) -> None:
        users = Users(no_training)
        users.pinned = NUM_PINNED - 1
        users.teacher.look()
        assert not users.teacher.is_busy

    def test_better_weights_are_used_and_undone(self, no_training: LessonPlan) -> None:
        users = Users(no_training)
        users.teacher.look()
        write_next(users.folder.path / LESSON, start_of(no_training), 0.75)
        users.wait()
        taught = users.folder.path / "1.safetensors"
        assert users.used == [taught]
        assert users.teacher.can_undo
        assert "favourite 0.50 -> 0.75" in users.teacher.message
        users.teacher.undo()
        assert users.used == [taught, None]
        assert taught.is_file()
        assert not users.teacher.can_undo
        users.pinned += 1  # too few for another lesson
        users.teacher.look()
        assert not users.teacher.is_busy

    def test_weights_that_are_no_better_are_not_used(self, no_training: LessonPlan) -> None:
        users = Users(no_training)
        users.teacher.look()
        write_next(users.folder.path / LESSON, start_of(no_training), 0.5)
        users.wait()
        assert users.used == []
        assert users.folder.taught.lessons[0].weights is None
        assert "learned nothing better from 6 pinned masks" in users.teacher.message

    def test_what_was_taught_before_is_not_undone_by_a_late_lesson(
        self, no_training: LessonPlan
    ) -> None:
        users = Users(no_training)
        users.teacher.look()
        write_next(users.folder.path / LESSON, start_of(no_training), 0.75)
        users.wait()
        users.pinned = 2 * NUM_PINNED
        users.teacher.look()
        users.teacher.undo()
        write_next(users.folder.path / LESSON, start_of(no_training), 0.9)
        users.wait()
        assert users.folder.weights is None
        assert "a lesson was dropped" in users.teacher.message

    def test_a_lesson_that_was_stopped_goes_on(self, no_training: LessonPlan) -> None:
        users = Users(no_training)
        users.teacher.look()
        users.teacher.close()
        snapshot = users.folder.path / LESSON / SNAPSHOT
        assert snapshot.read_bytes() == no_training.clicks.read_bytes()
        no_training.clicks.write_text("changed since")
        again = Users(no_training)
        again.pinned = 0
        again.teacher.look()
        assert again.teacher.is_busy
        assert snapshot.read_text() != "changed since"
        write_next(again.folder.path / LESSON, start_of(no_training), 0.75)
        again.wait()
        assert again.folder.weights is not None

    def test_a_training_that_fails_is_told_and_not_tried_again(
        self, no_training: LessonPlan, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(teaching.sys, "executable", "false")
        users = Users(no_training)
        users.teacher.look()
        users.wait()
        assert users.teacher.message == "no lesson: exit status 1"
        users.teacher.look()
        assert not users.teacher.is_busy
        assert not (users.folder.path / LESSON).exists()

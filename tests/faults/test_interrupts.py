"""SIGTERM and SIGINT to a command and its workers at once, as schedulers and terminals do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from train_recipe import recipe_text
from zygote import Zygote

from sapnet.data.clicks import load_clicks
from sapnet.network.model import Network
from sapnet.system.processes.interrupts import interrupted_by_signals, postponed_interrupts

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig
    from tests.conftest import TinySet

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are read in /proc"),
]

SIGNALS = [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]

RESOURCE_TRACKER = 1
"""Process that multiprocessing starts beside the workers."""


@pytest.fixture(scope="module", autouse=True)
def heard_interrupts() -> Iterator[None]:
    """SIGINT as programs of a terminal hear it; those of a script's background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with Zygote(tmp_path_factory.mktemp("zygote") / "log.txt") as started:
        yield started


@pytest.fixture(scope="module")
def recipe(
    tiny_model: ModelConfig, tiny_training: TrainConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.json"
    path.write_text(recipe_text(tiny_training, tiny_model, precision="32"))
    return path


def processes_of_group(group: int) -> list[int]:
    """Ids of the living processes of a group, which is named by its first process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def start_with_workers(zygote: Zygote, words: list[object], processes: int) -> int:
    """Start a command and wait until it has that many processes; return its group."""
    for _ in range(3):  # on a busy machine a short command may end unseen
        group = zygote.start(words)
        end = time.monotonic() + 120
        while living := processes_of_group(group):
            if len(living) >= processes:
                return group
            assert time.monotonic() < end, zygote.output()[-2000:]
            time.sleep(0.005)
        status = zygote.wait()
        assert status == 0, zygote.output()[-2000:]
    pytest.skip("the machine is too busy to see the workers")


def check_stop(zygote: Zygote, words: list[object], number: int, processes: int) -> None:
    """Signal a command and its workers as soon as they are that many: one line, nothing lost."""
    group = start_with_workers(zygote, words, processes)
    os.killpg(group, number)
    if number == signal.SIGTERM:  # as `timeout` does: to the command, then to its group
        os.killpg(group, number)
    status = zygote.wait()
    said = zygote.output()
    assert status == 128 + number, said[-2000:]
    *_, line = said.strip().splitlines()
    name = signal.Signals(number).name
    assert line.startswith(f"sapnet {words[0]}: stopped by {name}. Kept: "), said[-2000:]
    assert f". To go on: sapnet {words[0]} " in line
    assert "fault of sapnet" not in said
    assert "Traceback" not in said
    end = time.monotonic() + 10
    while time.monotonic() < end and processes_of_group(group):
        time.sleep(0.05)
    assert not processes_of_group(group)


@pytest.mark.parametrize("number", SIGNALS)
def test_train(
    number: int, zygote: Zygote, recipe: Path, tiny_set: TinySet, tmp_path: Path
) -> None:
    words = ["train", "--config", recipe, "--images", tiny_set.images, "--out", tmp_path / "run"]
    words += ["--proposals", tiny_set.store, "--workers", 2]
    check_stop(zygote, [*words, "--epochs", 500], number, 3)


@pytest.mark.parametrize("number", SIGNALS)
def test_label(
    number: int, zygote: Zygote, tiny_model: ModelConfig, tiny_set: TinySet, tmp_path: Path
) -> None:
    categories = load_clicks(tiny_set.clicks).categories
    Network(tiny_model, categories).save_pretrained(tmp_path / "run")
    words = ["label", "--run", tmp_path / "run", "--images", tiny_set.images, "--workers", 2]
    words += ["--proposals", tiny_set.store, "--out", tmp_path / "labels.json", "--device", "cpu"]
    check_stop(zygote, [*words, "--batch-size", 1, "--overwrite"], number, 3)


@pytest.mark.parametrize("number", SIGNALS)
def test_propose(number: int, zygote: Zygote, tiny_set: TinySet, tmp_path: Path) -> None:
    words = ["propose", "--images", tiny_set.images, "--clicks", tiny_set.clicks]
    words += ["--proposer", "simulated", "--file", tiny_set.parts, "--workers", 2]
    processes = 3 + RESOURCE_TRACKER
    check_stop(zygote, [*words, "--out", tmp_path / "store"], number, processes)


@pytest.mark.parametrize("number", SIGNALS)
def test_synthetic(number: int, zygote: Zygote, tmp_path: Path) -> None:
    words = [
        "synthetic",
        "--out",
        tmp_path / "set",
        "--overwrite",
        "--num-images",
        2000,
        "--workers",
        2,
    ]
    check_stop(zygote, words, number, 3)


def test_other_handlers_stay() -> None:
    def own(*_: object) -> None:
        """Do nothing."""

    before = signal.signal(signal.SIGTERM, own)
    try:
        with interrupted_by_signals():
            assert signal.getsignal(signal.SIGTERM) is own
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_interrupts_wait_for_the_end_of_a_context() -> None:
    done = []

    def work() -> None:
        with postponed_interrupts():
            signal.raise_signal(signal.SIGTERM)
            done.append("all")

    with interrupted_by_signals() as found, pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all"]
    assert (found.name, found.exit_status) == ("SIGTERM", 143)


def test_a_repeated_signal_does_not_disturb_the_clearing_up() -> None:
    done = []
    with interrupted_by_signals():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)
            done.append("cleared up")
    assert done

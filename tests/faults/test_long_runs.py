"""Long runs take no more memory at their end than at their beginning."""

from __future__ import annotations

import json
import logging
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from train_recipe import recipe_text
from zygote import Zygote

from sapnet.network.model import Network
from sapnet.structures.clicks import Category
from tests.faults.test_load import resident_kb

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig
    from tests.conftest import TinySet

logger = logging.getLogger(__name__)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

GROWTH = 1.03


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with Zygote(tmp_path_factory.mktemp("zygote") / "log.txt") as started:
        yield started


def check_memory(zygote: Zygote, words: list[object]) -> None:
    """Run a command; compare its memory after a fifth of its time with that at the end."""
    memory: list[int] = []
    pid, ended = zygote.start(words), threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            try:
                memory.append(resident_kb(pid))
            except (OSError, StopIteration):
                return

    watching = threading.Thread(target=watch)
    watching.start()
    start = time.monotonic()
    status = zygote.wait()
    ended.set()
    watching.join()
    assert status == 0, zygote.output()[-2000:]
    tenth = max(1, len(memory) // 10)
    early, late = (
        statistics.median(part) for part in (memory[2 * tenth : 3 * tenth], memory[-tenth:])
    )
    seconds = time.monotonic() - start
    logger.info(
        "%s: %.0f s, %.1f MB early, %.1f MB late", words[0], seconds, early / 1e3, late / 1e3
    )
    assert late < GROWTH * early


def test_two_thousand_steps(
    zygote: Zygote,
    tiny_set: TinySet,
    tiny_model: ModelConfig,
    tiny_training: TrainConfig,
    tmp_path: Path,
) -> None:
    recipe = tmp_path / "recipe.json"
    cfg = replace(tiny_training, batch_size=1, epochs=250)  # of 8 images
    recipe.write_text(recipe_text(cfg, tiny_model, precision="32"))
    words = ["train", "--config", recipe, "--images", tiny_set.images, "--out", tmp_path / "run"]
    check_memory(zygote, [*words, "--proposals", tiny_set.store])
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["epochs"] == 250


def test_two_thousand_predictions(
    zygote: Zygote, tiny_set: TinySet, tiny_model: ModelConfig, tmp_path: Path
) -> None:
    Network(tiny_model, (Category(1, "cup"), Category(2, "cat"))).save_pretrained(tmp_path / "run")
    images = tmp_path / "images"
    images.mkdir()
    sources = sorted(tiny_set.images.glob("*.png")) or sorted(tiny_set.images.iterdir())
    for number in range(2000):
        source = sources[number % len(sources)]
        shutil.copy(source, images / f"{number:05d}{source.suffix}")
    words = ["predict", "--run", tmp_path / "run", "--images", images, "--out", tmp_path / "out"]
    check_memory(zygote, [*words, "--device", "cpu", "--workers", 1, "--no-pictures"])

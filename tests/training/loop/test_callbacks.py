from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sapnet.training.loop.callbacks import ProgressLines


def _trainer(step: int) -> Any:  # noqa: ANN401  # what the callback asks of a trainer
    return SimpleNamespace(
        global_step=step,
        num_training_batches=10,
        is_global_zero=True,
        current_epoch=1,
        max_epochs=4,
        callback_metrics={"loss": torch.tensor(1.25)},
    )


def _lines(progress: ProgressLines, caplog: pytest.LogCaptureFixture) -> list[str]:
    module: Any = None
    with caplog.at_level("INFO", logger="sapnet"):
        progress.on_train_start(_trainer(10), module)
        for place in range(10):
            progress.on_train_batch_end(_trainer(11 + place), module, None, None, place)
    return [record.getMessage() for record in caplog.records]


def test_a_quick_epoch_tells_its_first_and_last_step(caplog: pytest.LogCaptureFixture) -> None:
    first, last = _lines(ProgressLines(seconds=60), caplog)
    assert first.startswith("epoch 2/4, step 1/10: loss 1.250, ")
    assert last.startswith("epoch 2/4, step 10/10: loss 1.250, ")


def test_a_later_epoch_tells_its_last_step(caplog: pytest.LogCaptureFixture) -> None:
    progress = ProgressLines(seconds=60)
    _lines(progress, caplog)
    caplog.clear()
    (line,) = _lines(progress, caplog)
    assert line.startswith("epoch 2/4, step 10/10: loss 1.250, ")


def test_lines_come_when_due(caplog: pytest.LogCaptureFixture) -> None:
    lines = _lines(ProgressLines(seconds=0), caplog)
    assert [line.split(":")[0].split()[-1] for line in lines] == [f"{i}/10" for i in range(1, 11)]

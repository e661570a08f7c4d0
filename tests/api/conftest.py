from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig
    from tests.conftest import TinySet


@pytest.fixture(scope="session")
def tiny_run(
    tiny_set: TinySet,
    tiny_model: ModelConfig,
    tiny_training: TrainConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A run of one epoch, trained with `sapnet.train`."""
    from sapnet import train

    summary = train(
        tiny_set.images,
        tmp_path_factory.mktemp("api") / "run",
        proposals=tiny_set.store,
        truth=str(tiny_set.truth),
        epochs=1,
        batch_size=4,
        workers=0,
        device="cpu",
        optimizer=tiny_training.optimizer,
        model=tiny_model,
    )
    assert summary.epochs == 1
    assert 0 <= summary.figures["label_miou"] <= 1
    return summary.run

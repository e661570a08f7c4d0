from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sapnet.batches.loader import EpochSampler
from sapnet.training.loop.place import Place, place_of, resume_sampler


def trainer(ready: int, processed: int, batches: int) -> Any:  # noqa: ANN401  # a stand-in
    progress = SimpleNamespace(current=SimpleNamespace(ready=ready, processed=processed))
    batch = SimpleNamespace(current=SimpleNamespace(ready=batches))
    loop = SimpleNamespace(
        epoch_progress=progress, epoch_loop=SimpleNamespace(batch_progress=batch)
    )
    return SimpleNamespace(fit_loop=loop)


@pytest.mark.parametrize(
    ("ready", "processed", "batches", "expected"),
    [(0, 0, 0, Place(0, 0)), (2, 1, 3, Place(1, 3)), (2, 2, 5, Place(2, 0))],
)
def test_place(ready: int, processed: int, batches: int, expected: Place) -> None:
    assert place_of(trainer(ready, processed, batches)) == expected


def test_a_resumed_sampler_leaves_out_what_is_done() -> None:
    sampler = EpochSampler(range(10), shuffle=True, seed=3)
    sampler.set_epoch(1)
    whole = list(sampler)
    fresh = EpochSampler(range(10), shuffle=True, seed=3)
    resume_sampler(fresh, trainer(2, 1, 3), batch_size=2)
    assert list(fresh) == whole[6:]

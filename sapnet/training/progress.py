"""Where a trainer stands in its epochs, in a running and in a resumed run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import lightning


@dataclass(frozen=True)
class Place:
    """A place in the training.

    Attributes:
        epoch: the epoch in flight, or the next one; 0 is the first. (Lightning's `current_epoch`
            counts epochs whose every hook has run, which is one less when a resumed run makes its
            loader.)
        batches_done: batches of this epoch, on each rank, that the weights have learned from.
    """

    epoch: int
    batches_done: int


def place_of(trainer: lightning.Trainer) -> Place:
    """Where a trainer stands, by the counters that Lightning keeps in its checkpoints."""
    loop = trainer.fit_loop
    epochs: Any = loop.epoch_progress.current
    is_inside = epochs.ready > epochs.processed
    batches = int(loop.epoch_loop.batch_progress.current.ready) if is_inside else 0
    return Place(int(epochs.processed), batches)

"""The position of a training within its epochs, in a running and in a resumed run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import lightning

    from sapnet.batches.loader import EpochSampler


@dataclass(frozen=True)
class Place:
    """A position in the training.

    Attributes:
        epoch: the current epoch, or the next one between two epochs; 0 is the first. (Lightning's
            `current_epoch` counts the epochs whose hooks have all run. In a resumed run that
            number is one too small when the loader is made.)
        batches_done: batches of this epoch, on each rank, that have updated the weights.
    """

    epoch: int
    batches_done: int


def place_of(trainer: lightning.Trainer) -> Place:
    """Return the position of a trainer, from the counters that Lightning keeps in checkpoints."""
    loop = trainer.fit_loop
    epochs: Any = loop.epoch_progress.current
    is_inside = epochs.ready > epochs.processed
    batches = int(loop.epoch_loop.batch_progress.current.ready) if is_inside else 0
    return Place(int(epochs.processed), batches)


def resume_sampler(sampler: EpochSampler, trainer: lightning.Trainer, batch_size: int) -> None:
    """Let a sampler start at the position of the trainer.

    Lightning makes the first iterator, and the loader's processes begin to load, before it sets
    the epoch: without this, a resumed run would see the images of epoch 0 again.

    Args:
        sampler: the sampler of the training loader.
        trainer: the trainer, with the counters of the checkpoint already restored.
        batch_size: images per step on this rank.
    """
    place = place_of(trainer)
    sampler.set_epoch(place.epoch)
    sampler.leave_out(place.epoch, place.batches_done * batch_size)

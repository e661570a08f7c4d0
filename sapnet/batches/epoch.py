"""The number of the epoch, shared with the processes of a loader."""

from __future__ import annotations

import torch


class SharedEpoch:
    """The number of the epoch, in memory that loader processes share.

    Loader processes may outlive an epoch; a plain attribute would stay at 0 in them.
    """

    def __init__(self) -> None:
        self._value = torch.zeros((), dtype=torch.int64)
        self._value.share_memory_()  # type: ignore[no-untyped-call]  # torch has no types here

    def __int__(self) -> int:
        return int(self._value)

    def set(self, epoch: int) -> None:
        """Set the number, for all processes."""
        self._value.fill_(epoch)

"""The network that a function of the Python API is given: a run, a name, or itself."""

from __future__ import annotations

from pathlib import Path

from sapnet.network.loading import load_model
from sapnet.network.model import Network


def open_network(run: Path | str | Network, device: str | None) -> Network:
    """Load the network of a run; a loaded one is returned as it is.

    Args:
        run: run folder, USER/NAME on the hub, or a loaded network.
        device: as for `load_model`; None for its default.
    """
    if isinstance(run, Network):
        return run
    return load_model(run) if device is None else load_model(run, device)

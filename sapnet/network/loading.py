"""Loading of a trained network for labelling and prediction."""

from __future__ import annotations

from pathlib import Path

from sapnet.network.model import Network
from sapnet.system.device import choose_device


def load_model(run: Path | str, device: str = "auto") -> Network:
    """Load a trained network to a device, in evaluation mode.

    Args:
        run: folder written by `sapnet train` (or `save_pretrained`), or USER/NAME on the hub.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        FileNotFoundError: there is no trained network of this name.
        ValueError: the device is absent.
    """
    return Network.from_pretrained(run).to(choose_device(device)).eval()

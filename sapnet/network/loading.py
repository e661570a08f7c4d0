"""Loading of a trained network for labelling and prediction."""

from __future__ import annotations

from pathlib import Path

from sapnet.network.exporting.network import ExportedNetwork
from sapnet.network.exporting.sessions import EXPORTED_SUFFIXES
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


def load_predictor(run: Path | str, device: str = "auto") -> Network | ExportedNetwork:
    """Load what segments images: a trained network, or a file of `sapnet export`.

    Args:
        run: as for `load_model`, or the file.
        device: as for `load_model`; files run on the CPU.

    Raises:
        FileNotFoundError: there is no such network or file.
        ValueError: the device is absent, or the file cannot be opened there.
        ModuleNotFoundError: the runtime of the file is not installed.
    """
    path = Path(run)
    if path.suffix not in EXPORTED_SUFFIXES and not path.is_file():
        return load_model(run, device)
    if device not in ("auto", "cpu"):
        raise ValueError(f"{path}: exported files run on the CPU. Leave --device {device} out")
    return ExportedNetwork(path)

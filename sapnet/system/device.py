"""Choice of the device: the requested one or an error, never a silent fallback."""

from __future__ import annotations

import torch


def choose_device(name: str) -> torch.device:
    """Return the device with the given name.

    Args:
        name: "auto" (the first CUDA device, else Apple's MPS, else the CPU), or a torch device
            such as "cpu", "cuda", "cuda:1", "mps".

    Returns:
        A device that is present on this machine.

    Raises:
        ValueError: the name is not a device, or this machine does not have the device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(
            f"device: expected 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', found {name!r}"
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device: {name!r} asked for, but this machine shows {torch.cuda.device_count()} CUDA "
            "device(s). Choose --device cpu, or install the CUDA build of torch and a driver."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device: 'mps' asked for, but this machine has none. Choose --device cpu.")
    return device


def describe_device(device: torch.device) -> str:
    """Return a readable name of the device, such as "cuda (NVIDIA H100)"."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)

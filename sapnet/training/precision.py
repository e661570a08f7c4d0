"""The numerical precision of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from sapnet.system.device import choose_device

if TYPE_CHECKING:
    from sapnet.training.config import Precision


def choose_precision(
    precision: Precision, device: str
) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """Return the precision under the name that Lightning uses.

    Args:
        precision: the setting; "auto" is bf16 on a GPU that supports it, and 32 bit elsewhere.
        device: name of the device, as `choose_device` takes it.
    """
    match precision:
        case "bf16":
            return "bf16-mixed"
        case "fp16":
            return "16-mixed"
        case "32":
            return "32-true"
    on_gpu = choose_device(device).type == "cuda"
    return "bf16-mixed" if on_gpu and torch.cuda.is_bf16_supported() else "32-true"

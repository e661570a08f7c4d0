"""Mixins of the dataclasses that hold tensors: moving between devices, compact pickling."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

SMALL_BYTES = 2**16
"""Tensors of up to this size are pickled with their bytes; the buffer of a pipe holds as many."""


class TensorFields:
    """Moving a dataclass of tensors between devices."""

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """The same values on `device`."""
        moved = {
            f.name: value.to(device, non_blocking=non_blocking)
            for f in fields(self)  # type: ignore[arg-type]  # only dataclasses mix this in
            if isinstance(value := getattr(self, f.name), torch.Tensor)
        }
        return replace(self, **moved)  # type: ignore[type-var]  # likewise


class PacksTensors:
    """A mixin that pickles tensors compactly, for the way from a loader's workers.

    Masks of 0 and 1 take one bit per cell. Small tensors travel as their bytes: torch would send
    each through a shared memory file of its own, which costs more than copying them.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]  # dataclasses only
        packed = tuple(_pack(getattr(self, name), name.endswith("masks")) for name in names)
        return _unpickle, (type(self), packed)


@dataclass(frozen=True)
class _Bits:
    """A uint8 tensor of 0 and 1: eight of its values per byte, and its shape."""

    packed: Tensor | np.ndarray
    shape: torch.Size


def _pack(value: Any, is_mask: bool) -> Any:  # noqa: ANN401  # a tensor, or anything else
    if not isinstance(value, torch.Tensor) or value.device.type != "cpu":
        return value
    if is_mask and value.dtype == torch.uint8:
        bits = torch.from_numpy(np.packbits(value.contiguous().numpy()))
        return _Bits(_pack(bits, False), value.shape)
    if value.nbytes > SMALL_BYTES or value.requires_grad or value.dtype == torch.bfloat16:
        return value
    return value.numpy()


def _unpickle(kind: type[Any], values: tuple[Any, ...]) -> Any:  # noqa: ANN401  # any of the classes
    return kind(*map(_unpack, values))


def _unpack(value: Any) -> Any:  # noqa: ANN401  # a tensor in one of three forms, or anything else
    if isinstance(value, _Bits):
        bits = np.unpackbits(np.asarray(value.packed), count=value.shape.numel())
        return torch.from_numpy(bits).reshape(value.shape)
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value

"""Mixins of the dataclasses that hold tensors: moving between devices, compact pickling."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor


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


class PacksMasks:
    """Pickled with eight cells of a mask per byte, the way a loader's workers send batches."""

    def __reduce__(self) -> tuple[Any, ...]:
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]  # dataclasses only
        values = [getattr(self, name) for name in names]
        pairs = zip(names, values, strict=True)
        packed = tuple(_pack_bits(v) if name.endswith("masks") else v for name, v in pairs)
        return _unpickle, (type(self), packed)


@dataclass(frozen=True)
class _Bits:
    """A uint8 tensor of 0 and 1: eight of its values per byte, and its shape."""

    packed: Tensor
    shape: torch.Size


def _pack_bits(values: Tensor) -> _Bits | Tensor:
    if values.device.type != "cpu" or values.dtype != torch.uint8:
        return values
    import numpy as np

    packed = np.packbits(values.contiguous().numpy())
    return _Bits(torch.from_numpy(packed), values.shape)


def _unpickle(kind: type[Any], values: tuple[Any, ...]) -> Any:  # noqa: ANN401  # any of the two
    import numpy as np

    def unpack(value: Any) -> Any:  # noqa: ANN401  # a tensor, or one as bits
        if not isinstance(value, _Bits):
            return value
        bits = np.unpackbits(value.packed.numpy(), count=value.shape.numel())
        return torch.from_numpy(bits).reshape(value.shape)

    return kind(*map(unpack, values))

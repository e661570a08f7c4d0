"""Folding of batch norms in evaluation mode into the convolutions before them.

Such a norm multiplies each channel by a factor and adds an offset. Scaling the weights of the
convolution gives the same values, in training too. It saves a pass over the feature map and the
memory that would keep the map for the backward pass.
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor, fx, nn


class FoldingConv2d(nn.Conv2d):
    """Convolution that does the work of its norm while the norm is in evaluation mode.

    Args:
        conv: the convolution to replace; its parameters are taken over under the same names.
        norm: the only reader of its output. (`SyncBatchNorm.convert_sync_batchnorm` would replace
            the norm: convert before folding.)
    """

    def __init__(self, conv: nn.Conv2d, norm: FoldedBatchNorm2d) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]  # holds the two sides
            conv.stride,  # type: ignore[arg-type]
            conv.padding,  # type: ignore[arg-type]
            conv.dilation,  # type: ignore[arg-type]
            conv.groups,
            bias=conv.bias is not None,
            padding_mode=conv.padding_mode,
            device="meta",
        )
        self.weight, self.bias = conv.weight, conv.bias
        # In a tuple, so that the norm's parameters are not registered here, too.
        self._norm = (norm,)

    def forward(self, inputs: Tensor) -> Tensor:
        """Convolve, and normalize if the norm is folded."""
        (norm,) = self._norm
        if not norm.is_folded:
            return super().forward(inputs)
        factor, offset = norm.factor_and_offset()
        weight = self.weight * factor.view(-1, 1, 1, 1)
        bias = offset if self.bias is None else offset + self.bias * factor
        convolved: Tensor = self._conv_forward(inputs, weight, bias)
        return convolved


class FoldedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that in evaluation mode leaves its work to the `FoldingConv2d` before it.

    Args:
        norm: the norm to replace; its factors and running statistics are taken over under the same
            names.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, device="meta")
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.train(norm.training)

    @property
    def is_folded(self) -> bool:
        """True if the convolution normalizes."""
        return not self.training

    def factor_and_offset(self) -> tuple[Tensor, Tensor]:
        """Compute the factor and the offset of each channel, (channels,) each."""
        mean, variance = self.running_mean, self.running_var
        if mean is None or variance is None:
            raise RuntimeError("a folded batch norm lost its running statistics")
        factor = self.weight * torch.rsqrt(variance + self.eps)
        return factor, self.bias - mean * factor

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalize by the batch in training; return the inputs otherwise."""
        return inputs if self.is_folded else super().forward(inputs)


def fold_batch_norms(module: nn.Module) -> int:
    """Fold the batch norms of a module into the convolutions before them.

    Outputs, parameter names and training stay the same. A pair is folded where tracing shows that
    the norm alone reads the convolution's output; a module that cannot be traced stays as it is.

    Args:
        module: changed in place.

    Returns:
        Number of pairs.
    """
    try:
        graph = fx.Tracer().trace(module)
    # The exception of a trace depends on the code it meets: control flow, shapes, arguments.
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError, KeyError):
        return 0
    pairs = _pairs(module, graph)
    for conv_name, norm_name in pairs:
        norm = FoldedBatchNorm2d(module.get_submodule(norm_name))  # type: ignore[arg-type]
        conv = FoldingConv2d(module.get_submodule(conv_name), norm)  # type: ignore[arg-type]
        _replace(module, norm_name, norm)
        _replace(module, conv_name, conv)
    return len(pairs)


def _pairs(module: nn.Module, graph: fx.Graph) -> list[tuple[str, str]]:
    """List convolutions and the norms that alone read their outputs, by name."""
    calls = [node for node in graph.nodes if node.op == "call_module"]
    count = Counter(node.target for node in calls)
    pairs = []
    for call in calls:
        source = call.args[0] if call.args else None
        if not isinstance(source, fx.Node) or source.op != "call_module":
            continue
        conv = module.get_submodule(str(source.target))
        norm = module.get_submodule(str(call.target))
        is_private = len(source.users) == 1 and count[source.target] == count[call.target] == 1
        # Subclasses may compute something else.
        is_plain = type(conv) is nn.Conv2d and type(norm) is nn.BatchNorm2d
        if is_private and is_plain and norm.affine and norm.track_running_stats:
            pairs.append((str(source.target), str(call.target)))
    return pairs


def _replace(module: nn.Module, name: str, new: nn.Module) -> None:
    parent, _, attribute = name.rpartition(".")
    setattr(module.get_submodule(parent), attribute, new)

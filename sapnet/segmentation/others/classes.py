"""Class outputs taken over by name from a network of other classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ClassRows:
    """Rows of a layer's weights: some before those of the classes, and perhaps some behind.

    Attributes:
        before: rows before those of the first class, of the background.
        per_class: rows of each class.
    """

    before: int = 0
    per_class: int = 1

    def rows_of(self, index: int) -> range:
        """Return the rows of a class."""
        first = self.before + index * self.per_class
        return range(first, first + self.per_class)


CLASS_LAYERS = {
    # SAPNet's selection and SOLOv2.
    "classes": ClassRows(),
    "instances": ClassRows(),
    "class_output": ClassRows(),
    # torchvision's Mask R-CNN, in which the background comes first.
    "box_predictor.cls_score": ClassRows(before=1),
    "box_predictor.bbox_pred": ClassRows(before=4, per_class=4),
    "mask_predictor.mask_fcn_logits": ClassRows(before=1),
    # Mask2Former, in which "no object" comes last; `criterion` weighs the classes in the loss.
    "class_predictor": ClassRows(),
    "criterion": ClassRows(),
}
"""Layers with rows for each class, by the end of their names."""


@dataclass(frozen=True)
class ClassMatch:
    """Classes of a network that begins with the weights of another one, by name.

    Attributes:
        kept: classes that the other network knows.
        new: classes whose weights are new.
        left: classes of the other network that this one does not have.
    """

    kept: tuple[str, ...]
    new: tuple[str, ...]
    left: tuple[str, ...]


def match_classes(own: Sequence[str], other: Sequence[str]) -> ClassMatch:
    """Match the classes of two networks by name."""
    return ClassMatch(
        tuple(name for name in own if name in other),
        tuple(name for name in own if name not in other),
        tuple(name for name in other if name not in own),
    )


def layout_of(parameter: str) -> ClassRows | None:
    """Return the layout of a parameter's rows; None if it has none for classes."""
    layer = f".{parameter.rpartition('.')[0]}"
    return next((rows for name, rows in CLASS_LAYERS.items() if layer.endswith(f".{name}")), None)


def take_weights(
    own: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    own_names: Sequence[str],
    other_names: Sequence[str],
) -> dict[str, Tensor]:
    """Take the weights of another network, class by class where a layer has classes.

    Rows that belong to no class, such as the background's, are taken as well.

    Args:
        own: parameters of the network by name.
        other: those of the other network.
        own_names: C classes of the network.
        other_names: classes of the other one, in the order of its rows.

    Raises:
        ValueError: the networks differ in more than their classes.
    """
    places = {name: index for index, name in enumerate(other_names)}
    pairs = [(row, places[name]) for row, name in enumerate(own_names) if name in places]
    mixed = {}
    for key, value in own.items():
        source, layout = other.get(key), layout_of(key)
        skipped = 0 if layout is None else 1
        if source is None or source.shape[skipped:] != value.shape[skipped:]:
            found = "nothing" if source is None else f"{list(source.shape)}"
            raise ValueError(
                f"expected the same network apart from its classes, found {found} for {key} of "
                f"shape {list(value.shape)}"
            )
        if layout is None:
            mixed[key] = source
            continue
        rows = [
            pair
            for one, two in pairs
            for pair in zip(layout.rows_of(one), layout.rows_of(two), strict=True)
        ]
        own_end = layout.rows_of(len(own_names)).start
        other_end = layout.rows_of(len(other_names)).start
        rows += [(row, row) for row in range(layout.before)]
        rows += zip(range(own_end, len(value)), range(other_end, len(source)), strict=True)
        mixed[key] = _with_rows(value, source, rows)
    return mixed


def _with_rows(value: Tensor, source: Tensor, rows: Sequence[tuple[int, int]]) -> Tensor:
    """Return the values with some rows of the source: pairs of own and other row."""
    own, other = torch.tensor(rows, dtype=torch.int64).reshape(-1, 2).T
    mixed = value.clone()
    mixed[own] = source[other].to(value.dtype)
    return mixed

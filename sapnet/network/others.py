"""Assembly of segmenters other than SOLOv2, and the checkpoints that they begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.backbones.pyramid import Pyramid
from sapnet.segmentation.others import mask2former_weights, torchvision_weights
from sapnet.segmentation.others.classes import match_classes, take_weights
from sapnet.segmentation.others.mask2former import Mask2Former
from sapnet.segmentation.others.mask_rcnn import MaskRCNN, build_on_pyramid, build_published

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.network.config import ModelConfig
    from sapnet.segmentation.fitting import ObjectLayout
    from sapnet.segmentation.others.config import OtherSegmenterConfig
    from sapnet.structures.clicks import Category

PUBLISHED_ANCHORS = (32, 64, 128, 256, 512)
"""Sides of Mask R-CNN's anchors, pixels, made for COCO at 800 px."""

LEAST_ANCHOR = 8
"""Smallest anchor that is fitted, pixels: the finest features have a stride of 4."""

SMALL_SHARE = 0.1
"""Share of the objects that may be smaller than the smallest anchor."""

MOST_NAMED = 5
"""Classes that a line names."""


def fit_architecture(
    cfg: OtherSegmenterConfig, layout: ObjectLayout
) -> tuple[OtherSegmenterConfig, str]:
    """Fill in what the shapes of a segmenter depend on, from its checkpoint or from the data.

    Args:
        cfg: its settings.
        layout: sizes of the objects in the input.

    Returns:
        The settings, and a line for the user; empty where the checkpoint decides.

    Raises:
        FileNotFoundError, ValueError: the checkpoint is missing or of another kind.
    """
    if cfg.architecture is not None:
        return cfg, ""
    if cfg.is_on_pyramid or cfg.checkpoint is None:
        anchors = fit_anchors(layout)
        line = f"anchors {', '.join(map(str, anchors))} px: {_reason_of_anchors(anchors)}"
        return replace(cfg, architecture={"anchors": list(anchors)}), line
    match cfg.name:
        case "mask-rcnn":
            found = torchvision_weights.read_architecture(cfg.checkpoint)
        case "mask2former":
            found = mask2former_weights.read_architecture(cfg.checkpoint)
    return replace(cfg, architecture=found), ""


def fit_anchors(layout: ObjectLayout) -> tuple[int, ...]:
    """Return the sides of the anchors: the published ones, smaller where objects are smaller."""
    usual = PUBLISHED_ANCHORS[0]
    small = float(np.quantile(layout.sizes, SMALL_SHARE)) if len(layout) else usual
    factor = min(max(small, LEAST_ANCHOR), usual) / usual
    return tuple(round(side * factor) for side in PUBLISHED_ANCHORS)


def _reason_of_anchors(anchors: Sequence[int]) -> str:
    if anchors[0] == PUBLISHED_ANCHORS[0]:
        return "the published ones"
    return "smaller than the published ones, as a tenth of the objects is smaller than their first"


def build_segmenter(settings: ModelConfig, num_classes: int) -> MaskRCNN | Mask2Former:
    """Build a segmenter with random weights.

    Args:
        settings: of the network; `other` names the segmenter and its architecture.
        num_classes: C.

    Raises:
        ValueError: the settings lack the architecture.
    """
    other, cfg = settings.other, settings.segmentation.predict
    if other is None or other.architecture is None:
        raise ValueError(
            "model.other: expected a segmenter with its architecture, found none. `sapnet train "
            "--segmenter` fills it in"
        )
    known: dict[str, Any] = other.architecture
    if other.name == "mask2former":
        return Mask2Former(known, num_classes, cfg)
    if "builder" in known:
        return build_published(known["builder"], num_classes, cfg)
    pyramid = Pyramid(settings.backbone_config, settings.fpn_channels)
    return build_on_pyramid(pyramid, num_classes, known["anchors"], cfg)


def load_checkpoint(
    segmenter: MaskRCNN | Mask2Former, settings: ModelConfig, categories: Sequence[Category]
) -> str:
    """Load the weights of the checkpoint that the settings name, if they name one.

    Args:
        segmenter: built of the same settings; its parameters are overwritten.
        settings: of the network.
        categories: C categories.

    Returns:
        A line about the classes of the checkpoint; empty without one.

    Raises:
        FileNotFoundError: weights are missing.
        ValueError: they are those of another network.
    """
    other = settings.other
    if other is None or other.checkpoint is None:
        return ""
    match other.name:
        case "mask-rcnn":
            cfg = settings.segmentation.predict
            state, names = torchvision_weights.load_state(
                other.checkpoint, lambda builder, count: build_published(builder, count, cfg).model
            )
        case "mask2former":
            state, names = mask2former_weights.load_state(other.checkpoint)
    own = {
        name: value
        for name, value in segmenter.model.state_dict().items()
        if not name.endswith(torchvision_weights.COUNTERS)
    }
    wanted = [category.name for category in categories]
    try:
        mixed = take_weights(own, state, wanted, names)
    except ValueError as error:
        raise ValueError(f"--checkpoint {other.checkpoint}: {error}") from error
    segmenter.model.load_state_dict(mixed, strict=False)
    return _classes_line(other.checkpoint, wanted, names)


def _classes_line(checkpoint: str, wanted: Sequence[str], names: Sequence[str]) -> str:
    """Describe what a checkpoint of other classes gives."""
    match = match_classes(wanted, names)
    kept = f"{_some(match.kept)} by name" if match.kept else "none of them by name"
    new = f"; new class outputs for {_some(match.new)}" if match.new else ""
    named = [name for name in names if not name.startswith(torchvision_weights.NO_NAME)] or names
    return f"start: the weights of {checkpoint}, trained on {len(named)} classes; {kept}{new}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more

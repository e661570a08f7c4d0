"""Comparison of the answers of both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

MIN_IOU = 0.999
MAX_SCORE_DIFFERENCE = 1e-4
MAX_RELATIVE_DIFFERENCE = 1e-4
MAX_GRADIENT_DIFFERENCE = 1e-2
"""Norm of the difference over that of the gradient. Units near 0 that are on on one side and off on
the other add up to thousandths on the way down to the backbone."""

Outputs = Mapping[str, torch.Tensor]


def differences(ours: Outputs, theirs: Outputs) -> Iterator[str]:
    """Yield a line per comparison; it starts with DIFFERENT if the difference is too large."""
    if "masks" in ours:
        yield _verdict(*_instances(ours, theirs))
        return
    for name in ours:
        distance = (ours[name] - theirs[name]).norm() / theirs[name].norm()
        limit = MAX_GRADIENT_DIFFERENCE if "gradient" in name else MAX_RELATIVE_DIFFERENCE
        yield _verdict(f"{name} differs by {distance:.1e} of itself", distance.item() <= limit)


def _verdict(text: str, is_equal: bool) -> str:
    return text if is_equal else f"DIFFERENT {text}"


def _instances(ours: Outputs, theirs: Outputs) -> tuple[str, bool]:
    """Match each of our instances with the one of theirs that overlaps it most."""
    counts = len(ours["labels"]), len(theirs["labels"])
    if counts[0] != counts[1]:
        return f"{counts[0]} instances of ours, {counts[1]} of theirs", False
    if not counts[0]:
        return "no instances on either side", False
    a, b = (side["masks"].flatten(1).float() for side in (ours, theirs))
    overlap = a @ b.T
    union = a.sum(1)[:, None] + b.sum(1) - overlap
    same_label = ours["labels"][:, None] == theirs["labels"]
    # Among identical masks the one of the nearest score.
    distance = (ours["scores"][:, None] - theirs["scores"]).abs()
    iou = torch.where(union > 0, overlap / union, 1.0) * same_label
    partner = (iou - distance).argmax(dim=1)
    is_matching = len(partner.unique()) == len(partner)
    rows = torch.arange(len(partner))
    least_iou = iou[rows, partner].min().item()
    worst_score = distance[rows, partner].max().item()
    text = (
        f"{counts[0]} instances, least IoU of a pair {least_iou:.5f}, "
        f"largest difference of scores {worst_score:.1e}"
    )
    is_equal = is_matching and least_iou >= MIN_IOU and worst_score <= MAX_SCORE_DIFFERENCE
    return text, is_equal

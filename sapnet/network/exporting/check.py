"""Comparison of an exported file with the network that it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sapnet.network.exporting.facts import OUTPUTS
from sapnet.network.exporting.sessions import open_session

if TYPE_CHECKING:
    from sapnet.network.exporting.facts import ExportedFacts
    from sapnet.network.exporting.graph import InferenceGraph

TOLERANCE = 1e-3
"""Largest difference of the sorted scores. Tracing that took a size for a constant fails or gives
something else altogether."""


def example_image(facts: ExportedFacts, aspect: float = 1.25) -> Tensor:
    """Make an image of smooth noise of the network's size.

    Args:
        facts: sizes of the input.
        aspect: width by height.

    Returns:
        (1, 3, H, W) uint8. No side is a multiple of the padding.
    """
    generator = torch.Generator().manual_seed(0)
    short = max(facts.short_side - 6, 8)
    size = (short, int(short * aspect)) if aspect >= 1 else (int(short / aspect), short)
    coarse = torch.rand(1, 3, 12, 12, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    return (smooth * 255).to(torch.uint8)


def check_same(graph: InferenceGraph, path: Path, facts: ExportedFacts) -> None:
    """Compare an exported file with its network, at another size than it was traced at.

    Raises:
        ValueError: shapes or scores differ.
    """
    image = example_image(facts, aspect=0.7)
    expected = [value.numpy() for value in graph(image)]
    try:
        found = open_session(path).run(image.numpy())
    except ValueError:
        raise
    except Exception as error:  # each runtime raises its own
        raise ValueError(_refusal(graph, str(error).strip().split("\n")[0])) from error
    for name, one, other in zip(OUTPUTS, expected, found, strict=True):
        if one.shape != other.shape:
            raise ValueError(_refusal(graph, f"{name} have {other.shape}, not {one.shape}"))
    worst = float(np.abs(expected[1] - found[1]).max(initial=0))
    if worst > TOLERANCE:
        raise ValueError(_refusal(graph, f"scores differ by up to {worst:.3g}"))


def _refusal(graph: InferenceGraph, what: str) -> str:
    return (
        f"the exported network does not give the results of the run at another image size ({what})."
        f" The backbone {graph.network.settings.backbone} cannot be exported with free sizes"
    )

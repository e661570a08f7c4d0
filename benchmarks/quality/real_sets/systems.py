"""Systems that are compared on real sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.quality.trial import METHODS

LabelSource = Literal["favourite", "method", "best", "truth"]


@dataclass(frozen=True)
class System:
    """A source of labels and the segmenter that learns from them.

    Attributes:
        name: key of its figures and its folder.
        title: name in the table.
        source: where the labels come from: the proposer's own choice, a method that is trained on
            the clicks, the candidate with the best IoU, or ground truth.
        flags: of `sapnet train` for the method.
    """

    name: str
    title: str
    source: LabelSource
    flags: tuple[str, ...] = ()

    @property
    def has_two_stages(self) -> bool:
        """True if labels and segmenter are learned together, so that a second training differs."""
        return self.source == "method"


SYSTEMS = {
    system.name: system
    for system in (
        System("favourite", "proposer's favourite", "favourite"),
        System("mil", "MIL (PSM)", "method", METHODS["MIL"]),
        System("sapnet", "SAPNet as printed", "method", METHODS["SAPNet"]),
        System("ours", "sapnet+", "method", METHODS["sapnet+"]),
        System("best", "best candidate of each object", "best"),
        System("truth", "ground truth", "truth"),
    )
}
"""All systems by name, lowest first. "best" is the ceiling of choosing, "truth" that of labels."""

METHOD_NAMES = tuple(name for name, system in SYSTEMS.items() if system.has_two_stages)

"""Settings of the region proposer; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RegionsConfig:
    """Settings of the region proposer.

    Attributes:
        num_proposals: masks kept per click, K.
        working_side: long side of the frame of the segmentations, pixels.
        smallest_size: side of the smallest assumed box, as a share of the square root of the
            image's area; 0.035 is 19 px in a 640 x 480 photograph.
        largest_size: side of the largest assumed box, likewise; above 1 for objects that fill the
            image.
        num_sizes: number of assumed sizes, in equal steps of the logarithm.
        aspects: assumed width / height ratios.
        sharpness: weight of a candidate's predicted quality when choosing; 0 treats all candidates
            alike.
    """

    num_proposals: int = 8
    working_side: int = 320
    smallest_size: float = 0.035
    largest_size: float = 1.05
    num_sizes: int = 13
    aspects: tuple[float, ...] = (0.35, 0.65, 1.2, 2.3)
    sharpness: float = 14.0

    def __post_init__(self) -> None:
        for name in ("num_proposals", "working_side", "num_sizes"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"RegionsConfig.{name}: expected at least 1, found {getattr(self, name)}"
                )
        if not 0 < self.smallest_size <= self.largest_size:
            raise ValueError(
                "RegionsConfig: expected 0 < smallest_size <= largest_size, found "
                f"{self.smallest_size} and {self.largest_size}"
            )
        if not self.aspects or min(self.aspects) <= 0:
            raise ValueError(
                f"RegionsConfig.aspects: expected positive ratios, found {self.aspects}"
            )

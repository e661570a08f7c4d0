"""Settings of the click segmenter in use; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClickConfig:
    """Settings of the click segmenter.

    Attributes:
        num_proposals: masks kept per click, K.
        sides: of the windows round a click, as shares of the image's long side; 48 to 640 px of a
            photograph of 640 px.
        window_side: pixels that each window is resized to, a multiple of 32.
        box_margin: a window is laid round a known box, and further clicks, this much wider.
        max_rivals: most clicks on other objects of the same category that count as negative clicks.
        mirror: ask the mirrored windows as well and take the mean of both, for twice the time.
    """

    num_proposals: int = 8
    sides: tuple[float, ...] = (0.075, 0.115, 0.178, 0.273, 0.42, 0.65, 1.0)
    window_side: int = 192
    box_margin: float = 1.3
    max_rivals: int = 4
    mirror: bool = False

    def __post_init__(self) -> None:
        if self.num_proposals < 1 or not self.sides or min(self.sides) <= 0:
            raise ValueError(
                "ClickConfig: expected at least one proposal and sides > 0, found "
                f"num_proposals {self.num_proposals}, sides {self.sides}"
            )
        if self.window_side < 32 or self.window_side % 32:
            raise ValueError(
                f"ClickConfig.window_side: expected a multiple of 32, found {self.window_side}"
            )

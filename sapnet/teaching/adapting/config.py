"""Settings of an adaptation; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass, field

from sapnet.teaching.config import TuneConfig


@dataclass(frozen=True)
class AdaptConfig:
    """Settings of an adaptation.

    Attributes:
        min_clicks: fewest clicks of a data set; fewer cannot judge what was learned.
        rounds: most rounds of answering and learning; one that finds nothing better is the last.
        max_clicks: most clicks of a round that are answered and learned from, drawn evenly.
        max_images: most images that they are drawn from.
        max_pixels: most pixels of these images in all; decoded, they lie on disk for a while, in
            three bytes a pixel.
        steps: of the optimiser, in a round.
        tune: how it is judged, on images kept aside. In the first round, `slack` lets the
            favourite or the best mask fall a little where the other one rises more, and `min_gain`
            keeps what may be chance from being taken for a gain.
        seed: of everything random.
    """

    min_clicks: int = 50
    rounds: int = 3
    max_clicks: int = 500
    max_images: int = 80
    max_pixels: int = 400_000_000
    steps: int = 60
    tune: TuneConfig = field(
        default_factory=lambda: TuneConfig(max_judged=120, slack=0.02, min_gain=0.01)
    )
    seed: int = 0


def is_wanted(adapt: bool | None, checkpoint: str | None) -> bool:
    """Return True if the weights of `click` are to be adapted.

    Args:
        adapt: as asked for; None leaves it open.
        checkpoint: weights that were named; they stay as they are where it is left open.
    """
    return checkpoint is None if adapt is None else adapt

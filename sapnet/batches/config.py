"""Settings of the network's input; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass

from sapnet.structures.grids import MASK_STRIDE


@dataclass(frozen=True)
class AugmentConfig:
    """Variation of training images.

    Attributes:
        short_sides: pixels of the shorter side, one is drawn per image; outside training the
            largest is used. One value, (800,), is the paper's single scale.
        max_long_side: pixels; the longer side is never longer, the aspect is kept.
        flip_probability: of a horizontal flip, in [0, 1].
        pad_divisor: padded sides are multiples of it, in pixels; the largest stride of the network.
        bits: bit depth of images of more than 8 bits, one for all. Unset: that of the largest value
            of the data set.
        tile: side of the windows that large images are read in, pixels. Unset: those of the store,
            else whole images.
        overlap: pixels that neighbouring windows share.
        bands: numbers of the bands that are read, from 1 on. Unset: the files' own.
        color_jitter: largest relative change of brightness, contrast and saturation, in [0, 1];
            0 leaves colours alone.
    """

    short_sides: tuple[int, ...] = (640, 672, 704, 736, 768, 800)
    max_long_side: int = 1333
    flip_probability: float = 0.5
    pad_divisor: int = 32
    bits: int | None = None
    tile: int | None = None
    overlap: int | None = None
    bands: tuple[int, ...] | None = None
    color_jitter: float = 0.0

    def __post_init__(self) -> None:
        if not self.short_sides or min(self.short_sides) < 1 or self.max_long_side < 1:
            raise ValueError(
                "AugmentConfig: expected at least one short side and a long side of 1 px or more, "
                f"found {self.short_sides} and {self.max_long_side}"
            )
        if self.pad_divisor < MASK_STRIDE or self.pad_divisor % MASK_STRIDE:
            raise ValueError(
                f"AugmentConfig.pad_divisor: expected a multiple of {MASK_STRIDE}, the stride of "
                f"the masks, found {self.pad_divisor}"
            )
        if self.bits is not None and not 1 <= self.bits <= 16:
            raise ValueError(f"AugmentConfig.bits: expected 1 to 16, found {self.bits}")
        if not (0 <= self.flip_probability <= 1 and 0 <= self.color_jitter <= 1):
            raise ValueError(
                "AugmentConfig: expected flip_probability and color_jitter in [0, 1], found "
                f"{self.flip_probability} and {self.color_jitter}"
            )

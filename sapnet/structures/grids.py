"""Sizes of the grids that masks are resampled to."""

MASK_STRIDE = 4
"""Input pixels per cell of the grid on which masks live during training (SOLOv2's mask stride)."""


CROP_SIZE = 7
"""Side of a proposal's mask crop; equals the RoIAlign output so that both can be multiplied."""

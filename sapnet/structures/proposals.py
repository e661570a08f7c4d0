"""Candidate masks of an object, as proposers make them and the store gives them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sapnet.structures.grids import CROP_SIZE

if TYPE_CHECKING:
    import numpy as np

    from sapnet.structures.clicks import RLE, Click


GIVEN_MASK = "given mask"
"""Prompt name of the only proposal of an object whose mask was given: there is no choice."""


@dataclass(frozen=True)
class Proposals:
    """Candidate masks of one object, original frame.

    Attributes:
        rles: K masks.
        boxes: (K, 4) float32 tight xyxy boxes, pixel edges.
        scores: (K,) float32 the proposer's own score, in [0, 1].
        prompts: K names of what made each mask ("point", "box", or the proposer's own word;
            `GIVEN_MASK` for a mask that came with the click).
    """

    rles: tuple[RLE, ...]
    boxes: np.ndarray
    scores: np.ndarray
    prompts: tuple[str, ...]

    def __post_init__(self) -> None:
        k = len(self.rles)
        if self.boxes.shape != (k, 4) or self.scores.shape != (k,) or len(self.prompts) != k:
            raise ValueError(
                f"Proposals: {k} masks, but boxes {self.boxes.shape}, scores {self.scores.shape} "
                f"and {len(self.prompts)} prompts; expected ({k}, 4), ({k},) and {k}"
            )

    def __len__(self) -> int:
        return len(self.rles)


@dataclass(frozen=True)
class StoredObject:
    """One object of a proposal store: the click and its candidates.

    Attributes:
        click: the click, original frame.
        proposals: its K candidates.
        mask_crops: (K, 7, 7) uint8, mean coverage of the mask in each bin of its tight box, 0..255.
        holds_rival: (K,) bool, True if the mask holds the point of another object of the same
            category.
    """

    click: Click
    proposals: Proposals
    mask_crops: np.ndarray
    holds_rival: np.ndarray

    def __post_init__(self) -> None:
        k = len(self.proposals)
        if self.mask_crops.shape != (k, CROP_SIZE, CROP_SIZE) or self.holds_rival.shape != (k,):
            raise ValueError(
                f"object {self.click.annotation_id}: {k} proposals, but mask crops "
                f"{self.mask_crops.shape} and rival flags {self.holds_rival.shape}"
            )

    @property
    def has_given_mask(self) -> bool:
        """True if the object's mask came with its click."""
        return self.proposals.prompts == (GIVEN_MASK,)

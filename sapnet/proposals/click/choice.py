"""Choice of the masks of a click to keep, and of the one that is most likely meant."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals.click.candidates import Candidates, candidate_overlaps, paste
from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.keeping import prompt_fit
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals

VOTE_POWER, AGREEMENT_POWER, OWN_POWER = 3, 3, 0.25
"""Of the own score of a mask that votes, of its IoU with the mask voted for, and of the own score
of the latter: measured on photographs, nuclei and street fronts. Sums of plain scores favour what
most windows see."""

COVER_POWER = 2
"""Of the own score as the chance that a mask is the one meant."""


def choose_proposals(
    candidates: Candidates, click: Click, image_size: tuple[int, int], cfg: ClickConfig
) -> Proposals:
    """Keep K masks of a click, the favourite first.

    Args:
        candidates: all masks of the click.
        click: what was asked; masks that do not keep to it fall back.
        image_size: (height, width).
        cfg: of the choice.
    """
    overlaps = candidate_overlaps(candidates)
    own = candidates.scores.flatten().double() * prompt_fit(candidates, click)
    scores = votes(overlaps, own)
    kept = cover(overlaps, own, int(scores.argmax()), cfg.num_proposals)
    kept = kept[scores[kept].argsort(descending=True, stable=True)]
    rles = encode_masks(np.stack([paste(candidates, place, image_size) for place in kept.tolist()]))
    return Proposals(
        rles=rles,
        boxes=rle_boxes(rles),
        scores=scores[kept].numpy().astype(np.float32),
        prompts=("point",) * len(rles),
    )


def votes(overlaps: Tensor, scores: Tensor) -> Tensor:
    """Judge how likely each mask is the one meant: all masks vote for those they agree with.

    The mask's own score counts a little, too.

    Args:
        overlaps: (M, M) IoU of all pairs of masks.
        scores: (M,) own scores in [0, 1].

    Returns:
        (M,) in [0, 1].
    """
    agreed = overlaps.pow(AGREEMENT_POWER) * scores.pow(VOTE_POWER)
    return agreed.mean(1).pow(1 / VOTE_POWER) * scores.pow(OWN_POWER)


def cover(overlaps: Tensor, scores: Tensor, favourite: int, count: int) -> Tensor:
    """Keep the masks that together promise the best IoU with whatever was meant.

    Each mask may be the one meant, with a chance that goes by its own score. One after the other,
    the mask is kept that adds most to the expected IoU of the best kept one.

    Args:
        overlaps: (M, M) IoU of all pairs of masks.
        scores: (M,) own scores in [0, 1].
        favourite: place of the mask that is kept in any case.
        count: K, most masks to keep.

    Returns:
        (K or fewer,) int64 places, the favourite first; none that adds nothing.
    """
    kept, reached = [favourite], overlaps[favourite]
    chances = scores.pow(COVER_POWER)
    for _ in range(count - 1):
        gains = (torch.maximum(overlaps, reached) - reached) @ chances
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        kept.append(best)
        reached = torch.maximum(reached, overlaps[best])
    return torch.tensor(kept, dtype=torch.int64)

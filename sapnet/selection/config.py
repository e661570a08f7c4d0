"""Settings of the selection branch: one frozen dataclass per part of the method.

`SelectionConfig()` is the default method, `sapnet+`; `paper_selection()` is the paper as printed.
Sources: [P] stated in the paper, [C] read in the authors' released code where the paper is silent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

ROI_SIZE = 7
"""Side of the pooled features (paper, section 3.2); equals the side of the stored mask crops."""


def _require(condition: bool, name: str, expected: str, found: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, found {found}")


def _require_fraction(name: str, found: float) -> None:
    _require(0 <= found <= 1, name, "a number in [0, 1]", found)


@dataclass(frozen=True)
class GuidanceConfig:
    """Point-distance guidance (PDG, Eq. 2): less weight for boxes that reach a rival.

    Attributes:
        enabled: without it every distance score is 1.
        overlap: when a box is penalised. "bag" [P]: it overlaps any proposal of the rival's bag;
            "point" [C]: it holds the rival's point.
        distance_power: power of the distance between the points; 1 [P], 0.5 [C].
        exponent: power of the distance score; 0.015 [P], 1/64 [C].
    """

    enabled: bool = True
    overlap: Literal["bag", "point"] = "bag"
    distance_power: float = 1.0
    exponent: float = 0.015

    def __post_init__(self) -> None:
        _require(self.overlap in ("bag", "point"), "overlap", '"bag" or "point"', self.overlap)
        _require(self.distance_power > 0, "distance_power", "a number > 0", self.distance_power)
        _require(self.exponent >= 0, "exponent", "a number >= 0", self.exponent)


def _multiples(step: float, first: int, last: int) -> tuple[float, ...]:
    return tuple(round(step * n, 6) for n in range(first, last + 1))


@dataclass(frozen=True)
class PositivesConfig:
    """Positive proposals generator (PPG, Eq. 4): boxes jittered round the selected one.

    Eq. 4 scales both sides by 1 + v / S_dis, v of either sign, but the paper does not give the
    values of v. They are chosen so that the boxes are those of the released code, which picks them
    by whether a rival is near: an object without one is only grown, by 0.01..0.15 and 0.08..0.10;
    an object with one is also shrunk, by 0.005..0.025 divided by the score before its exponent,
    which is close to 0.5: by 0.01..0.05. The printed S_dis, exponent included, is close to 1, so
    these values stand here undivided; sides differ from the code's by less than 0.2 % of the
    selected box where rivals are far. The code's own form is `fixed=` 0.01..0.15, `lone=`
    0.08..0.10, `crowded=` -0.005..-0.025 with the score taken before its exponent.

    Attributes:
        enabled: without it the refined bag is the original one.
        fixed: v of scales 1 + v that ignore the distance score.
        lone: v of scales 1 + v / S_dis where S_dis = 1.
        crowded: as many v, of scales 1 + v / S_dis where S_dis < 1.
    """

    enabled: bool = True
    fixed: tuple[float, ...] = ()
    lone: tuple[float, ...] = _multiples(0.01, 1, 15) + _multiples(0.005, 16, 20)
    crowded: tuple[float, ...] = _multiples(0.01, 1, 15) + _multiples(-0.01, 1, 5)

    def __post_init__(self) -> None:
        _require(
            len(self.lone) == len(self.crowded),
            "crowded",
            f"as many values as lone ({len(self.lone)})",
            len(self.crowded),
        )
        for name in ("fixed", "lone", "crowded"):
            values = getattr(self, name)
            _require(
                all(v > -0.5 for v in values), name, "every v > -0.5 (S_dis is above 0.5)", values
            )


@dataclass(frozen=True)
class NegativesConfig:
    """Negative proposals generator (NPG): boxes that every class must reject.

    Attributes:
        enabled: without it the refinement has no negative loss.
        num_random: boxes drawn per image; 500 [C].
        overhang: how far they may begin left of and above the image and end right of and below
            it, as a fraction of its size; 0.2 [C].
        background_iou: a random box counts if its IoU with every positive of its image is below;
            T_neg1 = 0.3 [P].
        part_iou: boxes inside the selected one are drawn from those whose IoU with it is below;
            T_neg2 = 0.5 [P]. Above the square of `min_part_fraction`.
        num_parts: boxes drawn inside each selected box; 1 [C].
        min_part_fraction: smallest side of a part box as a fraction of the selected box's side;
            not given by either source. 0.25 keeps part boxes from shrinking to a pixel.
        min_part_side: selected boxes whose area is at most the square of this get no part box;
            as a fraction of the image's short side, so that it holds at any input size.
            0.08 is the code's 64 px at its short side of 800 px [C].
    """

    enabled: bool = True
    num_random: int = 500
    overhang: float = 0.2
    background_iou: float = 0.3
    part_iou: float = 0.5
    num_parts: int = 1
    min_part_fraction: float = 0.25
    min_part_side: float = 0.08

    def __post_init__(self) -> None:
        _require(self.num_random >= 0, "num_random", "a number >= 0", self.num_random)
        _require(self.num_parts >= 0, "num_parts", "a number >= 0", self.num_parts)
        _require(self.overhang >= 0, "overhang", "a number >= 0", self.overhang)
        _require(self.min_part_side >= 0, "min_part_side", "a number >= 0", self.min_part_side)
        for name in ("background_iou", "part_iou", "min_part_fraction"):
            _require_fraction(name, getattr(self, name))
        least = self.min_part_fraction**2
        _require(
            self.num_parts == 0 or self.part_iou > least,
            "part_iou",
            f"a number above {least:g}, the IoU of the smallest part (min_part_fraction squared)",
            self.part_iou,
        )


@dataclass(frozen=True)
class MiningConfig:
    """Box mining (BMS, Algorithm 2): the selected box grows into larger ones that agree.

    Attributes:
        enabled: without it the selected box stays as it is.
        top_k: candidates, the best original proposals by refinement score; 3 [P].
        close_iou: a larger candidate merges above this IoU; T_min1 = 0.6 [P].
        containment_iou: a larger candidate that contains the box merges above this one;
            T_min2 = 0.3 [P].
        containment_tolerance: px, input frame, by which the box may stick out of a candidate that
            "contains" it; less than 2 px [C].
    """

    enabled: bool = True
    top_k: int = 3
    close_iou: float = 0.6
    containment_iou: float = 0.3
    containment_tolerance: float = 2.0

    def __post_init__(self) -> None:
        _require(self.top_k >= 1, "top_k", "a number >= 1", self.top_k)
        _require_fraction("close_iou", self.close_iou)
        _require_fraction("containment_iou", self.containment_iou)
        _require(
            self.containment_tolerance >= 0,
            "containment_tolerance",
            "a number >= 0",
            self.containment_tolerance,
        )


@dataclass(frozen=True)
class MultiMaskConfig:
    """Multi-mask supervision (MPS, Eq. 11): the segmenter also learns from runners-up.

    Attributes:
        enabled: without it only the chosen mask supervises.
        weight: alpha of Eq. 11; 0.25 [P].
    """

    enabled: bool = True
    weight: float = 0.25

    def __post_init__(self) -> None:
        _require(self.weight >= 0, "weight", "a number >= 0", self.weight)


@dataclass(frozen=True)
class ConsensusConfig:
    """Choosing the proposal of the largest expected IoU with its bag; not in the paper.

    Attributes:
        enabled: without it the choice follows the paper: best box, box mining, nearest proposal.
        power: of the scores that weigh a bag's proposals, the geometric mean of those of both
            stages. 0.2 was best of 0.1 to 2 on 600 synthetic images kept for tuning.
        max_spread: largest standard deviation of a bag's tempered log scores; a wider bag is
            tempered further. Scores grow without bound once the few objects of a small data set
            are known by heart, and would then outvote any agreement.
        prior_power: power at which the proposer's own scores weigh a bag's proposals, too. Unset:
            by the proposer, as far as its scores are known to be worth it; else 0.
        segmenter_weight: weight of the segmenter's instances at the click beside the bag when
            labels are written; 0 ignores them. 1 was best of 0.25 to 2 on 480 synthetic images
            kept for tuning.
    """

    enabled: bool = True
    power: float = 0.2
    max_spread: float = 0.5
    prior_power: float | None = None
    segmenter_weight: float = 1.0

    def __post_init__(self) -> None:
        _require(self.power >= 0, "power", "a number >= 0", self.power)
        _require(self.max_spread > 0, "max_spread", "a number > 0", self.max_spread)
        _require(
            self.prior_power is None or self.prior_power >= 0,
            "prior_power",
            "a number >= 0",
            self.prior_power,
        )
        _require(
            self.segmenter_weight >= 0, "segmenter_weight", "a number >= 0", self.segmenter_weight
        )


@dataclass(frozen=True)
class SelectionConfig:
    """The selection branch; the defaults are the method `sapnet+`.

    Attributes:
        guidance: PDG.
        positives: PPG.
        negatives: NPG.
        mining: BMS; it grows the box that leads to a mask, so it acts only without consensus.
        multi_mask: MPS.
        consensus: choose by expected IoU; not in the paper.
        refinement: the second MIL stage (PRM); without it PPG, NPG and BMS do nothing.
        mask_crops: feed the head each proposal's mask crop as channels; not in the paper.
        exclude_rivals: leave proposals whose mask holds a rival click out of the bag (unless all
            do), in training and selection; not in the paper.
        min_box_iou: if a click came with a box, proposals whose own box has a smaller IoU with
            it are left out of the bag (unless all do), in training and selection; 0 ignores the
            boxes. Not in the paper.
        own_score_power: the proposer's own score to this power multiplies the scores that choose
            (never the losses); 0 ignores it, as in the paper.
        near_tie_margin: with mask crops and without consensus, proposals whose IoU with the
            refined box is within this of the best are told apart by their score: boxes alone
            cannot tell their masks apart. 0 is the largest IoU alone, as in the paper.
        top_k: proposals averaged into the selected box; 1 [C].
        hidden_channels: width of the two shared layers; 1024 [C].
        selection_weight: lambda of Eq. 9; 0.25 [P].
        refinement_alpha: alpha of Eq. 8; 0.25 [P].
        sampling_ratio: RoIAlign samples per side of a bin; 0 takes as many as the bin has cells
            [C]. On a CPU, 2 makes small inputs quicker by a third.
        boxes_per_chunk: boxes pooled at once; where there are more, each chunk's features are
            computed again in the backward pass instead of being kept.
    """

    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    positives: PositivesConfig = field(default_factory=PositivesConfig)
    negatives: NegativesConfig = field(default_factory=NegativesConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)
    multi_mask: MultiMaskConfig = field(default_factory=MultiMaskConfig)
    consensus: ConsensusConfig = field(default_factory=ConsensusConfig)
    refinement: bool = True
    mask_crops: bool = True
    exclude_rivals: bool = True
    min_box_iou: float = 0.5
    own_score_power: float = 0.0
    near_tie_margin: float = 0.1
    top_k: int = 1
    hidden_channels: int = 1024
    selection_weight: float = 0.25
    refinement_alpha: float = 0.25
    sampling_ratio: int = 0
    boxes_per_chunk: int = 512

    def __post_init__(self) -> None:
        for name in ("top_k", "hidden_channels", "boxes_per_chunk"):
            _require(getattr(self, name) >= 1, name, "a number >= 1", getattr(self, name))
        for name in ("own_score_power", "selection_weight", "sampling_ratio"):
            _require(getattr(self, name) >= 0, name, "a number >= 0", getattr(self, name))
        _require_fraction("refinement_alpha", self.refinement_alpha)
        _require_fraction("near_tie_margin", self.near_tie_margin)
        _require_fraction("min_box_iou", self.min_box_iou)


def paper_selection(base: SelectionConfig | None = None) -> SelectionConfig:
    """Return the paper's method: no mask crops, rivals only by guidance, box IoU alone.

    Args:
        base: settings whose sizes and constants are kept; the defaults without it.
    """
    return replace(
        base or SelectionConfig(),
        mask_crops=False,
        exclude_rivals=False,
        consensus=ConsensusConfig(enabled=False),
        near_tie_margin=0.0,
    )

"""The systems of the ablation ladder: the paper's Tables 1, 3 and 4, and then ours.

Each differs from the one before by what its title names. Constants are those the paper prints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sapnet.selection.config import SelectionConfig, paper_selection

PAPER_SUPERVISED_AP = 34.8
"""Mask AP of SOLOv2 with ground truth (Table 1: COCO val, ResNet-50, 1x), percent."""

SCRATCH_SHIFTS = (-0.1, -0.05, 0.05)
"""v of Eq. 4 for training from scratch, chosen on the tuning split: with the paper's, which mostly
grow, the best jittered box is a large one and leads to a leak. Box mining leads there more often
at any thresholds tried (0.6 to 0.9), and is off."""


@dataclass(frozen=True)
class System:
    """One rung.

    Attributes:
        name: its key and folder.
        title: in tables and plots.
        group: where it comes from.
        supervision: as `TrainConfig.supervision`.
        adds_to: the system that its labels are compared with.
        selection: how masks are chosen; None where nothing is selected.
        decides_on: another system with the same losses, whose run serves this one as well: only
            the decision differs.
        masks_of: the system whose labels are its masks; None with "masks" is ground truth.
        paper_mask_ap: of the same system in the paper (COCO val, ResNet-50, 1x), percent.
    """

    name: str
    title: str
    group: Literal["paper", "ours", "supervised"]
    adds_to: str | None = None
    supervision: Literal["clicks", "top1", "masks"] = "clicks"
    selection: SelectionConfig | None = None
    decides_on: str | None = None
    masks_of: str | None = None
    paper_mask_ap: float | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Systems that must be finished before this one can start."""
        return tuple(name for name in (self.decides_on, self.masks_of) if name is not None)

    @property
    def has_labels(self) -> bool:
        """Whether it chooses masks for the clicks."""
        return self.supervision != "masks" or self.masks_of is not None


def ladder_systems(base: SelectionConfig) -> tuple[System, ...]:
    """All rungs, lowest first.

    Args:
        base: the default method, sapnet+, at the wanted sizes: widths and numbers of samples stay
            as they are, the rungs differ in their parts alone.
    """
    complete = paper_selection(base)
    enriched = replace(complete, mining=replace(base.mining, enabled=False))
    refined = replace(
        enriched,
        positives=replace(base.positives, enabled=False),
        negatives=replace(base.negatives, enabled=False),
    )
    guided = replace(refined, refinement=False)
    alone = replace(guided, guidance=replace(base.guidance, enabled=False))
    scratch = replace(
        enriched,
        positives=replace(base.positives, lone=SCRATCH_SHIFTS, crowded=SCRATCH_SHIFTS),
    )
    untrained = replace(alone, consensus=replace(base.consensus, power=0.0, segmenter_weight=0.0))
    crops = replace(complete, mask_crops=True)
    rivals = replace(crops, exclude_rivals=True)
    agreeing = replace(rivals, consensus=base.consensus)
    unasked = replace(base, consensus=replace(base.consensus, segmenter_weight=0.0))
    return (
        System("top1", "proposer's top-1", "paper", supervision="top1", paper_mask_ap=24.6),
        System("mil", "MIL (PSM)", "paper", "top1", selection=alone, paper_mask_ap=26.8),
        System("pdg", "+ PDG", "paper", "mil", selection=guided, paper_mask_ap=27.5),
        System("prm", "+ PRM", "paper", "pdg", selection=refined, paper_mask_ap=27.7),
        System("pnpg", "+ PNPG", "paper", "prm", selection=enriched, paper_mask_ap=29.7),
        System(
            "bms",
            "+ BMS",
            "paper",
            "pnpg",
            selection=complete,
            decides_on="pnpg",
            paper_mask_ap=30.8,
        ),
        System("sapnet", "+ MPS = SAPNet", "paper", "bms", selection=complete, paper_mask_ap=31.2),
        System(
            "two_stage",
            "two stages",
            "paper",
            supervision="masks",
            masks_of="bms",
            paper_mask_ap=30.18,
        ),
        System("scratch", "SAPNet, constants for scratch", "ours", "sapnet", selection=scratch),
        System(
            "agreement",
            "agreement, scores ignored",
            "ours",
            "top1",
            selection=untrained,
            decides_on="mil",
        ),
        System("crops", "SAPNet's selection + mask crops", "ours", "bms", selection=crops),
        System("rivals", "+ rival clicks", "ours", "crops", selection=rivals),
        System(
            "consensus",
            "+ consensus",
            "ours",
            "rivals",
            selection=agreeing,
            decides_on="rivals",
        ),
        System(
            "joint",
            "+ MPS, end to end",
            "ours",
            "consensus",
            selection=unasked,
            decides_on="ours",
        ),
        System("ours", "+ segmenter's vote = sapnet+", "ours", "joint", selection=base),
        System(
            "ours_two_stage", "sapnet+, two stages", "ours", supervision="masks", masks_of="ours"
        ),
        System(
            "supervised",
            "ground truth",
            "supervised",
            supervision="masks",
            paper_mask_ap=PAPER_SUPERVISED_AP,
        ),
    )

"""Systems of the ablation ladder: those of the paper's Tables 1, 3 and 4, then ours.

Each system differs from the one before by the part that its title names. Constants are those that
the paper prints. The rungs of Table 4 are all trained end to end, so that they differ in that part
alone. The same rungs without a segmenter, called "alone", compare labels: nothing but selection
shapes their features (Table 7, and the first of two stages).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from sapnet.selection.config import SelectionConfig, paper_selection

PAPER_SUPERVISED_AP = 34.8
"""Mask AP of SOLOv2 trained with ground truth (Table 1: COCO val, ResNet-50, 1x), percent."""

SCRATCH_SHIFTS = (-0.1, -0.05, 0.05)
"""Values v of Eq. 4 for training from scratch, chosen on the tuning split. The paper's values
mostly grow the box; then the best jittered box is a large one, and its nearest mask is a leak. Box
mining leads to leaks even more often at all thresholds tried (0.6 to 0.9), so it is off."""


@dataclass(frozen=True)
class System:
    """System of the ladder.

    Attributes:
        name: key in files and name of its folder.
        title: name in tables and plots.
        group: origin of the system.
        supervision: see `TrainConfig.supervision`.
        adds_to: name of the system that its labels are compared with.
        selection: settings of the selection; None if nothing is selected.
        decides_on: name of another system with the same losses. Only the decision differs, so both
            share one training run.
        masks_of: name of the system whose labels it is trained on; with supervision "masks", None
            means ground truth.
        segmenter: train a segmenter, where the scale does.
        paper_mask_ap: mask AP of the same system in the paper (COCO val, ResNet-50, 1x), percent.
    """

    name: str
    title: str
    group: Literal["paper", "ours", "supervised"]
    adds_to: str | None = None
    supervision: Literal["clicks", "top1", "masks"] = "clicks"
    selection: SelectionConfig | None = None
    decides_on: str | None = None
    masks_of: str | None = None
    segmenter: bool = True
    paper_mask_ap: float | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the systems that must be finished before this one can start."""
        return tuple(name for name in (self.decides_on, self.masks_of) if name is not None)

    def parts_trained(self, *, segmenter: bool) -> str:
        """Say what the system trains.

        Args:
            segmenter: True if the segmenter is trained.
        """
        if self.decides_on is not None:
            return "nothing"
        parts = ["selection"] if self.supervision == "clicks" else []
        return " + ".join([*parts, "segmenter"] if segmenter else parts) or "nothing"

    @property
    def has_labels(self) -> bool:
        """True if the system chooses masks for the clicks."""
        return self.supervision != "masks" or self.masks_of is not None


def ladder_systems(base: SelectionConfig) -> tuple[System, ...]:
    """Return all systems, lowest first.

    Args:
        base: settings of the default method, sapnet+. Widths and numbers of samples are the same in
            all systems; only the parts of the method differ.
    """
    supervised = System(
        "supervised",
        "ground truth",
        "supervised",
        supervision="masks",
        paper_mask_ap=PAPER_SUPERVISED_AP,
    )
    return (*_of_the_paper(base), *_ours(base), supervised)


def _without_refinement(base: SelectionConfig) -> SelectionConfig:
    """Return settings with PSM and guidance alone; all later parts of the paper are off."""
    return replace(
        paper_selection(base),
        refinement=False,
        positives=replace(base.positives, enabled=False),
        negatives=replace(base.negatives, enabled=False),
        mining=replace(base.mining, enabled=False),
        multi_mask=replace(base.multi_mask, enabled=False),
    )


def _psm_alone(base: SelectionConfig) -> SelectionConfig:
    return replace(_without_refinement(base), guidance=replace(base.guidance, enabled=False))


def _of_the_paper(base: SelectionConfig) -> tuple[System, ...]:
    """Return the systems of the paper's tables; each one switches one more part on."""
    single, guided = _psm_alone(base), _without_refinement(base)
    refined = replace(guided, refinement=True)
    enriched = replace(refined, positives=base.positives, negatives=base.negatives)
    mined = replace(enriched, mining=base.mining)
    complete = paper_selection(base)
    clicked = partial(System, group="paper")
    alone = partial(clicked, segmenter=False)
    return (
        clicked("top1", "proposer's top-1", supervision="top1", paper_mask_ap=24.6),
        alone("mil_alone", "MIL alone", adds_to="top1", selection=single),
        alone("pdg_alone", "+ PDG, alone", adds_to="mil_alone", selection=guided),
        alone("prm_alone", "+ PRM, alone", adds_to="pdg_alone", selection=refined),
        alone("pnpg_alone", "+ PNPG, alone", adds_to="prm_alone", selection=enriched),
        alone(
            "bms_alone",
            "+ BMS = SAPNet alone",
            adds_to="pnpg_alone",
            selection=mined,
            decides_on="pnpg_alone",
        ),
        clicked("mil", "MIL (PSM)", adds_to="top1", selection=single, paper_mask_ap=26.8),
        clicked("pdg", "+ PDG", adds_to="mil", selection=guided, paper_mask_ap=27.5),
        clicked("prm", "+ PRM", adds_to="pdg", selection=refined, paper_mask_ap=27.7),
        clicked("pnpg", "+ PNPG", adds_to="prm", selection=enriched, paper_mask_ap=29.7),
        clicked("bms", "+ BMS", adds_to="pnpg", selection=mined, paper_mask_ap=30.8),
        clicked("sapnet", "+ MPS = SAPNet", adds_to="bms", selection=complete, paper_mask_ap=31.2),
        clicked(
            "two_stage",
            "two stages",
            supervision="masks",
            masks_of="bms_alone",
            paper_mask_ap=30.18,
        ),
    )


def _ours(base: SelectionConfig) -> tuple[System, ...]:
    """Return the systems beyond the paper, from its complete method to sapnet+."""
    complete = paper_selection(base)
    shifted = replace(base.positives, lone=SCRATCH_SHIFTS, crowded=SCRATCH_SHIFTS)
    scratch = replace(complete, positives=shifted, mining=replace(base.mining, enabled=False))
    voteless = replace(base.consensus, segmenter_weight=0.0)
    untrained = replace(_psm_alone(base), consensus=replace(voteless, power=0.0))
    crops = replace(complete, mask_crops=True)
    rivals = replace(crops, exclude_rivals=True)
    agreeing = replace(rivals, consensus=base.consensus)
    unasked = replace(base, consensus=voteless)
    own = partial(System, group="ours")
    alone = partial(own, segmenter=False)
    return (
        own("scratch", "SAPNet, constants for scratch", adds_to="sapnet", selection=scratch),
        own(
            "agreement",
            "agreement, scores ignored",
            adds_to="top1",
            selection=untrained,
            decides_on="mil_alone",
        ),
        alone("crops", "SAPNet alone + mask crops", adds_to="bms_alone", selection=crops),
        alone("rivals", "+ rival clicks", adds_to="crops", selection=rivals),
        own("consensus", "+ consensus", adds_to="rivals", selection=agreeing, decides_on="rivals"),
        own(
            "joint", "+ MPS, end to end", adds_to="consensus", selection=unasked, decides_on="ours"
        ),
        own("ours", "+ segmenter's vote = sapnet+", adds_to="joint", selection=base),
        own("ours_two_stage", "sapnet+, two stages", supervision="masks", masks_of="ours"),
    )

"""Evidence on labels: scores of both stages, overlaps, and the segmenter's instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.loader import build_loader
from sapnet.data.coco import load_instances
from sapnet.geometry.rle import rle_iou
from sapnet.labelling.choosing import choose_labels
from sapnet.labelling.label import label_translation
from sapnet.labelling.uncertainty import uncertainty
from sapnet.network.model import Network, evaluating
from sapnet.selection.consensus import pairwise_iou
from sapnet.store.reader import ProposalStore
from sapnet.structures.batch import Batch
from sapnet.structures.clicks import RLE


@dataclass(frozen=True)
class Evidence:
    """Evidence on one label, from the K members of its bag and P instances of its category.

    Without a segmenter there are no instances.

    Attributes:
        iou: IoU of the label with the truth.
        kept: uncertainty that `sapnet label` writes.
        chosen: index of the chosen mask among the members.
        expected: (K,) selection scores, which are expected IoUs.
        stages: (2, K) scores of selection and refinement.
        overlap: (K, K) IoU of all pairs of members.
        own: (K,) scores of the proposer.
        segmenter_iou: (P,) IoU of the segmenter's instances with the chosen mask.
        segmenter_score: (P,) scores of the segmenter's instances.
    """

    iou: float
    kept: float
    chosen: int
    expected: np.ndarray
    stages: np.ndarray
    overlap: np.ndarray
    own: np.ndarray
    segmenter_iou: np.ndarray
    segmenter_score: np.ndarray

    @property
    def own_score(self) -> float:
        """The proposer's score of the chosen mask."""
        return float(self.own[self.chosen])

    def agreement(self, power: float = 1.0) -> float:
        """Return the expected IoU of the chosen mask, weighted by stage scores to a power."""
        return float(self.overlap[self.chosen] @ normalized(self.stages.prod(0) ** (power / 2)))

    def stage_agreement(self, stage: int) -> float:
        """Return the expected IoU of the chosen mask, weighted by the scores of one stage."""
        return float(self.overlap[self.chosen] @ normalized(self.stages[stage]))

    def margin(self, values: np.ndarray) -> float:
        """Return the best value minus the second best one."""
        best = np.sort(values)[::-1]
        return float(best[0] - best[1]) if len(best) > 1 else float(best[0])

    def margin_to_others(self, least_overlap: float) -> float:
        """Return the choice's expected IoU minus that of the best mask of something else."""
        others = self.expected[self.overlap[self.chosen] < least_overlap]
        return float(self.expected[self.chosen] - others.max(initial=0.0))

    def segmenter(self, least_score: float = 0.0) -> float:
        """Return the best IoU of the segmenter's instances of at least this score."""
        return float(self.segmenter_iou[self.segmenter_score >= least_score].max(initial=0.0))


def normalized(values: np.ndarray) -> np.ndarray:
    """Return values divided by their sum; equal ones if the sum is 0."""
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / len(values))


@torch.no_grad()
def collect(model: Network, images: Path, store: ProposalStore, truth: Path) -> list[Evidence]:
    """Return the evidence on every label whose mask was not given."""
    gt_rles = {entry.annotation_id: entry.rle() for entry in load_instances(truth).instances}
    dataset = ClickDataset(
        images, store, DatasetConfig(augment=model.settings.augment), train=False
    )
    translate = label_translation(model, store)
    found: list[Evidence] = []
    with evaluating(model):
        for batch in tqdm(build_loader(dataset, 8, workers=1), desc="label", unit="batch"):
            moved = translate(batch.to(model.device))
            found += _evidence_of_batch(model, moved, store, gt_rles)
    return found


def _evidence_of_batch(
    model: Network, batch: Batch, store: ProposalStore, gt_rles: Mapping[int, RLE]
) -> list[Evidence]:
    if batch.bags is None:
        return []
    bags = batch.bags
    labels, selection = choose_labels(model, batch, store)
    kept = uncertainty(labels, bags, selection, model.settings.selection.consensus)
    members = selection.members.cpu().numpy()
    overlap = pairwise_iou(bags.masks).cpu().numpy()
    scores, stages = selection.scores.cpu().numpy(), selection.stage_scores.cpu().double().numpy()
    found = []
    for n, label in enumerate(labels):
        if label.stored.has_given_mask:
            continue
        seen = label.overlap
        member = np.flatnonzero(members[n])
        found.append(
            Evidence(
                iou=float(rle_iou([label.rle], [gt_rles[label.stored.click.annotation_id]])[0, 0]),
                kept=float(kept[n]),
                chosen=int(np.flatnonzero(member == label.index)[0]),
                expected=scores[n, member],
                stages=stages[n][:, member],
                overlap=overlap[n][np.ix_(member, member)],
                own=label.stored.proposals.scores[member],
                segmenter_iou=np.zeros(0) if seen is None else seen.ious[label.index],
                segmenter_score=np.zeros(0) if seen is None else seen.scores,
            )
        )
    return found

"""Which score finds the wrong labels: variants of the uncertainty, measured with ground truth.

    python -m benchmarks.quality.uncertainty --run run --images photos --proposals store \
        --truth instances.json --out uncertainty.json

Labels every object of the store as `sapnet label` does, orders the labels by each variant, the most
uncertain first, and counts which share of the wrong ones (IoU with the truth below 0.5) lies in the
first 30 %. Objects whose mask was given are left out. "kept" is what `sapnet label` writes.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from tqdm import tqdm

from sapnet import __version__
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.loader import build_loader
from sapnet.data.coco import load_instances
from sapnet.geometry.rle import rle_iou
from sapnet.labelling.label import choose_labels, label_translation
from sapnet.labelling.uncertainty import uncertainty
from sapnet.network.loading import load_model
from sapnet.network.model import SAPNet, evaluating
from sapnet.selection.consensus import pairwise_iou
from sapnet.store.reader import ProposalStore
from sapnet.structures.batch import Batch
from sapnet.structures.masks import RLE
from sapnet.system.files import write_json_atomic

WRONG_BELOW = 0.5
SHARES = (0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Evidence:
    """All that is known of one label; K members of its bag, P instances of its category.

    Attributes:
        iou: with the truth.
        kept: the uncertainty that `sapnet label` writes.
        chosen: place of the chosen mask among the members.
        expected: (K,) selection scores, the expected IoU of each.
        stages: (2, K) scores of selection and refinement.
        overlap: (K, K) IoU of all pairs.
        own: (K,) scores of the proposer.
        segmenter_iou: (P,) IoU of the segmenter's instances with the chosen mask.
        segmenter_score: (P,) their scores.
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

    def agreement(self, power: float = 1.0) -> float:
        """Expected IoU of the chosen mask; the joined stage scores to a power are the weights."""
        return float(self.overlap[self.chosen] @ _normalised(self.stages.prod(0) ** (power / 2)))

    def stage_agreement(self, stage: int) -> float:
        """The same with the scores of one stage."""
        return float(self.overlap[self.chosen] @ _normalised(self.stages[stage]))

    def margin(self, values: np.ndarray) -> float:
        """Best minus second best."""
        best = np.sort(values)[::-1]
        return float(best[0] - best[1]) if len(best) > 1 else float(best[0])

    def margin_to_others(self, least_overlap: float) -> float:
        """Expected IoU of the choice minus that of the best mask that shows something else."""
        others = self.expected[self.overlap[self.chosen] < least_overlap]
        return float(self.expected[self.chosen] - others.max(initial=0.0))

    def segmenter(self, least_score: float = 0.0) -> float:
        """Best IoU of the segmenter's instances of at least this score."""
        return float(self.segmenter_iou[self.segmenter_score >= least_score].max(initial=0.0))


def _normalised(values: np.ndarray) -> np.ndarray:
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / len(values))


CONFIDENCES: dict[str, Callable[[Evidence], float]] = {
    "expected IoU (the selection score)": lambda e: float(e.expected[e.chosen]),
    "margin of the best two expected IoUs": lambda e: e.margin(e.expected),
    "margin to the best mask of IoU < 0.5 with the choice": lambda e: e.margin_to_others(0.5),
    "margin to the best mask of IoU < 0.7 with the choice": lambda e: e.margin_to_others(0.7),
    "margin of the best two stage scores": lambda e: e.margin(_normalised(e.stages.prod(0) ** 0.5)),
    "IoU of the best mask of selection and of refinement": lambda e: float(
        e.overlap[e.stages[0].argmax(), e.stages[-1].argmax()]
    ),
    "IoU with the best mask of selection": lambda e: float(
        e.overlap[e.chosen, e.stages[0].argmax()]
    ),
    "IoU with the best mask of refinement": lambda e: float(
        e.overlap[e.chosen, e.stages[-1].argmax()]
    ),
    "S: expected IoU, untempered scores of both stages": lambda e: e.agreement(),
    "S with scores to the power 0.5": lambda e: e.agreement(0.5),
    "S with scores to the power 2": lambda e: e.agreement(2.0),
    "S with scores of selection alone": lambda e: e.stage_agreement(0),
    "S with scores of refinement alone": lambda e: e.stage_agreement(-1),
    "mean IoU with the bag": lambda e: float(e.overlap[e.chosen].mean()),
    "proposer's own score": lambda e: float(e.own[e.chosen]),
    "G: best IoU of the segmenter's instances": lambda e: e.segmenter(),
    "G with instances of score >= 0.1": lambda e: e.segmenter(0.1),
    "G with instances of score >= 0.3": lambda e: e.segmenter(0.3),
    "G with IoU times score": lambda e: float((e.segmenter_iou * e.segmenter_score).max(initial=0)),
    "mean of expected IoU and G": lambda e: float(e.expected[e.chosen]) + e.segmenter(),
    "mean of expected IoU, G and own score": lambda e: (
        float(e.expected[e.chosen]) + e.segmenter() + float(e.own[e.chosen])
    ),
    "product of expected IoU and G": lambda e: float(e.expected[e.chosen]) * e.segmenter(),
    "mean of S with scores to the power 0.5, and G": lambda e: e.agreement(0.5) + e.segmenter(),
    "mean of S with scores of selection alone, and G": lambda e: (
        e.stage_agreement(0) + e.segmenter()
    ),
    "product of S and G": lambda e: e.agreement() * e.segmenter(),
    "smaller one of S and G": lambda e: min(e.agreement(), e.segmenter()),
    "kept: mean of S and G": lambda e: 1 - e.kept,
}
"""Higher where a label is more likely right."""

RANK_SUMS = {
    "rank sum of expected IoU and G": (
        "expected IoU (the selection score)",
        "G: best IoU of the segmenter's instances",
    ),
    "rank sum of expected IoU, S and G": (
        "expected IoU (the selection score)",
        "S: expected IoU, untempered scores of both stages",
        "G: best IoU of the segmenter's instances",
    ),
}


@torch.no_grad()
def collect(model: SAPNet, images: Path, store: ProposalStore, truth: Path) -> list[Evidence]:
    """The evidence of every label whose mask was not given."""
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
    model: SAPNet, batch: Batch, store: ProposalStore, gt_rles: Mapping[int, RLE]
) -> list[Evidence]:
    if batch.bags is None:
        return []
    bags = batch.bags
    labels, selection = choose_labels(model, batch, store)
    kept = uncertainty(labels, bags, selection)
    members = selection.members.cpu().numpy()
    overlap = pairwise_iou(bags.masks).cpu().numpy()
    scores, stages = selection.scores.cpu().numpy(), selection.stage_scores.cpu().double().numpy()
    found = []
    for n, label in enumerate(labels):
        if label.stored.has_given_mask:
            continue
        if label.overlap is None:
            raise SystemExit("expected a run with a segmenter: it is one of the judges")
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
                segmenter_iou=label.overlap.ious[label.index],
                segmenter_score=label.overlap.scores,
            )
        )
    return found


def found_share(confidence: np.ndarray, wrong: np.ndarray, share: float) -> float:
    """Share of the wrong labels among the least confident ones; ties count by their mean."""
    count = round(share * len(wrong))
    cut = np.sort(confidence)[count - 1]
    below, at = confidence < cut, confidence == cut
    from_ties = wrong[at].mean() * (count - below.sum())
    return float((wrong[below].sum() + from_ties) / max(wrong.sum(), 1))


def ranking_quality(confidence: np.ndarray, wrong: np.ndarray) -> float:
    """Area under the ROC curve: how often a wrong label is less confident than a right one."""
    num_wrong, num_right = int(wrong.sum()), int((~wrong).sum())
    if not num_wrong or not num_right:
        return float("nan")
    rank_sum = rankdata(-confidence)[wrong].sum()
    return float((rank_sum - num_wrong * (num_wrong + 1) / 2) / (num_wrong * num_right))


def measure(evidence: list[Evidence]) -> dict[str, dict[str, float]]:
    """Figures of each variant, the best first."""
    wrong = np.array([entry.iou < WRONG_BELOW for entry in evidence])
    columns = {
        name: np.array([score(entry) for entry in evidence]) for name, score in CONFIDENCES.items()
    }
    for name, parts in RANK_SUMS.items():
        columns[name] = sum((rankdata(columns[part]) for part in parts), np.zeros(len(evidence)))
    figures = {
        name: {
            **{f"found_in_{share:.0%}": found_share(values, wrong, share) for share in SHARES},
            "auc": ranking_quality(values, wrong),
        }
        for name, values in columns.items()
    }
    return dict(sorted(figures.items(), key=lambda item: -item[1]["auc"]))


def main() -> None:
    """Measure and print; write json where asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("--run", "--images", "--proposals", "--truth"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="json file for the figures")
    args = parser.parse_args()
    model = load_model(args.run, args.device)
    evidence = collect(model, args.images, ProposalStore(args.proposals), args.truth)
    ious = np.array([entry.iou for entry in evidence])
    setting = {
        "sapnet": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": str(model.device),
        "run": str(args.run),
        "proposals": str(args.proposals),
        "num_labels": len(ious),
        "num_wrong": int((ious < WRONG_BELOW).sum()),
        "label_miou": float(ious.mean()),
    }
    for key, value in setting.items():
        print(f"{key:<12} {value}")
    figures = measure(evidence)
    print(f"\n{'confidence':<54} " + " ".join(f"{share:>6.0%}" for share in SHARES) + "    auc")
    for name, row in figures.items():
        cells = [*(row[f"found_in_{share:.0%}"] for share in SHARES), row["auc"]]
        print(f"{name:<54} " + " ".join(f"{cell:6.3f}" for cell in cells))
    if args.out is not None:
        write_json_atomic(args.out, {"setting": setting, "variants": figures})


if __name__ == "__main__":
    main()

"""Parts of a run: proposals, labels and segmenters, each made once by commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.quality.real_sets.choices import class_accuracy, look_at_choices, often_clicked
from benchmarks.quality.real_sets.corrected import teach
from benchmarks.quality.real_sets.sets import SPLITS, RealSet, clicks_of
from benchmarks.quality.real_sets.systems import System
from benchmarks.quality.trial import ClickedSet, kept, label_clicks, sapnet
from sapnet.data.coco import load_instances
from sapnet.data.coco_json import frame_records
from sapnet.evaluation.evaluate import evaluate
from sapnet.evaluation.proposals import evaluate_proposals, judge_proposals
from sapnet.labelling.records import top1_record
from sapnet.store.layout import WEIGHTS_NAME
from sapnet.store.reader import ProposalStore
from sapnet.system.files import write_json_atomic

EMBEDDED_CLICK = "click_embedded"
"""The proposer `click` with the embedded weights as they are, not adapted to the set."""

SEGMENTER_FIGURES = ("mask_ap", "mask_ap50", "mask_ap75", "mask_ap_small", "mask_ap_medium")
SEGMENTER_FIGURES += ("mask_ap_large", "box_ap", "box_ap50")


@dataclass(frozen=True)
class Plan:
    """Trainings of a set and their settings.

    Attributes:
        out: folder of all files.
        config: recipe of all trainings.
        options: flags of `sapnet train` after the recipe.
        steps: of each training, rounded to whole epochs.
        batch_size: images per step.
        device: of all trainings.
        min_area: smallest area of an object whose label is scored, px.
        segmenter: False trains selection alone, for figures of labels.
    """

    out: Path
    config: str
    options: Sequence[str]
    steps: int
    batch_size: int
    device: str
    min_area: float
    segmenter: bool

    def training(self, num_images: int, seed: int) -> tuple[object, ...]:
        """Return the flags that all systems of a set share."""
        epochs = max(1, round(self.steps * self.batch_size / num_images))
        length = ("--epochs", epochs, "--batch-size", self.batch_size, "--seed", seed)
        return ("--config", self.config, *length, "--device", self.device, *self.options)


@dataclass(frozen=True)
class Clicked:
    """A set with the proposals of one proposer.

    Attributes:
        real: the set.
        proposer: name of the proposer, see `propose`.
        splits: the clicked images and their proposals by split.
        figures: favourite and best candidate by split.
    """

    real: RealSet
    proposer: str
    splits: dict[str, ClickedSet]
    figures: dict[str, Any]


def propose(plan: Plan, real: RealSet, proposer: str, corrected: int = 0) -> Clicked:
    """Propose masks for the clicks of both splits; what is learned is learned on train.

    Args:
        plan: folder and smallest area.
        real: the set.
        proposer: of `sapnet propose`, or `EMBEDDED_CLICK`.
        corrected: number of training images with whose true masks `click` is fine-tuned before.
    """
    name = f"{proposer}_after_{corrected}" if corrected else proposer
    folder = plan.out / real.name / name
    flags: tuple[object, ...] = ("--proposer", proposer)
    if proposer == EMBEDDED_CLICK:
        flags = ("--proposer", "click", "--adapt", "false")
    if corrected:
        adapted = plan.out / real.name / proposer / "train_store" / WEIGHTS_NAME
        weights = teach(real.train, corrected, plan.out / real.name / "taught", adapted)
        flags += ("--checkpoint", weights)
    splits = {
        s: ClickedSet(real.split(s).images, real.split(s).truth, folder / f"{s}_store")
        for s in SPLITS
    }

    def measure() -> dict[str, Any]:
        figures: dict[str, Any] = {}
        for split, clicked in splits.items():
            clicks = clicks_of(real.split(split), plan.out / real.name / split)
            files = ("--images", clicked.images, "--clicks", clicks, "--out", clicked.store)
            log, own = folder / f"propose_{split}.log", (*flags, "--workers", 1)
            adapted = splits["train"].store / WEIGHTS_NAME
            if adapted.is_file():  # val is not what the proposer is adapted to
                own = (*own, "--checkpoint", adapted)
            figures[f"seconds {split}"] = sapnet(log, "propose", *files, *own)
            figures[split] = evaluate_proposals(clicked.store, clicked.truth, plan.min_area)
        return figures

    asked = (proposer, corrected, "min_area", plan.min_area)
    return Clicked(real, name, splits, kept(folder / "proposals.json", asked, measure))


@dataclass(frozen=True)
class Rung:
    """One system, trained with one seed on the clicks of a set.

    Attributes:
        plan: how it is trained.
        clicked: the set and its proposals.
        system: the system.
        seed: of the trainings.
    """

    plan: Plan
    clicked: Clicked
    system: System
    seed: int

    @property
    def folder(self) -> Path:
        """Folder of the rung; ground truth has one for all proposers."""
        source = "truth" if self.system.source == "truth" else self.clicked.proposer
        seed = self.plan.out / self.clicked.real.name / source / f"seed{self.seed}"
        return seed / self.system.name

    @property
    def labels(self) -> Path:
        """Labels of the training images: what the segmenter, or a second one, learns from."""
        if self.system.source == "truth":
            return self.clicked.real.train.truth
        return self.folder / "labels_train.json"

    def results(self, stage: str) -> Path:
        """Return the predictions of a stage, "one_stage" or "two_stages", on val."""
        return self.folder / stage / "predictions" / "results.json"

    @property
    def training(self) -> tuple[object, ...]:
        """Flags of the training that all systems share."""
        num_images = len(load_instances(self.clicked.real.train.truth).images)
        return self.plan.training(num_images, self.seed)


def run_rung(rung: Rung, two_stages: bool) -> dict[str, Any]:
    """Train, label, predict and score a system; finished parts are not done again.

    Args:
        rung: the system.
        two_stages: also train a segmenter on the finished labels of a method.

    Returns:
        "labels" by split, "one_stage" and "two_stages", as far as the system has them.
    """
    figures: dict[str, Any] = {}
    if rung.system.source == "method":
        figures["labels"] = method_labels(rung)
    elif rung.system.source != "truth":
        figures["labels"] = fixed_labels(rung)
    if rung.plan.segmenter:
        figures["one_stage"] = segmenter(rung, "one_stage")
        if two_stages and rung.system.has_two_stages:
            figures["two_stages"] = segmenter(rung, "two_stages")
    return figures


def method_labels(rung: Rung) -> dict[str, Any]:
    """Train a method on the clicks, then label and score both splits."""
    run, train = rung.folder / "one_stage" / "run", rung.clicked.splits["train"]
    alone = () if rung.plan.segmenter else ("--model.segmenter", "false")
    words = (*rung.training, *rung.system.flags, *alone)

    def measure() -> dict[str, Any]:
        files = ("--images", train.images, "--proposals", train.store, "--out", run)
        log = rung.folder / "train.log"
        seconds = {"train": sapnet(log, "train", *words, *files, "--workers", 1)}
        often = often_clicked(train)
        figures: dict[str, Any] = {"seconds": seconds}
        for split, clicked in rung.clicked.splits.items():
            labels = rung.folder / f"labels_{split}.json"
            seconds[f"label {split}"] = label_clicks(run, clicked, labels)
            figures[split] = {
                **_label_figures(rung.plan, clicked, labels),
                **look_at_choices(labels, clicked, often, rung.plan.min_area),
                "right_class": class_accuracy(run, clicked),
            }
        return figures

    return kept(rung.folder / "labels.json", (*words, "min_area", rung.plan.min_area), measure)


def fixed_labels(rung: Rung) -> dict[str, Any]:
    """Write and score the labels of a choice that needs no training."""

    def measure() -> dict[str, Any]:
        figures: dict[str, Any] = {}
        for split, clicked in rung.clicked.splits.items():
            labels = rung.folder / f"labels_{split}.json"
            if rung.system.source == "favourite":
                files = ("--images", clicked.images, "--proposals", clicked.store, "--out", labels)
                sapnet(labels.with_suffix(".log"), "label", "--top1", *files)
            else:
                write_best(clicked, labels)
            figures[split] = _label_figures(rung.plan, clicked, labels)
        return figures

    asked = (rung.system.source, "min_area", rung.plan.min_area)
    return kept(rung.folder / "labels.json", asked, measure)


def write_best(clicked: ClickedSet, labels: Path) -> None:
    """Write each object's candidate with the best IoU as its label."""
    records = []
    for entry in judge_proposals(clicked.store, clicked.truth):
        if len(entry.ious):
            proposals = replace(entry.stored.proposals, scores=entry.ious.astype("float32"))
            records.append(top1_record(replace(entry.stored, proposals=proposals), False))
    store = ProposalStore(clicked.store)
    frame = frame_records(store.images, store.categories)
    write_json_atomic(labels, {**frame, "annotations": records})


def segmenter(rung: Rung, stage: str) -> dict[str, Any]:
    """Train a segmenter unless its run has one already; predict val and score it.

    Args:
        rung: the system.
        stage: "one_stage", where a method's run has learned both, or "two_stages".
    """
    folder, val = rung.folder / stage, rung.clicked.real.val
    run, learns = folder / "run", stage == "two_stages" or not rung.system.has_two_stages
    words = (*rung.training, "--supervision", "masks", "--masks", rung.labels)

    def measure() -> dict[str, Any]:
        seconds = {}
        if learns:
            files = ("--images", rung.clicked.real.train.images, "--out", run)
            words_all = ("train", *words, *files, "--workers", 1)
            seconds["train"] = sapnet(folder / "train.log", *words_all)
        out = rung.results(stage).parent
        files = ("--run", run, "--images", val.images, "--out", out, "--no-pictures")
        log = folder / "predict.log"
        seconds["predict"] = sapnet(log, "predict", *files, "--device", rung.plan.device)
        scores = evaluate(val.truth, predictions=rung.results(stage))
        return {"seconds": seconds, **{name: scores[name] for name in SEGMENTER_FIGURES}}

    asked = words if learns else (*rung.training, *rung.system.flags)
    return kept(folder / "segmenter.json", asked, measure)


def _label_figures(plan: Plan, clicked: ClickedSet, labels: Path) -> dict[str, float]:
    return evaluate(clicked.truth, labels=labels, proposals=clicked.store, min_area=plan.min_area)

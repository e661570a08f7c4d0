"""Advice for the next hour: the work that gives the most right labels a minute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.corrections import load_corrections
from sapnet.data.image_files.listing import find_images
from sapnet.evaluation.audit.audit_file import AUDIT_NAME, Audit, changed_since, load_audit
from sapnet.evaluation.audit.figures import audit_figures
from sapnet.evaluation.label_file import load_labels
from sapnet.pipeline.plan import MISSED
from sapnet.structures.corrections import CORRECTIONS_NAME
from sapnet.structures.origin import PERSON
from sapnet.system.files import read_json
from sapnet.system.outside import shown

if TYPE_CHECKING:
    from sapnet.evaluation.audit.figures import AuditFigures
    from sapnet.evaluation.label_file import LabelSet

CLICK_SECONDS, JUDGEMENT_SECONDS, FIX_SECONDS = 2.0, 1.0, 8.0
"""Seconds of a person for a click, a look at a label, and a mask corrected by hand; their sources
are in docs/results.md."""

DOUBTFUL_SHARE = 0.3
"""Part of the labels, the most doubtful, that is worth a review first."""

WRONG_FROM = 0.5
"""Uncertainty above which a label counts as wrong where nobody has judged any."""

FIRST_JUDGEMENTS = 100
"""Judgements that a first audit is worth."""

FEW_JUDGEMENTS = 50
"""Fewer judgements than these say little."""

LEAST_GAIN = 0.5
"""Right labels below which a work is not worth a word."""

LEAST_TAUGHT = 20
"""Corrected masks from which on the proposer learns (docs/results.md)."""


@dataclass(frozen=True)
class RunState:
    """The facts about a run that the advice rests on.

    Attributes:
        num_labels: labels of the run.
        num_decided: those that a person decided on.
        doubts: uncertainties of the others, those that have one.
        num_clicked_images, num_unclicked_images: images with and without clicks in the folder.
        missed_scores: scores of the objects that were probably not clicked; None if nobody looked.
        audit: figures of an audit of these labels; None without one.
        proposer: name of the proposer; "" if the labels do not say.
        outdated_audit: why an audit beside the labels does not count; empty without such a one.
        num_waiting: decisions of a review that the labels do not show yet.
        num_known_wrong: labels that the audit found wrong, and nobody has decided on since.
    """

    num_labels: int
    num_decided: int
    doubts: tuple[float, ...]
    num_clicked_images: int
    num_unclicked_images: int
    missed_scores: tuple[float, ...] | None = None
    audit: AuditFigures | None = None
    proposer: str = ""
    outdated_audit: str = ""
    num_waiting: int = 0
    num_known_wrong: int = 0

    @property
    def is_audited(self) -> bool:
        """True if enough labels were judged for figures that mean something."""
        audit = self.audit
        enough = min(FEW_JUDGEMENTS, self.num_labels)
        return audit is not None and audit.right is not None and audit.num_judged >= enough

    @property
    def right_share(self) -> float:
        """Share of right labels: by the audit, else a guess from the uncertainty."""
        if self.is_audited and self.audit is not None and self.audit.right is not None:
            return self.audit.right.value
        if not self.doubts:
            return 0.5
        return 1 - float(np.mean(np.asarray(self.doubts) > WRONG_FROM))

    @property
    def held_share(self) -> float:
        """Share of the wrong labels that the most doubtful part holds."""
        if self.is_audited and self.audit is not None and DOUBTFUL_SHARE in self.audit.held:
            return self.audit.held[DOUBTFUL_SHARE].value
        doubts = np.sort(np.asarray(self.doubts))[::-1]
        wrong = doubts > WRONG_FROM
        if not wrong.any():
            return DOUBTFUL_SHARE
        return float(wrong[: round(DOUBTFUL_SHARE * len(doubts))].sum() / wrong.sum())


@dataclass(frozen=True)
class Work:
    """A kind of work and what it gives.

    Attributes:
        what: description with a place for `count`.
        unit_seconds: seconds of a person for one of them.
        unit_gain: right labels that one of them adds, on average.
        available: how many there are.
        command: the command that opens it.
    """

    what: str
    unit_seconds: float
    unit_gain: float
    available: int
    command: str

    @property
    def rate(self) -> float:
        """Right labels a minute."""
        return 60 * self.unit_gain / self.unit_seconds


@dataclass(frozen=True)
class Advice:
    """The work for some minutes.

    Attributes:
        minutes: those that were asked for.
        steps: the work, the best first, with how many of it fit in.
        basis: lines on what this rests on.
        notes: further lines: what costs no time of a person, or what is missing.
    """

    minutes: float
    steps: tuple[tuple[Work, int], ...]
    basis: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the advice as one sentence."""
        parts = [
            f"{work.what.format(count=count)} ({_minutes(count * work.unit_seconds)}, about "
            f"{count * work.unit_gain:.0f} more right labels)"
            for work, count in self.steps
        ]
        if not parts:
            return "Nothing of this run is left to click or to review: bring more images."
        return f"With the next {self.minutes:g} minutes: {'; then '.join(parts)}."


def read_state(run: Path, labels: Path | None = None, images: Path | None = None) -> RunState:
    """Read what the files of a run say.

    Args:
        run: folder of `sapnet run`, or of `sapnet train` with labels in it.
        labels: the label file; by default `labels.json` in the run.
        images: folder of all images; None if it is not known.

    Raises:
        FileNotFoundError: there are no labels.
        ValueError: a file is malformed.
    """
    path = labels or run / "labels.json"
    found = load_labels(path)
    shown = {key for key, label in found.labels.items() if _is_decided(label.origin)}
    decided = shown | (_reviewed_ids(path.with_name(CORRECTIONS_NAME)) & found.labels.keys())
    doubts = [
        label.uncertainty
        for key, label in found.labels.items()
        if label.uncertainty is not None and key not in decided
    ]
    missed = path.with_name(MISSED)
    audit, outdated = _audit_of(path.with_name(AUDIT_NAME), found)
    origins = [label.origin for label in found.labels.values() if label.origin]
    return RunState(
        num_labels=len(found.labels),
        num_decided=len(decided),
        doubts=tuple(doubts),
        num_clicked_images=len({label.image_id for label in found.labels.values()}),
        num_unclicked_images=_count_unclicked(found, images),
        missed_scores=_missed_scores(missed) if missed.is_file() else None,
        audit=None if audit is None else audit_figures(audit),
        outdated_audit=outdated,
        num_waiting=len(decided - shown),
        num_known_wrong=0 if audit is None else len(_found_wrong(audit) - decided),
        proposer=next((o["proposer"] for o in origins if "proposer" in o), ""),
    )


def advise(state: RunState, minutes: float = 60) -> Advice:
    """Choose the work of the next minutes: that with the most right labels a minute first.

    Args:
        state: what is known of the run.
        minutes: time of a person.

    Raises:
        ValueError: the minutes are not positive.
    """
    if not minutes > 0:
        raise ValueError(f"minutes: expected a positive number, found {minutes}")
    left, steps = 60.0 * minutes, []
    for work in sorted(_works(state), key=lambda entry: -entry.rate):
        count = min(work.available, int(left / work.unit_seconds))
        if count and count * work.unit_gain >= LEAST_GAIN:
            steps.append((work, count))
            left -= count * work.unit_seconds
    return Advice(minutes, tuple(steps), tuple(_basis(state)), tuple(_notes(state)))


def _works(state: RunState) -> Iterator[Work]:
    right = state.right_share
    if state.num_unclicked_images and state.num_clicked_images:
        objects = state.num_labels / state.num_clicked_images
        yield Work(
            "click the objects of {count} images that have no click yet",
            max(objects, 1) * CLICK_SECONDS,
            objects * right,
            state.num_unclicked_images,
            "sapnet annotate IMAGES --out CLICKS, then sapnet run again",
        )
    if state.missed_scores:
        yield Work(
            "look through the first {count} objects that were probably not clicked",
            JUDGEMENT_SECONDS,
            float(np.mean(state.missed_scores)) * right,
            len(state.missed_scores),
            "add what is right of missed.json to the clicks, then sapnet run again",
        )
    if state.num_known_wrong:
        yield Work(
            "fix the {count} labels that your audit found wrong",
            JUDGEMENT_SECONDS + FIX_SECONDS,
            1.0,
            state.num_known_wrong,
            "sapnet review; audit.json has their ids",
        )
    num_doubtful = round(DOUBTFUL_SHARE * len(state.doubts))
    if num_doubtful:
        num_open = max(len(state.doubts) - state.num_known_wrong, 0)
        num_wrong = (1 - right) * num_open * state.held_share
        wrong = min(num_wrong / num_doubtful, 1.0)
        if wrong > 0:
            yield Work(
                "review the {count} most doubtful labels and fix the wrong ones",
                JUDGEMENT_SECONDS + wrong * FIX_SECONDS,
                wrong,
                num_doubtful,
                "sapnet review",
            )


def _basis(state: RunState) -> Iterator[str]:
    audit = state.audit
    if state.is_audited and audit is not None:
        yield f"audit: {audit.headline()}"
        if DOUBTFUL_SHARE in audit.held:
            held = audit.held[DOUBTFUL_SHARE]
            yield (
                f"audit: the {DOUBTFUL_SHARE:.0%} most doubtful labels hold {held.value:.0%} of "
                f"the wrong ones ({held.low:.0%} to {held.high:.0%})"
            )
    elif state.doubts:
        yield (
            f"a guess: labels with an uncertainty over {WRONG_FROM} are taken for wrong, "
            f"{1 - state.right_share:.0%} of {len(state.doubts)}. Nobody has judged enough of them"
        )
    else:
        yield "a guess: half of the labels are taken for right, as nothing is known of them"
    if state.missed_scores:
        yield "a guess: the score of a missed object is taken for its chance to be one"
    yield (
        f"{CLICK_SECONDS:g} s a click, {JUDGEMENT_SECONDS:g} s a look, {FIX_SECONDS:g} s a mask "
        "corrected by hand; images without clicks are taken to be like the others"
    )


def _notes(state: RunState) -> Iterator[str]:
    if not state.is_audited:
        few = min(FIRST_JUDGEMENTS, state.num_labels)
        yield (
            f"first judge {few} labels ({_minutes(few)}, sapnet audit): then this advice rests on "
            "your own data"
        )
    if state.outdated_audit:
        yield f"{state.outdated_audit}: it does not count"
    if state.num_waiting:
        yield (
            f"costs no time of yours: {state.num_waiting} decisions of your review are not in the "
            "labels yet (sapnet run again, or sapnet label --corrections)"
        )
    if state.missed_scores is None:
        yield "not looked for: objects that were not clicked (sapnet missed)"
    if state.num_decided >= LEAST_TAUGHT and state.proposer == "click":
        yield (
            f"costs no time of yours: {state.num_decided} decided masks are enough to teach the "
            "proposer (sapnet train-proposer --from embedded), which then proposes better masks"
        )


def _is_decided(origin: object) -> bool:
    return isinstance(origin, dict) and origin.get("chosen_by") == PERSON


def _reviewed_ids(path: Path) -> set[int]:
    """Return the ids of the objects that a review has decided on."""
    if not path.is_file():
        return set()
    corrections = load_corrections(path)
    return set(corrections.fixed) | set(corrections.deleted)


def _audit_of(path: Path, labels: LabelSet) -> tuple[Audit | None, str]:
    """Return the audit of these labels, or None and why another one does not count."""
    if not path.is_file():
        return None, ""
    audit = load_audit(path)
    what = changed_since(audit, labels)
    return (None, f"{path} is of other labels ({what} changed since)") if what else (audit, "")


def _found_wrong(audit: Audit) -> set[int]:
    """Return the ids of the labels that were judged as to be fixed or as wrong."""
    return {e.annotation_id for e in audit.sample if e.judgement in ("fix", "wrong")}


def _missed_scores(path: Path) -> tuple[float, ...]:
    content = read_json(path)
    records = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(records, list):
        raise ValueError(
            f"{path}: expected a clicks file of `sapnet missed`, found {shown(content)}. Write it "
            "again, or delete it"
        )
    scores = [record.get("score") for record in records if isinstance(record, dict)]
    return tuple(float(s) for s in scores if isinstance(s, int | float) and 0 <= s <= 1)


def _count_unclicked(labels: LabelSet, images: Path | None) -> int:
    if images is None:
        return 0
    listed = {image.file_name for image in labels.images}
    files = find_images(images)
    return sum(files.name(path) not in listed for path in files.paths)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(round(seconds), 1)} s"

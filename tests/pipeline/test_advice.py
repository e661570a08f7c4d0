"""The advice follows what is known of a run, and says what it rests on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sapnet.cli import main
from sapnet.data.clicks import load_clicks
from sapnet.data.corrections import save_corrections
from sapnet.evaluation.audit.audit_file import draw_audit, save_audit
from sapnet.evaluation.audit.figures import AuditFigures
from sapnet.evaluation.audit.interval import Estimate
from sapnet.evaluation.label_file import load_labels
from sapnet.labelling.label import label_top1
from sapnet.pipeline.advice import RunState, advise, read_state
from sapnet.store.reader import ProposalStore
from sapnet.structures.corrections import Correction, Corrections

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TinySet

STATE = RunState(
    num_labels=100,
    num_decided=0,
    doubts=(*[0.9] * 20, *[0.1] * 80),
    num_clicked_images=10,
    num_unclicked_images=6,
    missed_scores=(0.9, 0.3),
)


def audited(right: float, held: float, judged: int = 100) -> AuditFigures:
    def estimate(value: float) -> Estimate:
        return Estimate(value, value - 0.1, value + 0.1, judged, 100)

    return AuditFigures(
        judged, judged, 100, estimate(right), None, {}, {}, None, 0.03, {0.3: estimate(held)}, ()
    )


def test_the_best_work_comes_first() -> None:
    advice = advise(STATE, 60)
    # A look at a missed object: 0.6 x 0.8 labels a second. An image: 8 in 20 s. A review: 20 of 30
    # doubtful ones are wrong, 1 + 8 x 2/3 s each.
    assert [count for _, count in advice.steps] == [2, 6, 30]
    assert [work.rate for work, _ in advice.steps] == pytest.approx([28.8, 24, 60 / 9.5])
    assert advice.sentence() == (
        "With the next 60 minutes: look through the first 2 objects that were probably not "
        "clicked (2 s, about 1 more right labels); then click the objects of 6 images that have no "
        "click yet (2 min, about 48 more right labels); then review the 30 most doubtful labels "
        "and fix the wrong ones (3 min, about 20 more right labels)."
    )
    assert any("a guess: labels with an uncertainty over 0.5" in line for line in advice.basis)
    assert any("first judge 100 labels" in note for note in advice.notes)


def test_the_time_is_kept() -> None:
    advice = advise(STATE, 1)
    assert [count for _, count in advice.steps] == [2, 2, 2]
    assert sum(work.unit_seconds * count for work, count in advice.steps) <= 60
    with pytest.raises(ValueError, match="expected a positive number"):
        advise(STATE, 0)


def test_an_audit_is_what_it_rests_on() -> None:
    state = replace(STATE, audit=audited(0.9, 0.6), missed_scores=None)
    assert (state.right_share, state.held_share) == (0.9, 0.6)
    advice = advise(state)
    review = next(work for work, _ in advice.steps if work.command == "sapnet review")
    assert review.unit_gain == pytest.approx(0.1 * 100 * 0.6 / 30)
    assert any("90.0% of 100 labels are right" in line for line in advice.basis)
    assert not any("guess" in line for line in advice.basis)
    assert not any("first judge" in note for note in advice.notes)
    few = replace(state, audit=audited(0.9, 0.6, judged=20))
    assert few.right_share == 0.8  # by the uncertainty


def test_nothing_is_left() -> None:
    state = RunState(10, 25, (), 2, 0, (), audited(1.0, 1.0), "click")
    advice = advise(state)
    assert advice.sentence().startswith("Nothing of this run is left")
    assert any("25 decided masks are enough to teach" in note for note in advice.notes)


def test_the_command(tiny_set: TinySet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = label_top1(tiny_set.store, tmp_path / "labels.json").labels
    (tmp_path / "missed.json").write_text(json.dumps({"annotations": [{"score": 0.5}]}))
    state = read_state(tmp_path, labels, tiny_set.images)
    assert state.num_unclicked_images == 0
    assert (state.missed_scores, state.proposer) == ((0.5,), "simulated")
    assert state.num_labels == len(state.doubts) > 0
    words = ["advise", "--run", str(tmp_path), "--minutes", "30"]
    assert main([*words, "--images", str(tiny_set.images)]) == 0
    shown = capsys.readouterr().out
    assert "With the next 30 minutes: look through the first 1 objects" in shown
    assert "This rests on:\n  a guess" in shown
    assert main([*words[:3], "--minutes", "-1"]) == 2
    assert main(["advise", "--run", str(tmp_path / "absent")]) == 1
    assert "Write it with `sapnet run`" in capsys.readouterr().err


def test_all_of_a_small_set_is_enough() -> None:
    few = replace(STATE, num_labels=28, doubts=(0.9,) * 28)
    assert any("first judge 28 labels" in note for note in advise(few).notes)
    judged = replace(few, audit=audited(0.6, 0.5, judged=28))
    assert judged.right_share == 0.6
    assert not any("first judge" in note for note in advise(judged).notes)


def test_what_is_of_other_labels_or_done_does_not_count(tiny_set: TinySet, tmp_path: Path) -> None:
    labels, audit = tmp_path / "labels.json", tmp_path / "audit.json"
    label_top1(ProposalStore(tiny_set.store), labels)
    found = load_labels(labels)
    drawn = draw_audit(labels, found, len(found.labels), 0)
    save_audit(audit, drawn)
    assert read_state(tmp_path, labels).outdated_audit == ""
    clicks = load_clicks(tiny_set.clicks)
    first = clicks.clicks[0]
    masked = replace(first, mask=found.labels[first.annotation_id].rle)
    fixed = {first.annotation_id: Correction(masked, "accepted")}
    decided = Corrections(clicks.images, clicks.categories, fixed)
    save_corrections(tmp_path / "corrections.json", decided)
    state = read_state(tmp_path, labels)
    assert (state.num_decided, state.num_waiting) == (1, 1)
    assert any("1 decisions of your review are not in the labels" in n for n in advise(state).notes)
    content = json.loads(labels.read_text("utf-8"))
    content["annotations"][0]["category_id"] = content["categories"][-1]["id"]
    content["annotations"][1]["category_id"] = content["categories"][0]["id"]
    content["annotations"] = content["annotations"][:-1]
    labels.write_text(json.dumps(content), "utf-8")
    state = read_state(tmp_path, labels)
    assert state.audit is None
    assert "audit.json is of other labels" in state.outdated_audit
    assert any("it does not count" in note for note in advise(state).notes)
    assert main(["advise", "--run", str(tmp_path), "--images", str(tmp_path / "absent")]) == 1


def test_labels_that_the_audit_found_wrong_are_to_be_fixed(
    tiny_set: TinySet, tmp_path: Path
) -> None:
    label_top1(ProposalStore(tiny_set.store), tmp_path / "labels.json")
    labels = load_labels(tmp_path / "labels.json")
    audit = draw_audit(str(tmp_path / "labels.json"), labels, len(labels.labels), seed=0)
    for number in range(len(audit.sample)):
        audit = audit.judged(number, "wrong" if number else "keep")
    save_audit(tmp_path / "audit.json", audit)
    state = read_state(tmp_path)
    assert state.num_known_wrong == len(labels.labels) - 1
    (work, count), *_ = advise(state, 60).steps
    assert work.what == "fix the {count} labels that your audit found wrong"
    assert count == state.num_known_wrong


def test_work_without_gain_is_not_named() -> None:
    state = replace(STATE, num_unclicked_images=0, missed_scores=(0.1, 0.1), doubts=())
    assert advise(state, 60).steps == ()

"""Rounds of a run: what happens in its folder when clicks or corrections have changed.

The folder holds the current round; a copy of the network, the labels and the inputs of the round
before lies in `previous`, and a new round begins with that network. Every step can be repeated, so
that a kill at any moment loses nothing.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.clicks import load_clicks
from sapnet.data.corrections import load_corrections, save_corrections
from sapnet.evaluation.audit.audit_file import AUDIT_NAME
from sapnet.network.config import ModelConfig
from sapnet.network.find import CONFIG_FILE, WEIGHTS_FILE
from sapnet.pipeline.changes import Changes, find_changes, fitting_corrections
from sapnet.pipeline.plan import LABELS, METRICS, MISSED
from sapnet.pipeline.record import describe
from sapnet.structures.corrections import CORRECTIONS_NAME
from sapnet.system.files import read_json, write_bytes_atomic, write_json_atomic
from sapnet.system.from_json import dataclass_from_json
from sapnet.training.run_folder import CHECKPOINT, SETTINGS, SUMMARY

if TYPE_CHECKING:
    from sapnet.pipeline.config import PipelineConfig, PipelineInputs
    from sapnet.pipeline.plan import Plan
    from sapnet.pipeline.record import RunRecord
    from sapnet.structures.clicks import ClickSet
    from sapnet.structures.corrections import Corrections

PREVIOUS = "previous"
"""Folder in the run folder with the network and the labels of the round before."""

USED = "used"
"""Folder in the run folder with the clicks and corrections that the round works with: copies, so
that one can go on clicking while it runs."""

CLICKS_NAME = "clicks.json"

_NUMBER = "round.json"
_LOGS = "logs"
_OF_LABELS = (METRICS, AUDIT_NAME, MISSED)
_KEPT = (CONFIG_FILE, WEIGHTS_FILE, SETTINGS, SUMMARY, LABELS, *_OF_LABELS, USED, _LOGS)
_OUTDATED = (str(CHECKPOINT.parent), SETTINGS, SUMMARY, *_OF_LABELS, _LOGS)
"""What a new round takes away. The old network and labels serve until it has its own."""


@dataclass(frozen=True)
class Round:
    """The round that a call works on.

    Attributes:
        record: of the run.
        changes: since the network that the training begins with; None where nothing has changed
            since the last call.
        left_out: ids of objects whose decision no longer fits the clicks.
    """

    record: RunRecord
    changes: Changes | None = None
    left_out: tuple[int, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Return lines about the round, for the user."""
        found = []
        if self.changes is not None and self.record.starts_warm:
            found.append(f"round {len(self.record.rounds)}, new since the last: {self.changes}")
            found.append("training begins with the network of the last round")
        elif self.changes is not None:
            found.append("the clicks have changed, and no training was finished: it begins anew")
        if self.left_out:
            found.append(
                f"left out: decisions about {len(self.left_out)} objects that are no longer "
                f"clicked as they were, {', '.join(map(str, self.left_out[:5]))}"
                f"{', ...' if len(self.left_out) > 5 else ''}"
            )
        return tuple(found)


def next_round(inputs: PipelineInputs, cfg: PipelineConfig, record: RunRecord) -> Round:
    """Find out if clicks or corrections have changed, and what that means for the run.

    Nothing is written. The folder must be that of `put_aside`.

    Args:
        inputs: files.
        cfg: settings as given.
        record: of the run in the folder.

    Returns:
        The record with a further round in it, whose steps are all to do; or as it was.

    Raises:
        ValueError: there are no clicks, or not one of their images is an image of the run.
    """
    content = describe(inputs, cfg)["content"]
    if record.asked.get("content") == content:
        return Round(record)
    clicks = load_clicks(inputs.clicks)
    is_trained = "train" in record.seconds and (inputs.out / WEIGHTS_FILE).is_file()
    base = inputs.out if is_trained else inputs.out / PREVIOUS
    before, decided_before = _used_inputs(base)
    _check_same_data(inputs, clicks, before)
    decided, left_out = _fitting(inputs, clicks)
    changes = find_changes(before, clicks, decided_before, decided)
    asked = record.asked | {"content": content}
    if is_trained and not changes:
        return Round(replace(record, asked=asked), None, left_out)
    entry = {
        "changes": str(changes),
        "from_previous": before is not None,
        "keeps_current": is_trained,
        "is_aside": False,
        "rate": changes.rate,
    }
    rounds = [*(record.rounds or [{"changes": "the first round"}])]
    finished = [*rounds[:-1], rounds[-1] | {"seconds": record.seconds}]
    rounds = [*(finished if is_trained else rounds[:-1]), entry]
    return Round(replace(record, asked=asked, seconds={}, rounds=rounds), changes, left_out)


def put_aside(out: Path, record: RunRecord) -> RunRecord:
    """Make the folder ready for the current round, if that has not been done.

    Args:
        out: the run folder.
        record: of the run, as it was saved.

    Returns:
        The record, saved, which says that it is done.
    """
    if not record.rounds or record.rounds[-1].get("is_aside", True):
        return record
    number = len(record.rounds)
    if record.rounds[-1]["keeps_current"] and _number(out / PREVIOUS) != number:
        _copy_aside(out, number)
    for name in _OUTDATED:
        _remove(out / name)
    rounds = [*record.rounds[:-1], record.rounds[-1] | {"is_aside": True}]
    record = replace(record, rounds=rounds)
    record.save(out)
    return record


def copy_inputs(inputs: PipelineInputs) -> None:
    """Copy clicks and corrections into the run folder; decisions that do not fit are left out."""
    folder = inputs.out / USED
    write_bytes_atomic(folder / CLICKS_NAME, inputs.clicks.read_bytes())
    decided, _ = _fitting(inputs, load_clicks(folder / CLICKS_NAME))
    if decided is None or not len(decided):
        (folder / CORRECTIONS_NAME).unlink(missing_ok=True)
    else:
        save_corrections(folder / CORRECTIONS_NAME, decided)


def with_round(plan: Plan, record: RunRecord) -> Plan:
    """Complete a plan with what the folder holds: copies of the inputs, the network of before."""
    corrections = plan.out / USED / CORRECTIONS_NAME
    plan = replace(
        plan,
        proposals=replace(plan.proposals, clicks=str(plan.out / USED / CLICKS_NAME)),
        corrections=corrections if corrections.is_file() else None,
    )
    if not record.starts_warm:
        return plan
    previous = plan.out / PREVIOUS
    settings = read_json(previous / CONFIG_FILE)["settings"]
    optimizer = plan.training.optimizer.slower(float(record.rounds[-1].get("rate", 1.0)))
    return replace(
        plan,
        model=dataclass_from_json(settings, ModelConfig),
        training=replace(plan.training, optimizer=optimizer),
        start_run=previous,
    )


def _check_same_data(inputs: PipelineInputs, clicks: ClickSet, before: ClickSet | None) -> None:
    if not clicks.clicks:
        raise ValueError(
            f"{inputs.clicks}: expected clicks, found none on {len(clicks.images)} images. Click "
            "some objects first; the run is as it was."
        )
    if before is None:
        return
    names = {image.file_name for image in before.images}
    if not any(image.file_name in names for image in clicks.images):
        raise ValueError(
            f"{inputs.out} holds a run of other images: {inputs.clicks} lists none of its "
            f"{len(names)} images. Give another --out"
        )


def _fitting(
    inputs: PipelineInputs, clicks: ClickSet
) -> tuple[Corrections | None, tuple[int, ...]]:
    if inputs.decisions is None:
        return None, ()
    return fitting_corrections(load_corrections(inputs.decisions), clicks)


def _used_inputs(base: Path) -> tuple[ClickSet | None, Corrections | None]:
    """Load what a network has learned from; None where there is no network."""
    clicks, corrections = base / USED / CLICKS_NAME, base / USED / CORRECTIONS_NAME
    if not clicks.is_file() or not (base / WEIGHTS_FILE).is_file():
        return None, None
    return load_clicks(clicks), load_corrections(corrections) if corrections.is_file() else None


def _copy_aside(out: Path, number: int) -> None:
    """Copy the finished round to `previous`, whole or not at all."""
    aside, place = out / f".{PREVIOUS}.partial", out / PREVIOUS
    _remove(aside)
    aside.mkdir()
    for name in _KEPT:
        if (out / name).is_dir():
            shutil.copytree(out / name, aside / name)
        elif (out / name).is_file():
            shutil.copyfile(out / name, aside / name)
    write_json_atomic(aside / _NUMBER, {"before_round": number})
    _remove(place)
    aside.replace(place)


def _number(previous: Path) -> int | None:
    path = previous / _NUMBER
    if not path.is_file():
        return None
    number = read_json(path).get("before_round")
    return number if isinstance(number, int) else None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.ladder.__main__ import wanted_systems
from benchmarks.ladder.changes import changes
from benchmarks.ladder.jobs import (
    Job,
    JobOptions,
    Photographs,
    Stopwatch,
    list_jobs,
    next_job,
    run_jobs,
)
from benchmarks.ladder.page.file import load_ladder
from benchmarks.ladder.scales import FIRST_SEED, ladder_scale, seed_images
from benchmarks.ladder.summary import LadderRun, mean_and_std, over_seeds, summarize
from benchmarks.ladder.systems import ladder_systems
from benchmarks.ladder.worker import (
    IMAGES,
    LadderFolder,
    figures_file,
    make_images,
    run_rung,
    take_photographs,
)
from sapnet.labelling.vote import add_segmenter_vote
from sapnet.selection.config import ConsensusConfig, SelectionConfig

if TYPE_CHECKING:
    from tests.conftest import TinySet

SYSTEMS = ladder_systems(SelectionConfig())


def test_a_job_waits_for_what_it_needs() -> None:
    jobs = list_jobs([0, 1], SYSTEMS)
    assert next_job(jobs, set()) == Job(0, IMAGES, ())
    waiting = [job for job in jobs if job.system == "bms_alone"]
    assert next_job(waiting, {(0, IMAGES)}) is None
    assert next_job(waiting, {(0, IMAGES), (1, "pnpg_alone")}) is None
    ready = next_job(waiting, {(1, IMAGES), (1, "pnpg_alone")})
    assert ready is not None
    assert ready.seed == 1


def test_named_systems_bring_what_they_need() -> None:
    base = SelectionConfig()
    assert [s.name for s in wanted_systems(base, ["consensus"])] == ["rivals", "consensus"]
    assert wanted_systems(base, None) == SYSTEMS
    with pytest.raises(SystemExit, match="found \\['magic'\\]"):
        wanted_systems(base, ["magic"])
    rows = [s.name for s in wanted_systems(base, None, 3)]
    assert rows == ["top1", "pnpg_alone", "bms_alone", "sapnet", "two_stage"]
    assert [s.name for s in wanted_systems(base, ["mil"], 7)] == [
        "mil_alone",
        "pnpg_alone",
        "bms_alone",
        "mil",
    ]


def test_mean_and_spread() -> None:
    assert mean_and_std([0.5]) == {"mean": 0.5, "std": None}
    assert mean_and_std([1.0, 2.0, 3.0]) == {"mean": 2.0, "std": 1.0}
    # A kind that no label of a seed is made of has no share there; a segmenter may have one seed.
    seeds = {"0": {"label_miou": 0.5, "share_leak": 0.5, "mask_ap": 0.2}, "1": {"label_miou": 0.7}}
    found = over_seeds(seeds)
    assert found["share_leak"]["mean"] == 0.25
    assert found["mask_ap"] == {"mean": 0.2, "std": None}


def test_no_seeds_or_splits_share_images() -> None:
    scale = ladder_scale("small", 0, "cpu")
    sets = [seed_images(scale, seed, split) for seed in range(100) for split in FIRST_SEED]
    assert len({s.seed for pair in sets for s in (pair.train, pair.test)}) == 4 * 100


@pytest.mark.slow
def test_jobs_are_processes_of_their_own(tmp_path: Path) -> None:
    """The images of a seed, made by a process that is started by its module's name."""
    options = JobOptions(tmp_path, "tiny", "test", "cpu", 1)
    jobs = [Job(0, IMAGES, ())]
    run_jobs(options, jobs, Stopwatch(tmp_path / "elapsed.json"))
    figures = figures_file(LadderFolder(tmp_path, 0), IMAGES)
    made = figures.stat().st_mtime_ns
    assert json.loads(figures.read_text())["num_objects"] > 0
    run_jobs(options, jobs, Stopwatch(tmp_path / "elapsed.json"))
    assert figures.stat().st_mtime_ns == made  # not done again
    with pytest.raises(RuntimeError, match="seed 0, no_such_system: failed"):
        run_jobs(options, [Job(0, "no_such_system", ())], Stopwatch(tmp_path / "elapsed.json"))


@pytest.mark.slow
def test_a_tiny_ladder_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared decision, labels as masks, ground truth: one rung of each kind."""
    scale = ladder_scale("tiny", 0, "cpu")
    folder = LadderFolder(tmp_path, 0)
    make_images(folder, scale, 0, "test")
    base = scale.model.selection
    wanted = wanted_systems(base, ["top1", "two_stage", "joint", "supervised"])
    names = ["top1", "pnpg_alone", "bms_alone", "two_stage", "joint", "ours", "supervised"]
    assert [s.name for s in wanted] == names
    waiting, done = list_jobs([0], wanted), {(0, IMAGES)}
    by_name = {system.name: system for system in wanted}
    asked: dict[str, set[float]] = defaultdict(set)

    def note(labels: Any, bags: Any, selection: Any, cfg: ConsensusConfig) -> Any:  # noqa: ANN401
        asked[job.system].add(cfg.segmenter_weight)
        return add_segmenter_vote(labels, bags, selection, cfg)

    monkeypatch.setattr("sapnet.labelling.choosing.add_segmenter_vote", note)
    while (job := next_job([j for j in waiting if (0, j.system) not in done], done)) is not None:
        run_rung(folder, scale, by_name[job.system])
        done.add((0, job.system))
    run = LadderRun(tmp_path, "tiny", "test", [0])
    (tmp_path / "ladder.json").write_text(json.dumps(summarize(run, wanted, 1.0)))
    found = {system.key: system for system in load_ladder(tmp_path / "ladder.json").systems}
    figures = {s.name: json.loads(figures_file(folder, s.name).read_text()) for s in wanted}
    assert figures["top1"]["label_miou"] == pytest.approx(figures["top1"]["top1_miou"])
    assert figures["two_stage"]["label_miou"] == figures["bms_alone"]["label_miou"]
    assert found["supervised"].labels is None
    trained = set(names) - {"pnpg_alone", "bms_alone", "joint"}
    assert {s.name for s in wanted if "mask_ap" in figures[s.name]} == trained
    assert {key: found[key].trains for key in ("top1", "pnpg_alone", "bms_alone", "ours")} == {
        "top1": "segmenter",
        "pnpg_alone": "selection",
        "bms_alone": "nothing",
        "ours": "selection + segmenter",
    }
    assert asked == {"joint": {0.0}, "ours": {1.0}}
    found = list(changes(folder, "pnpg_alone", "bms_alone"))
    gain = figures["bms_alone"]["label_miou"] - figures["pnpg_alone"]["label_miou"]
    assert np.mean([change.gain for change in found]) == pytest.approx(gain)
    assert all(change.differs for change in found if change.gain)


def test_photographs_take_the_place_of_synthetic_images(tiny_set: TinySet, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for split in ("train", "val"):
        (source / "images").mkdir(parents=True, exist_ok=True)
        (source / "images" / split).symlink_to(tiny_set.images)
        (source / f"instances_{split}.json").symlink_to(tiny_set.truth)
    folder = LadderFolder(tmp_path / "out", 4)
    take_photographs(folder, source, "regions")
    scale = ladder_scale("photographs", 4, "cpu")
    top1 = next(system for system in SYSTEMS if system.name == "top1")
    run_rung(folder, scale, top1)
    run = LadderRun(tmp_path / "out", "photographs", "test", [4], Photographs(source, "regions"))
    found = summarize(run, (top1,), 1.0)
    assert found["command"].endswith(f"--photographs {source} --proposer regions --seeds 4")
    assert found["data"]["train_images"] == found["data"]["test_images"] == tiny_set.num_images
    assert found["systems"]["top1"]["label_miou"] == found["data"]["top1_miou"]
    assert folder.images.is_dir()
    assert "mask_ap" not in found["systems"]["top1"]  # figures of labels

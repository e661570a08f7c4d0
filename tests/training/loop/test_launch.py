from __future__ import annotations

import pytest

from sapnet.training.config import TrainConfig
from sapnet.training.loop.launch import Launch, cluster_plugins, detect_launch, match_launch

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "5",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "8",
    "LOCAL_WORLD_SIZE": "4",
}
SLURM_JOB = {"SLURM_JOB_ID": "17", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "16"}
SRUN = {
    **SLURM_JOB,
    "SLURM_NNODES": "2",
    "SLURM_NTASKS_PER_NODE": "8",
    "SLURM_PROCID": "9",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_STEP_ID": "0",
}


def test_a_process_alone() -> None:
    assert detect_launch({}) is None
    # What Lightning sets for the processes it starts itself.
    assert detect_launch({"WORLD_SIZE": "2", "LOCAL_RANK": "1", "NODE_RANK": "0"}) is None


def test_torchrun() -> None:
    assert detect_launch(TORCHRUN) == Launch("torchrun", 4, 2)


def test_srun() -> None:
    assert detect_launch(SRUN) == Launch("srun", 8, 2)
    without = {name: value for name, value in SRUN.items() if name != "SLURM_NTASKS_PER_NODE"}
    assert detect_launch(without) == Launch("srun", 8, 2)


def test_torchrun_inside_a_slurm_job_counts() -> None:
    assert detect_launch({**SRUN, **TORCHRUN}) == Launch("torchrun", 4, 2)


@pytest.mark.parametrize(
    "environment",
    [
        {**SLURM_JOB, "SLURM_PROCID": "0"},  # the batch script, before any srun
        {**SRUN, "SLURM_JOB_NAME": "bash"},
        {**SRUN, "SLURM_NTASKS": "1", "SLURM_NNODES": "1", "SLURM_NTASKS_PER_NODE": "1"},
    ],
)
def test_slurm_jobs_that_run_one_process(environment: dict[str, str]) -> None:
    assert detect_launch(environment) is None
    names = [type(plugin).__name__ for plugin in cluster_plugins(environment, None)]
    assert names == ["LightningEnvironment"]


@pytest.mark.parametrize(
    "odd", [{"SLURM_NTASKS": "15", "SLURM_NTASKS_PER_NODE": "8"}, {"SLURM_NTASKS": "8"}]
)
def test_uneven_tasks(odd: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"expected the same number on each\. Ask for --nodes=M"):
        detect_launch({**SRUN, **odd})


def test_the_launcher_says_how_many() -> None:
    cfg = match_launch(TrainConfig(batch_size=16), Launch("torchrun", 4, 2))
    assert (cfg.devices, cfg.num_nodes) == (4, 2)
    same = TrainConfig(batch_size=16, devices=4, num_nodes=2)
    assert match_launch(same, Launch("torchrun", 4, 2)) == same
    assert match_launch(same, None) == same


def test_other_numbers_than_the_launcher_started() -> None:
    cfg = TrainConfig(batch_size=16, devices=8)
    with pytest.raises(
        ValueError, match=r"torchrun started 4 processes on each of 2 machines, but"
    ):
        match_launch(cfg, Launch("torchrun", 4, 2))


def test_a_batch_that_cannot_be_shared_out() -> None:
    with pytest.raises(ValueError, match="expected a multiple of the 8 devices, found 4"):
        match_launch(TrainConfig(), Launch("torchrun", 4, 2))


def test_slurm_requeues_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    (plugin,) = cluster_plugins(SRUN, detect_launch(SRUN))
    assert plugin.creates_processes_externally
    assert plugin.auto_requeue is False  # type: ignore[attr-defined]  # of the one for SLURM
    assert (plugin.world_size(), plugin.global_rank(), plugin.local_rank()) == (16, 9, 1)


def test_lightning_finds_torchrun_itself() -> None:
    assert cluster_plugins(TORCHRUN, detect_launch(TORCHRUN)) == []
    assert cluster_plugins({}, None) == []

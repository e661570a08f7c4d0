"""Who starts the processes of a distributed run: torchrun, SLURM's srun, or Lightning itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment

    from sapnet.training.config import TrainConfig

INTERACTIVE_JOBS = ("bash", "interactive")
"""Names of SLURM jobs that Lightning takes for a shell in which one starts things by hand."""


@dataclass(frozen=True)
class Launch:
    """Processes that something else has started, this one among them.

    Attributes:
        launcher: the command that a user knows it by.
        devices: processes on each machine.
        num_nodes: machines.
    """

    launcher: str
    devices: int
    num_nodes: int


def detect_launch(environment: Mapping[str, str]) -> Launch | None:
    """What torchrun or srun has started, read from the variables that they set.

    Args:
        environment: variables of this process.

    Returns:
        The launch; None where this process is alone and may start others itself.

    Raises:
        ValueError: the tasks of a SLURM job are not the same number on each machine.
    """
    # torchrun inside a SLURM job is the one that counts: each of its processes is a device's.
    if "TORCHELASTIC_RUN_ID" in environment:
        devices = int(environment["LOCAL_WORLD_SIZE"])
        return Launch("torchrun", devices, int(environment["WORLD_SIZE"]) // devices)
    num_tasks = int(environment.get("SLURM_NTASKS", "1"))
    if num_tasks == 1 or environment.get("SLURM_JOB_NAME") in INTERACTIVE_JOBS:
        return None
    if "SLURM_PROCID" not in environment or "SLURM_STEP_ID" not in environment:
        return None  # the batch script itself, which runs once: only srun starts the tasks
    num_nodes = int(environment.get("SLURM_NNODES", "1"))
    per_node = environment.get("SLURM_NTASKS_PER_NODE")
    if num_tasks % num_nodes or (per_node is not None and int(per_node) * num_nodes != num_tasks):
        raise ValueError(
            f"SLURM started {num_tasks} tasks on {num_nodes} machines"
            + ("" if per_node is None else f", {per_node} on each")
            + "; expected the same number on each. Ask for --nodes=M --ntasks-per-node=N, N being "
            "the GPUs of a machine"
        )
    return Launch("srun", num_tasks // num_nodes, num_nodes)


def match_launch(cfg: TrainConfig, launch: Launch | None) -> TrainConfig:
    """The settings with the launcher's numbers of devices and machines.

    Args:
        cfg: how to train; one device on one machine stands for "not said".
        launch: what was started.

    Raises:
        ValueError: other numbers were asked for, or the batch cannot be shared out evenly.
    """
    if launch is None:
        return cfg
    asked, started = (cfg.devices, cfg.num_nodes), (launch.devices, launch.num_nodes)
    if asked not in ((1, 1), started):
        raise ValueError(
            f"{launch.launcher} started {launch.devices} processes on each of {launch.num_nodes} "
            f"machines, but --devices {cfg.devices} --num_nodes {cfg.num_nodes} asks for others. "
            f"Leave both out under {launch.launcher}, or make them agree"
        )
    return replace(cfg, devices=launch.devices, num_nodes=launch.num_nodes)


def cluster_plugins(
    environment: Mapping[str, str], launch: Launch | None
) -> list[ClusterEnvironment]:
    """What Lightning must be told about the launcher, beyond what it finds out itself.

    SLURM's signal to requeue is left to SLURM: Lightning would answer it with a checkpoint in a
    file of its own that later runs prefer to newer ones. Where a SLURM job runs `sapnet` once,
    Lightning starts the processes, as on any machine.
    """
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    if launch is not None and launch.launcher == "srun":
        return [SLURMEnvironment(auto_requeue=False)]
    if launch is None and "SLURM_NTASKS" in environment:
        return [LightningEnvironment()]
    return []


def single_process() -> list[ClusterEnvironment]:
    """Return the plugins for a training that runs in this process alone, whatever started it."""
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment

    return [LightningEnvironment()]
